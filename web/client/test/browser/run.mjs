/** Two people in real browsers over the small exchange of `exchange.mjs`: `npm run test:browser [name]`. */

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { Exchange } from './exchange.mjs';
import { openBrowser, openPerson, signIn, until } from './people.mjs';

const entryPoints = [fileURLToPath(new URL('../../src/index.ts', import.meta.url))];
const built = await build({ entryPoints, bundle: true, format: 'esm', target: 'es2022', sourcemap: 'inline', write: false });
const script = built.outputFiles[0].contents;
const only = process.argv[2];
const browser = await openBrowser();
let failed = 0;

/** Milliseconds that a measurement took, told beside the test's name. */
let note = '';

async function test(name, run, initialise) {
  if (only && !name.includes(only)) return;
  const exchange = new Exchange(script);
  await exchange.listen();
  note = '';
  const started = Date.now();
  let ann;
  let bob;
  try {
    ann = await openPerson(browser, exchange, 'acs:r_ann', initialise);
    bob = await openPerson(browser, exchange, 'acs:r_bob', initialise);
    await run({ ann, bob, exchange });
    assert.deepEqual([...ann.errors, ...bob.errors], [], 'errors in the pages');
    console.log(`ok      ${name} (${Date.now() - started} ms)${note}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok  ${name}\n        ${error.stack}`);
  } finally {
    await ann?.page.context().close();
    await bob?.page.context().close();
    exchange.close();
  }
}

const start = (person, target, options = '{}') =>
  person.page.evaluate(`window.t0 = performance.now(); window.mine = agent.startCall([{ communicationUserId: '${target.id}' }], ${options}); mine.state`);

const accept = (person, options = '{}') => person.page.evaluate(`(async () => { await rings.at(-1).accept(${options}) })()`);

const connected = (...people) => Promise.all(people.map((person) => until(person, `call?.state === 'Connected'`)));

/** Bytes of sound or pictures grow on this person's side. */
async function hears(person, media = 'audio') {
  const index = media === 'audio' ? 0 : media === 'video' ? 1 : 2;
  await until(person, `(async () => {
    const door = call.feature(window.probe ??= { callApiCtor: class { constructor({ door }) { this.door = door } dispose() {} } }).door;
    const stats = await door.receiver('${media}')?.getStats();
    let packets = 0;
    stats?.forEach((entry) => { if (entry.type === 'inbound-rtp') packets = ${index === 0 ? 'entry.packetsReceived' : 'entry.framesDecoded ?? 0'} });
    const before = window.heard_${media} ?? 0;
    const isNew = window.heardPeer_${media} !== door.peer;
    window.heard_${media} = packets; window.heardPeer_${media} = door.peer;
    return !isNew && before > 0 && packets > before;
  })()`, `${media} flows`);
}

async function silent(person) {
  await until(person, `(async () => {
    const door = call.feature(window.probe ??= { callApiCtor: class { constructor({ door }) { this.door = door } dispose() {} } }).door;
    const read = async () => { let n = 0; (await door.receiver('audio').getStats()).forEach((entry) => { if (entry.type === 'inbound-rtp') n = entry.packetsReceived }); return n };
    const before = await read();
    await new Promise((resolve) => setTimeout(resolve, 400));
    return (await read()) === before;
  })()`, 'nothing is heard');
}

async function talk(ann, bob, options) {
  await start(ann, bob, options);
  await until(bob, 'rings.length > 0');
  await accept(bob);
  await connected(ann, bob);
}

await test('a call is placed, rings, is answered, heard on both sides and hung up', async ({ ann, bob, exchange }) => {
  assert.equal(await start(ann, bob), 'None');
  await until(bob, 'rings.length > 0');
  await until(ann, `call.state === 'Ringing'`);
  assert.equal(await bob.page.evaluate('rings[0].callerInfo.displayName'), 'acs:r_ann');
  const answeredAt = await ann.page.evaluate('performance.now()');
  await accept(bob);
  await connected(ann, bob);
  await Promise.all([hears(ann), hears(bob)]);
  note = `, heard ${Math.round((await ann.page.evaluate('performance.now()')) - answeredAt)} ms after the answer`;
  await until(ann, 'call.remoteParticipants[0].isSpeaking', 'Bob is heard to speak');
  await ann.page.evaluate('call.hangUp()');
  await until(bob, `call.state === 'Disconnected'`);
  assert.deepEqual(await ann.page.evaluate('states'), ['None', 'Connecting', 'Ringing', 'Connected', 'Disconnecting', 'Disconnected']);
  assert.deepEqual(await bob.page.evaluate('[agent.calls.length, call.callEndReason.code, call.callEndReason.subCode]'), [0, 0, 0]);
  const report = exchange.signals('media').find((signal) => signal.report.state === 'connected').report;
  assert.equal(report.selected.local.type, 'host');
  assert.ok(report.setupMs > 0);
  assert.equal(exchange.signals('describe').length, 0, 'no renegotiation');
});

const door = `call.feature(window.probe ??= { callApiCtor: class { constructor({ door }) { this.door = door } dispose() {} } }).door`;

await test('video starts and stops without renegotiation, and a screen is shared', async ({ ann, bob, exchange }) => {
  await ann.page.evaluate('camera().then((it) => { window.cam = it })');
  await talk(ann, bob, '{ videoOptions: { localVideoStreams: [cam] } }');
  await until(bob, 'call.remoteParticipants[0].videoStreams[0]?.isAvailable', 'the camera is announced');
  await hears(bob, 'video');
  await until(bob, 'call.remoteParticipants[0].videoStreams[0].isAvailable');
  await bob.page.evaluate(`(async () => {
    const view = await new sdk.VideoStreamRenderer(call.remoteParticipants[0].videoStreams[0]).createView();
    document.body.append(view.target);
  })()`);
  assert.equal(await ann.page.evaluate('call.isLocalVideoStarted && call.localVideoStreams[0] === cam'), true);
  await ann.page.evaluate('call.stopVideo(cam)');
  await until(bob, '!call.remoteParticipants[0].videoStreams[0].isAvailable');
  await ann.page.evaluate('camera().then((it) => call.startVideo(it))');
  await until(bob, 'call.remoteParticipants[0].videoStreams[0].isAvailable');
  await hears(bob, 'video');
  await ann.page.evaluate('call.startScreenSharing()');
  await until(bob, 'call.remoteParticipants[0].videoStreams.some((one) => one.mediaStreamType === "ScreenSharing" && one.isAvailable)');
  await hears(bob, 'screen');
  assert.equal(await ann.page.evaluate('call.isScreenSharingOn && call.localVideoStreams.length'), 2);
  await ann.page.evaluate('call.stopScreenSharing()');
  await until(bob, 'call.remoteParticipants[0].videoStreams.every((one) => one.mediaStreamType !== "ScreenSharing" || !one.isAvailable)');
  assert.equal(exchange.signals('describe').length, 0, 'no renegotiation');
});

await test('a call is declined, and another one is cancelled', async ({ ann, bob }) => {
  await start(ann, bob);
  await until(bob, 'rings.length === 1');
  await bob.page.evaluate('rings[0].reject()');
  await until(ann, `call.state === 'Disconnected'`);
  assert.equal(await ann.page.evaluate('call.callEndReason.code'), 603);
  await start(ann, bob);
  await until(bob, 'rings.length === 2');
  await ann.page.evaluate('call.hangUp()');
  await until(bob, 'rings[1].callEndReason?.code === 487');
  const error = await bob.page.evaluate('rings[1].accept().catch((error) => [error.code, error.subCode])');
  assert.deepEqual(error, [400, 41006]);
});

await test('mute is seen on the other side, and hold stops media both ways', async ({ ann, bob }) => {
  await talk(ann, bob);
  await hears(bob);
  await ann.page.evaluate('call.mute()');
  await until(bob, 'call.remoteParticipants[0].isMuted');
  await ann.page.evaluate('call.unmute()');
  await until(bob, '!call.remoteParticipants[0].isMuted');
  await ann.page.evaluate('call.hold()');
  assert.equal(await ann.page.evaluate('call.state'), 'LocalHold');
  await until(bob, `call.state === 'RemoteHold'`);
  await Promise.all([silent(ann), silent(bob)]);
  await bob.page.evaluate('call.hold()');
  assert.equal(await bob.page.evaluate('call.state'), 'LocalHold');
  await ann.page.evaluate('call.resume()');
  await until(ann, `call.state === 'RemoteHold'`);
  await bob.page.evaluate('call.resume()');
  await connected(ann, bob);
  await Promise.all([hears(ann), hears(bob)]);
});

for (const who of ['ann', 'bob']) {
  await test(`${who === 'ann' ? 'the caller' : 'the callee'} reloads the page and is in the same call again`, async ({ ann, bob, exchange }) => {
    await talk(ann, bob);
    await Promise.all([hears(ann), hears(bob)]);
    const person = who === 'ann' ? ann : bob;
    await person.page.reload();
    const started = Date.now();
    await signIn(person, exchange);
    assert.equal(await person.page.evaluate('agent.calls.length'), 1);
    await connected(ann, bob);
    await Promise.all([hears(ann), hears(bob)]);
    note = `, heard again ${Date.now() - started} ms after signing in`;
    assert.equal(exchange.signals('leaving').length + exchange.log.filter((entry) => entry.type === 'leaving').length > 0, true);
    await ann.page.evaluate('call.hangUp()');
    await until(bob, `call.state === 'Disconnected'`);
  });
}

await test('both pages reload at once', async ({ ann, bob, exchange }) => {
  await talk(ann, bob);
  await Promise.all([ann.page.reload(), bob.page.reload()]);
  await Promise.all([signIn(ann, exchange), signIn(bob, exchange)]);
  await connected(ann, bob);
  await Promise.all([hears(ann), hears(bob)]);
});

await test('the callee reloads while it rings, and the caller reloads while it rings', async ({ ann, bob, exchange }) => {
  await start(ann, bob);
  await until(bob, 'rings.length === 1');
  await bob.page.reload();
  await signIn(bob, exchange);
  await until(bob, 'rings.length === 1');
  await ann.page.reload();
  await signIn(ann, exchange);
  await until(ann, `call?.state === 'Ringing'`);
  await until(bob, 'rings[0].incoming.offer.epoch === 1', 'the new offer is there');
  await accept(bob);
  await connected(ann, bob);
  await Promise.all([hears(ann), hears(bob)]);
});

await test('the event connection is cut and the exchange is away: the call goes on, and nothing is lost', async ({ ann, bob, exchange }) => {
  await talk(ann, bob);
  exchange.isDown = true;
  exchange.cut();
  await until(ann, `agent.connectionState === 'Disconnected'`);
  const holding = ann.page.evaluate('call.hold()');
  await ann.page.waitForTimeout(500);
  exchange.isDown = false;
  await holding;
  await until(bob, `call.state === 'RemoteHold'`);
  await until(ann, `agent.connectionState === 'Connected'`);
});

await test('both sides restart ICE at once: the offers meet, and the call goes on', async ({ ann, bob, exchange }) => {
  await talk(ann, bob);
  await Promise.all([hears(ann), hears(bob)]);
  for (let round = 0; round < 3; round += 1) {
    await Promise.all([ann, bob].map(({ page }) => page.evaluate(`window.dispatchEvent(new Event('online'))`)));
    await ann.page.waitForTimeout(700);
  }
  await until(ann, `${door}.peer.signalingState === 'stable'`);
  await until(bob, `${door}.peer.signalingState === 'stable'`);
  await Promise.all([hears(ann), hears(bob)]);
  const offers = exchange.signals('describe').filter((signal) => signal.description.kind === 'offer');
  assert.ok(offers.length >= 4, `${offers.length} offers`);
  // Where offers met, the caller began another epoch; nobody else may.
  assert.ok(Math.max(...offers.map((signal) => signal.description.epoch)) <= 3);
});

await test('a peer connection that died is built anew', async ({ ann, bob }) => {
  await talk(ann, bob);
  await hears(bob);
  await ann.page.evaluate(`${door}.peer.close()`); // nothing more is heard of it: the other side notices
  const started = Date.now();
  await until(bob, `${door}.path === 'interrupted'`, 'the loss is noticed', 15_000);
  note = `, noticed after ${Date.now() - started} ms`;
  await until(bob, `${door}.epoch > 0 && ${door}.path === 'connected'`, 'it is mended', 40_000);
  await Promise.all([hears(ann), hears(bob)]);
});

await test('without WebSocket events come by long poll', async ({ ann, bob, exchange }) => {
  exchange.hasWebSocket = false;
  exchange.cut();
  for (const person of [ann, bob]) {
    await person.page.reload();
    await signIn(person, exchange);
  }
  await talk(ann, bob);
  await Promise.all([hears(ann), hears(bob)]);
  await bob.page.evaluate('call.hangUp()');
  await until(ann, `call.state === 'Disconnected'`);
});

await test('no path is found without a relay: the relay is asked for, and with none the client gives up', async ({ ann, bob, exchange }) => {
  exchange.ice = { ...exchange.ice, turn: [{ urls: ['turn:127.0.0.1:9?transport=udp'], username: 'u', credential: 'p' }] };
  await Promise.all([ann, bob].map(async (person) => {
    await person.page.reload();
    await signIn(person, exchange);
  }));
  await talk(ann, bob);
  await until(ann, `${door}.peer.getConfiguration().iceServers.some((one) => String(one.urls).startsWith('turn:'))`, 'the relay is configured');
  const restarts = exchange.signals('describe').filter((signal) => signal.description.kind === 'offer');
  assert.ok(restarts.length > 0);
}, `(${String(() => {
  // Direct candidates of the other side lead nowhere; relayed ones are as they are.
  const astray = (line) => (line.includes('typ relay') ? line : line.replace(/(udp|tcp) (\d+) \S+ \d+/i, '$1 $2 192.0.2.1 9'));
  const { addIceCandidate, setRemoteDescription } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.addIceCandidate = function add(candidate) {
    return addIceCandidate.call(this, candidate && { ...candidate, candidate: astray(candidate.candidate) });
  };
  RTCPeerConnection.prototype.setRemoteDescription = function set({ type, sdp }) {
    return setRemoteDescription.call(this, { type, sdp: sdp.replace(/^a=candidate:.*\r\n/gm, '') });
  };
})})()`);

await test('a transfer to somebody else, blind and after asking', async ({ ann, bob, exchange }) => {
  const eve = await openPerson(browser, exchange, 'acs:r_eve');
  try {
    await talk(ann, bob);
    await bob.page.evaluate(`window.moved = []; call.feature(sdk.Features.Transfer).on('transferAccepted', ({ targetCall }) => moved.push(targetCall))`);
    await ann.page.evaluate(`window.handed = mine.feature(sdk.Features.Transfer).transfer({ targetParticipant: { communicationUserId: '${eve.id}' } }); 0`);
    await until(eve, 'rings.length === 1');
    await accept(eve);
    await until(ann, `handed.state === 'Transferred' && mine.state === 'Disconnected' && mine.callEndReason.subCode === 7015`);
    await until(bob, `moved[0]?.state === 'Connected' && agent.calls.length === 1 && agent.calls[0] === moved[0]`);
    await Promise.all([hears(bob), hears(eve)]);

    // Bob asks Ann, with Eve on hold, and brings the two together.
    await bob.page.evaluate(`window.first = call; window.second = agent.startCall([{ communicationUserId: '${ann.id}' }]); 0`);
    await until(ann, 'rings.length === 1');
    await accept(ann);
    await until(bob, `second.state === 'Connected' && first.state === 'LocalHold'`);
    await bob.page.evaluate(`first.feature(sdk.Features.Transfer).transfer({ targetCallId: second.id }); 0`);
    await until(ann, `agent.calls.length === 1 && call.state === 'Connected' && call.remoteParticipants[0].identifier.communicationUserId === '${eve.id}'`);
    assert.equal(await ann.page.evaluate('rings.length'), 1, 'Ann is not asked');
    await until(bob, 'agent.calls.length === 0');
    await Promise.all([hears(ann), hears(eve)]);
  } finally {
    await eve.page.context().close();
  }
});

await test('one call at a time: answering a second one puts the first on hold', async ({ ann, bob, exchange }) => {
  const eve = await openPerson(browser, exchange, 'acs:r_eve');
  try {
    await talk(ann, bob);
    await start(eve, bob);
    await until(bob, 'rings.length === 2');
    await bob.page.evaluate('window.first = call; 0');
    await accept(bob);
    await until(bob, `call !== first && call.state === 'Connected' && first.state === 'LocalHold'`);
    await until(ann, `call.state === 'RemoteHold'`);
    await hears(eve);
    await bob.page.evaluate('first.resume()');
    await until(eve, `call.state === 'RemoteHold'`);
    await connected(ann);
    await hears(ann);
  } finally {
    await eve.page.context().close();
  }
});

await test('data channels, statistics and diagnostics work on a call', async ({ ann, bob }) => {
  await talk(ann, bob);
  await bob.page.evaluate(`window.got = []; call.feature(sdk.Features.DataChannel).on('dataChannelReceiverCreated', (receiver) => {
    const read = () => { for (let m = receiver.readMessage(); m; m = receiver.readMessage()) got.push(new TextDecoder().decode(m.data)) };
    receiver.on('messageReady', read); read();
  })`);
  await ann.page.evaluate(`call.feature(sdk.Features.DataChannel).createDataChannelSender({ channelId: 7 }).sendMessage(new TextEncoder().encode('hello'))`);
  await until(bob, `got[0] === 'hello'`);
});

await browser.close();
process.exit(failed === 0 ? 0 : 1);
