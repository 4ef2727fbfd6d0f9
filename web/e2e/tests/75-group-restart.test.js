/** Pages are reloaded and the exchange dies under a group call. Everybody comes back by themselves. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import * as networks from '../lab/topologies.js';
import { crowd } from '../support/scene.js';

test('a page that is reloaded is in its group call again, and the others see the same participant', async (t) => {
  const { alice, bob, carol } = await crowd(t, networks.threeHomes(), { a: 'alice', b: 'bob', c: 'carol' });
  const people = [alice, bob, carol];
  const group = randomUUID();
  for (const person of people) await person.joinGroup(group);
  for (const person of people) await person.isWith(...people.filter((other) => other !== person));
  await alice.hearsExactly(bob, carol);
  const place = await alice.in((id) => {
    window.bob = window.phone.current().call.remoteParticipants.find((one) => one.identifier.communicationUserId === id);
    return window.bob.endpointDetails[0].participantId;
  }, bob.id);
  await bob.pickUp();
  await bob.isWith(alice, carol);
  await alice.hearsExactly(bob, carol);
  await bob.hearsExactly(alice, carol);
  assert.deepEqual(await alice.in(() => [window.bob.state, window.bob.endpointDetails[0].participantId]), ['Connected', place]);
});

test('kill -9 in a group call: after the restart all hear one another again, in the same call', async (t) => {
  const { exchange, alice, bob, carol } = await crowd(t, networks.threeHomes(), { a: 'alice', b: 'bob', c: 'carol' });
  const people = [alice, bob, carol];
  const group = randomUUID();
  for (const person of people) await person.joinGroup(group);
  for (const person of people) await person.isWith(...people.filter((other) => other !== person));
  await alice.hearsExactly(bob, carol);
  const callId = await alice.callId();
  await exchange.kill();
  await exchange.run();
  const ready = Date.now();
  await Promise.all(people.map((person) => person.until('a media path again', async () => {
    const { call } = window.phone.current();
    const newest = window.__watch.open().at(-1);
    return call.state === 'Connected' && newest?.connectionState === 'connected' && window.__watch.connections.length > 1;
  })));
  const took = Date.now() - ready;
  t.diagnostic(`media again ${took} ms after the restart`);
  assert.ok(took < 10_000, `it took ${took} ms`);
  for (const person of people) await person.hearsExactly(...people.filter((other) => other !== person));
  assert.equal(await alice.callId(), callId);
});
