/**
 * Everything that may happen to a call between two people: declined, cancelled, taken elsewhere, held, moved on.
 *
 * One office, one exchange, three browsers for the whole file; each test has new users.
 */
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import * as networks from '../lab/topologies.js';
import { chromium } from '../support/browsers.js';
import { Exchange, labConfig } from '../support/exchange.js';
import { PEOPLE } from '../support/media.js';
import { Person, alike, converse, talk } from '../support/person.js';
import { blockWebSockets } from '../support/watch.js';

let net;
let exchange;
let browsers;
/** Two people of whom one never answers: a ring of two minutes, during which the other tests run. */
let unanswered;

before(async () => {
  net = networks.sameSubnet();
  const [started, alice, bob, carol] = await Promise.all([Exchange.start(net, { config: labConfig() }), chromium(net.a, 'alice'), chromium(net.b, 'bob'), chromium(net.b, 'carol')]);
  exchange = started;
  browsers = { alice, bob, carol };
  const [caller, callee] = await Promise.all([Person.join(alice, exchange, 'alice'), Person.join(bob, exchange, 'bob')]);
  await caller.call(callee);
  await callee.rings();
  unanswered = { caller, callee, since: Date.now() };
});

after(async () => {
  await Promise.all(Object.values(browsers ?? {}).map((browser) => browser.close().catch(() => {})));
  await exchange?.stop();
  await net?.lab.close();
});

/** People of a test, by face; their pages close with the test. */
async function people(t, ...faces) {
  const joined = await Promise.all(faces.map((face) => Person.join(browsers[face], exchange, face)));
  t.after(() => Promise.all(joined.map((person) => person.close())));
  return joined;
}

/** Another device of somebody. */
async function device(t, of, options) {
  const person = await Person.join(browsers[of.face], exchange, of.face, { user: of.user, ...options });
  t.after(() => person.close());
  return person;
}

const ringEnd = (person) =>
  person.until('the end of the ring', () => window.phone.rings.at(-1)?.ended).then(() => person.in(() => window.phone.rings.at(-1).ended));

test('a call rings, is accepted, carries voice and picture, and ends for both when one hangs up', async (t) => {
  const [alice, bob] = await people(t, 'alice', 'bob');
  const setup = await talk(alice, bob);
  await converse(alice, bob);
  assert.deepEqual((await alice.states()).filter((state) => state !== 'None'), ['Connecting', 'Ringing', 'Connected']);
  const told = await bob.in(() => {
    const { call } = window.phone.current();
    return { direction: call.direction, caller: call.callerInfo.identifier, name: call.callerInfo.displayName, remote: call.remoteParticipants.map((p) => [p.identifier.communicationUserId, p.state]) };
  });
  assert.equal(told.direction, 'Incoming');
  assert.equal(told.caller.communicationUserId, alice.id);
  assert.equal(told.name, 'alice');
  assert.deepEqual(told.remote, [[alice.id, 'Connected']]);
  await bob.hangUp();
  assert.deepEqual(await bob.ended(), { code: 0, subCode: 0 });
  assert.deepEqual(await alice.ended(), { code: 0, subCode: 0 });
  assert.equal(await alice.in(() => window.phone.agent.calls.length), 0);
  t.diagnostic(`connected ${setup} ms after startCall`);
});

test('a callee who declines ends the call with 603/0', async (t) => {
  const [alice, bob] = await people(t, 'alice', 'bob');
  await alice.call(bob);
  await bob.rings();
  await bob.in(() => window.phone.rings.at(-1).ring.reject());
  assert.deepEqual(await alice.ended(), { code: 603, subCode: 0 });
});

test('a caller who gives up stops the ringing with 487/0', async (t) => {
  const [alice, bob] = await people(t, 'alice', 'bob');
  await alice.call(bob);
  await bob.rings();
  await alice.hangUp();
  assert.deepEqual(await ringEnd(bob), { code: 487, subCode: 0 });
  const { code } = await alice.ended();
  assert.ok([0, 487].includes(code), `the caller's own reason is ${code}`);
});

test('a user without any device cannot be reached: 480/10037', async (t) => {
  const [alice] = await people(t, 'alice');
  await alice.call({ id: (await exchange.user()).id });
  assert.deepEqual(await alice.ended(), { code: 480, subCode: 10037 });
});

test('the first of two devices that accepts has the call, the other is told 487/10003', async (t) => {
  const [alice, bob] = await people(t, 'alice', 'bob');
  const tablet = await device(t, bob);
  await alice.call(bob);
  await Promise.all([bob.rings(), tablet.rings()]);
  await tablet.accept();
  await Promise.all([alice.state('Connected'), tablet.state('Connected')]);
  assert.deepEqual(await ringEnd(bob), { code: 487, subCode: 10003 });
  await converse(alice, tablet, { video: false });
  assert.equal(await bob.in(() => window.phone.agent.calls.length), 0);
});

test('declined by one of two devices a call rings on, declined by both it ends with 487/10024', async (t) => {
  const [alice, bob] = await people(t, 'alice', 'bob');
  const tablet = await device(t, bob);
  await alice.call(bob);
  await Promise.all([bob.rings(), tablet.rings()]);
  await bob.in(() => window.phone.rings.at(-1).ring.reject());
  await sleep(1000);
  assert.equal(await tablet.in(() => window.phone.rings.at(-1).ended), null);
  await tablet.in(() => window.phone.rings.at(-1).ring.reject());
  assert.deepEqual(await alice.ended(), { code: 487, subCode: 10024 });
});

test('mute silences, and the other side sees it', async (t) => {
  const [alice, bob] = await people(t, 'alice', 'bob');
  await talk(alice, bob, { video: false });
  await converse(alice, bob, { video: false });
  await alice.in(() => window.phone.current().call.mute());
  await bob.until('a muted participant', () => window.phone.current().call.remoteParticipants[0].isMuted);
  await bob.hearsNothing();
  await alice.in(() => window.phone.current().call.unmute());
  await bob.until('an unmuted participant', () => !window.phone.current().call.remoteParticipants[0].isMuted);
  await bob.hears(alice);
});

test('hold stops both ways, shows on both sides, and everyone who held must resume', async (t) => {
  const [alice, bob] = await people(t, 'alice', 'bob');
  await talk(alice, bob);
  await converse(alice, bob);
  await alice.in(() => window.phone.current().call.hold());
  await alice.state('LocalHold');
  await bob.state('RemoteHold');
  await Promise.all([alice.hearsNothing(), bob.hearsNothing()]);
  await bob.in(() => window.phone.current().call.hold());
  await bob.state('LocalHold');
  await alice.in(() => window.phone.current().call.resume());
  await alice.state('RemoteHold');
  await alice.hearsNothing();
  await bob.in(() => window.phone.current().call.resume());
  await Promise.all([alice.state('Connected'), bob.state('Connected')]);
  await converse(alice, bob);
});

test('video is switched on and off in mid-call, by both at the same moment too', async (t) => {
  const [alice, bob] = await people(t, 'alice', 'bob');
  await talk(alice, bob, { video: false });
  await converse(alice, bob, { video: false });
  const start = () => window.phone.camera().then((stream) => window.phone.current().call.startVideo(stream));
  // Both offer at once: one of them has to give way.
  await Promise.all([alice.in(start), bob.in(start)]);
  await converse(alice, bob);
  await alice.in(() => window.phone.current().call.stopVideo(window.phone.current().call.localVideoStreams[0]));
  await bob.until('no video of alice', () => !window.phone.current().call.remoteParticipants[0].videoStreams.some((stream) => stream.isAvailable));
  await alice.sees(bob);
  await alice.in(start);
  await bob.sees(alice);
});

test('a renderer shows the picture that arrives', async (t) => {
  const [alice, bob] = await people(t, 'alice', 'bob');
  await talk(alice, bob);
  await bob.until('an available stream', () => window.phone.current().call.remoteParticipants[0]?.videoStreams.some((stream) => stream.isAvailable));
  await bob.in(async () => {
    const [stream] = window.phone.current().call.remoteParticipants[0].videoStreams.filter((one) => one.isAvailable);
    const view = await new window.phone.calling.VideoStreamRenderer(stream).createView({ scalingMode: 'Crop' });
    const frame = document.body.appendChild(document.createElement('div'));
    frame.style.cssText = 'width:320px;height:180px';
    frame.append(view.target);
  });
  await bob.until('a picture in the page', () => window.__watch.shown().length > 0);
  const [{ colour, width }] = await bob.in(() => window.__watch.shown());
  assert.ok(alike(colour, PEOPLE.alice.rgb), `it shows ${colour}`);
  assert.equal(width, 320);
});

test('a screen is shared beside the camera and taken back', async (t) => {
  const [alice, bob] = await people(t, 'alice', 'bob');
  await talk(alice, bob);
  await converse(alice, bob);
  await alice.in(() => window.phone.current().call.startScreenSharing());
  await bob.until('a shared screen', () =>
    window.phone.current().call.remoteParticipants[0].videoStreams.some((stream) => stream.mediaStreamType === 'ScreenSharing' && stream.isAvailable),
  );
  await bob.until('a picture larger than a camera', async () => (await window.__watch.inbound()).frameWidth > 320);
  await alice.in(() => window.phone.current().call.stopScreenSharing());
  await bob.until('no shared screen', () =>
    !window.phone.current().call.remoteParticipants[0].videoStreams.some((stream) => stream.mediaStreamType === 'ScreenSharing' && stream.isAvailable),
  );
  await bob.sees(alice);
});

test('a data channel carries messages both ways', async (t) => {
  const [alice, bob] = await people(t, 'alice', 'bob');
  await talk(alice, bob, { video: false });
  const send = (text) => {
    const { call } = window.phone.current();
    const feature = call.feature(window.phone.calling.Features.DataChannel);
    window.sender ??= feature.createDataChannelSender({ channelId: 1000, reliability: 'Durable' });
    return window.sender.sendMessage(new TextEncoder().encode(text));
  };
  for (const text of ['one', 'two', 'three']) await alice.in(send, text);
  await bob.in(send, 'four');
  await bob.until('three messages', () => window.phone.current().received.length === 3);
  assert.deepEqual(await bob.in(() => window.phone.current().received.map(({ channel, text }) => [channel, text])), [[1000, 'one'], [1000, 'two'], [1000, 'three']]);
  await alice.until('one message', () => window.phone.current().received.length === 1);
  assert.equal(await alice.in(() => window.phone.current().received[0].text), 'four');
});

test('a transfer joins the person transferred with a third, and frees the one who asked', async (t) => {
  const [alice, bob, carol] = await people(t, 'alice', 'bob', 'carol');
  await talk(alice, bob, { video: false });
  await converse(alice, bob, { video: false });
  await alice.in((target) => {
    const { call } = window.phone.current();
    window.transfer = call.feature(window.phone.calling.Features.Transfer).transfer({ targetParticipant: { communicationUserId: target } });
  }, carol.id);
  await carol.rings();
  await carol.accept();
  await alice.until('a finished transfer', () => window.transfer.state === 'Transferred');
  await alice.in(() => window.phone.calls[0].call.state !== 'Disconnected' && window.phone.calls[0].call.hangUp());
  await bob.until('the end of the first call', () => window.phone.calls[0].ended);
  await Promise.all([bob.state('Connected'), carol.state('Connected')]);
  await converse(bob, carol, { video: false });
  assert.equal((await bob.in(() => window.phone.calls[0].ended)).subCode, 7015);
  assert.equal(await alice.in(() => window.phone.agent.calls.length), 0);
});

test('a page that is reloaded is back in the same call', async (t) => {
  const [alice, bob] = await people(t, 'alice', 'bob');
  await talk(alice, bob);
  await converse(alice, bob);
  const callId = await bob.callId();
  await bob.pickUp();
  await bob.until('the call it was in', () => window.phone.current());
  assert.equal(await bob.callId(), callId);
  await bob.state('Connected');
  await Promise.all([alice.hears(bob), bob.hears(alice)]);
  await bob.sees(alice);
  assert.equal(await alice.callId(), callId);
  assert.equal(await alice.in(() => window.phone.current().call.state), 'Connected');
  await bob.hangUp();
  assert.deepEqual(await alice.ended(), { code: 0, subCode: 0 });
});

test('where WebSocket is blocked, long polling carries the call', async (t) => {
  const [alice] = await people(t, 'alice');
  const bob = await Person.join(browsers.bob, exchange, 'bob', { scripts: [blockWebSockets] });
  t.after(() => bob.close());
  await talk(alice, bob);
  await converse(alice, bob);
  assert.ok((await bob.in(() => window.__blockedWebSockets)) > 0, 'it never tried a WebSocket, so nothing was shown');
  await alice.in(() => window.phone.current().call.hold());
  await bob.state('RemoteHold');
  await alice.in(() => window.phone.current().call.resume());
  await bob.state('Connected');
  await bob.hangUp();
  assert.deepEqual(await alice.ended(), { code: 0, subCode: 0 });
});

test('the story of a call is told afterwards: path, candidates, steps, reason', async (t) => {
  const [alice, bob] = await people(t, 'alice', 'bob');
  await talk(alice, bob);
  await converse(alice, bob);
  const callId = await alice.callId();
  await alice.hangUp();
  await bob.ended();
  const story = await exchange.explain(callId);
  assert.equal(story.call.caller, alice.id);
  assert.deepEqual(story.call.endReason, { code: 0, subCode: 0 });
  assert.equal(story.relayedBytes, 0);
  assert.equal(story.legs.length, 2);
  for (const leg of story.legs) {
    assert.ok(leg.candidates.length > 0, `no candidates of ${leg.role}`);
    assert.ok(leg.selected, `no selected pair of ${leg.role}`);
    assert.ok(leg.connectedMs > 0);
  }
  const text = exchange.command('explain', callId);
  assert.match(text, new RegExp(callId));
  assert.match(text, /host/);
});

test('a call that nobody answers ends after two minutes with 487/10004', async (t) => {
  const { caller, callee, since } = unanswered;
  assert.deepEqual(await caller.ended(150_000), { code: 487, subCode: 10004 });
  assert.deepEqual(await ringEnd(callee), { code: 487, subCode: 10004 });
  const [state, at] = await caller.in(() => window.phone.current().states.at(-1));
  t.diagnostic(`${state} ${at} ms after startCall; ${Date.now() - since} ms of other tests meanwhile`);
  assert.ok(at > 110_000 && at < 130_000, `it rang for ${at} ms`);
});
