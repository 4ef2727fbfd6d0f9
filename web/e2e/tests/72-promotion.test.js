/** A call between two becomes one of three while they talk. Nobody misses more than half a second, nor has to do anything. */
import test from 'node:test';
import assert from 'node:assert/strict';
import * as networks from '../lab/topologies.js';
import { crowd } from '../support/scene.js';
import { converse, talk } from '../support/person.js';

/** The longest gap that people may notice, ms. Frames of a picture are 67 ms apart here. */
const GAP = 500;

/** Begins to count: the longest time between two frames on the page, and without any voice on any connection. */
function count() {
  const phone = window.phone;
  for (const entry of phone.views.values()) entry.longestGap = 0;
  phone.silence = 0;
  phone.counting ??= setInterval(() => {
    const receivers = window.__watch.open().flatMap((pc) => pc.getReceivers()).filter(({ track }) => track.kind === 'audio');
    const latest = Math.max(0, ...receivers.map((one) => one.getSynchronizationSources()[0]?.timestamp ?? 0));
    if (latest > 0) phone.silence = Math.max(phone.silence, performance.timeOrigin + performance.now() - latest);
  }, 10);
}

const gaps = () => ({ picture: Math.round(Math.max(...[...window.phone.views.values()].map(({ longestGap }) => longestGap))), silence: Math.round(window.phone.silence) });

test('a third is added: the two go on seeing and hearing, and afterwards all three do', async (t) => {
  const { alice, bob, carol } = await crowd(t, networks.threeHomes(), { a: 'alice', b: 'bob', c: 'carol' });
  await talk(alice, bob);
  await converse(alice, bob);
  await Promise.all([alice.seesEach(bob), bob.seesEach(alice)]);
  const objects = await alice.in(() => {
    window.before = window.phone.current().call.remoteParticipants[0];
    return window.phone.calls.length;
  });
  await Promise.all([alice.in(count), bob.in(count)]);
  await alice.in((id) => void (window.added = window.phone.current().call.addParticipant({ communicationUserId: id })), carol.id);
  await carol.rings();
  await carol.accept({ video: true });
  const people = [alice, bob, carol];
  for (const person of people) await person.isWith(...people.filter((other) => other !== person));
  for (const person of [alice, bob]) {
    await person.until('one peer connection, to the media processor', () => window.__watch.open().length === 1 && window.phone.current().call.feature(window.phone.calling.Conference).isActive);
  }
  for (const person of [alice, bob]) {
    const missed = await person.in(gaps);
    t.diagnostic(`${person.face} missed at most ${missed.picture} ms of the picture and ${missed.silence} ms of the voice`);
    assert.ok(missed.picture < GAP && missed.silence < GAP, JSON.stringify(missed));
  }
  for (const person of people) {
    await person.hearsExactly(...people.filter((other) => other !== person));
    await person.seesEach(...people.filter((other) => other !== person));
  }
  assert.equal(await alice.in(() => window.phone.calls.length), objects, 'it is the same call');
  assert.equal(await alice.in(() => window.phone.current().call.remoteParticipants.includes(window.before) && window.added.state), 'Connected');
});

test('a third who declines leaves the two as they were', async (t) => {
  const { alice, bob, carol } = await crowd(t, networks.threeHomes(), { a: 'alice', b: 'bob', c: 'carol' });
  await talk(alice, bob);
  await alice.in((id) => void (window.added = window.phone.current().call.addParticipant({ communicationUserId: id })), carol.id);
  await carol.rings();
  await carol.in(() => window.phone.rings.at(-1).ring.reject());
  await alice.until('the end of the invitation', () => window.added.state === 'Disconnected');
  assert.equal(await alice.in(() => window.added.callEndReason.code), 603);
  await Promise.all([alice.isWith(bob), bob.isWith(alice)]);
  await Promise.all([alice.hearsExactly(bob), bob.hearsExactly(alice)]);
});
