/**
 * Many people in one call, through the media processor.
 *
 * Who is heard and seen is told by tones and colours: each hears exactly the others, never oneself, and each picture on the page is of whom
 * the client says it is.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import * as networks from '../lab/topologies.js';
import { crowd } from '../support/scene.js';

const everybodyElse = (people, one) => people.filter((other) => other !== one);

/** All join the same group, and are in it. */
async function gather(people, options = {}) {
  const group = randomUUID();
  for (const person of people) await person.joinGroup(group, { video: true, ...options });
  await Promise.all(people.map((person) => person.isWith(...everybodyElse(people, person))));
  return group;
}

test('four people: each hears exactly the others and sees each of them, forwarded and then mixed, with one offer each', async (t) => {
  const { exchange, alice, bob, carol, dave } = await crowd(t, networks.fourHomes(), { a: 'alice', b: 'bob', c: 'carol', d: 'dave' });
  const people = [alice, bob, carol, dave];
  await gather(people);
  // One after the other: four browsers that listen at once leave nothing for the media.
  for (const person of people) {
    await person.hearsExactly(...everybodyElse(people, person));
    await person.seesEach(...everybodyElse(people, person));
  }
  for (const person of people) {
    const pair = await person.pair();
    assert.equal(pair.local.protocol, 'udp');
    assert.notEqual(pair.local.type, 'relay', `${person.face} needs no relay, whatever the NAT: ${JSON.stringify(pair)}`);
  }
  const speakers = await alice.in(() => window.phone.current().call.feature(window.phone.calling.Features.DominantSpeakers).dominantSpeakers.speakersList.length);
  assert.ok(speakers >= 1, 'somebody is a dominant speaker');

  const offers = await Promise.all(people.map((person) => person.in(() => window.__watch.connections.length)));
  for (const person of people) await person.in(() => window.phone.current().call.feature(window.phone.calling.Conference).receive('mixed'));
  for (const person of people) {
    await person.until('one sound and one picture', () => window.phone.current().call.feature(window.phone.calling.Conference).mode === 'mixed');
    await person.hearsExactly(...everybodyElse(people, person));
    await person.seesTogether(...everybodyElse(people, person));
  }
  for (const person of people) await person.in(() => window.phone.current().call.feature(window.phone.calling.Conference).receive('forwarded'));
  await alice.until('each picture again', () => window.phone.current().call.feature(window.phone.calling.Conference).mode === 'forwarded');
  await alice.seesEach(bob, carol, dave);
  assert.deepEqual(await Promise.all(people.map((person) => person.in(() => window.__watch.connections.length))), offers, 'the same peer connections');

  const callId = await alice.callId();
  await dave.hangUp();
  assert.deepEqual(await dave.ended(), { code: 0, subCode: 0 });
  await alice.isWith(bob, carol);
  await alice.hearsExactly(bob, carol);
  await alice.in(() => window.phone.current().call.hangUp({ forEveryone: true }));
  await Promise.all([bob.ended(), carol.ended()]);
  assert.equal((await bob.ended()).subCode, 4097);
  const minutes = await exchange.usage({ kind: 'VoIP', call: callId });
  const times = minutes.value.filter((line) => line.unit === 'milliseconds' && line.quantity > 0);
  assert.equal(times.length, 4, 'one record of time for each participant');
});

test('muting, hands, the stage, removing, data: what one does all see', async (t) => {
  const { alice, bob, carol } = await crowd(t, networks.threeHomes(), { a: 'alice', b: 'bob', c: 'carol' });
  const people = [alice, bob, carol];
  await gather(people, { video: false });
  await alice.hearsExactly(bob, carol);

  await bob.in(() => {
    window.muted = 0;
    window.phone.current().call.on('mutedByOthers', () => window.muted++);
  });
  await alice.in(() => window.phone.current().call.muteAllRemoteParticipants());
  await bob.until('being muted by others', () => window.muted === 1 && window.phone.current().call.isMuted);
  await alice.hearsExactly();
  await bob.in(() => window.phone.current().call.unmute());
  await alice.hearsExactly(bob);
  await carol.in(() => window.phone.current().call.unmute());

  await carol.in(() => window.phone.current().call.feature(window.phone.calling.Features.RaiseHand).raiseHand());
  await bob.in(() => window.phone.current().call.feature(window.phone.calling.Features.RaiseHand).raiseHand());
  await alice.until('two hands, in the order in which they went up', (wanted) => {
    const hands = window.phone.current().call.feature(window.phone.calling.Features.RaiseHand).getRaisedHands();
    return JSON.stringify(hands.map((hand) => hand.identifier.communicationUserId)) === JSON.stringify(wanted);
  }, { args: [[carol.id, bob.id]] });
  await alice.in((id) => window.phone.current().call.feature(window.phone.calling.Features.Spotlight).startSpotlight([{ communicationUserId: id }]), bob.id);
  await carol.until('Bob on the stage', () => window.phone.current().call.feature(window.phone.calling.Features.Spotlight).getSpotlightedParticipants().length === 1);

  await alice.in(() => window.phone.send('to all'));
  await alice.in((id) => window.phone.send('to bob', { to: [id] }), bob.id);
  await alice.in(() => window.phone.send('to all again'));
  const texts = (wanted) => window.phone.current().received.map(({ text }) => text).join() === wanted;
  await bob.until('three messages', texts, { args: ['to all,to bob,to all again'] });
  await carol.until('two messages', texts, { args: ['to all,to all again'] });

  await alice.in(() => window.phone.current().call.hold());
  await bob.until('Alice holding', (id) => window.phone.current().call.remoteParticipants.find((one) => one.identifier.communicationUserId === id)?.state === 'Hold', { args: [alice.id] });
  assert.equal(await bob.in(() => window.phone.current().call.state), 'Connected', 'a hold in a group is everybody’s own affair');
  await bob.hearsExactly(carol);
  await alice.in(() => window.phone.current().call.resume());
  await bob.hearsExactly(alice, carol);

  await alice.in((id) => window.phone.current().call.removeParticipant({ communicationUserId: id }), carol.id);
  const { code, subCode } = await carol.ended();
  assert.equal(code, 0);
  assert.ok([5000, 5300].includes(subCode), `removed: ${subCode}`);
  await bob.isWith(alice);
});

test('calling two at once is a group call, and the one who declines is not in it', async (t) => {
  const { alice, bob, carol } = await crowd(t, networks.threeHomes(), { a: 'alice', b: 'bob', c: 'carol' });
  await alice.in(async (ids) => {
    const options = await window.phone.videoOptions(true);
    window.phone.adopt(window.phone.agent.startCall(ids.map((id) => ({ communicationUserId: id })), options));
  }, [bob.id, carol.id]);
  await Promise.all([bob.rings(), carol.rings()]);
  await bob.accept({ video: true });
  await carol.in(() => window.phone.rings.at(-1).ring.reject());
  await Promise.all([alice.isWith(bob), bob.isWith(alice)]);
  await alice.hearsExactly(bob);
  await bob.seesEach(alice);
});
