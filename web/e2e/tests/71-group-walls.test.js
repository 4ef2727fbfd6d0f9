/** People in one call, each behind another wall: the one without UDP and the one with nothing but port 443 are in it like the one on a free line. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import * as networks from '../lab/topologies.js';
import { crowd } from '../support/scene.js';

test('one without UDP, one with only TCP 443, one free with 2 % loss: all hear and see one another', async (t) => {
  const { net, alice, bob, carol } = await crowd(t, networks.walls(), { a: 'alice', b: 'bob', c: 'carol' });
  const people = [alice, bob, carol];
  const group = randomUUID();
  for (const person of people) await person.joinGroup(group, { video: true });
  for (const person of people) await person.isWith(...people.filter((other) => other !== person));
  for (const person of people) {
    await person.hearsExactly(...people.filter((other) => other !== person));
    await person.seesEach(...people.filter((other) => other !== person));
  }
  const [a, b, c] = [await alice.pair(), await bob.pair(), await carol.pair()];
  t.diagnostic(`alice ${JSON.stringify(a.local)}, bob ${JSON.stringify(b.local)}, carol ${JSON.stringify(c.local)}`);
  assert.deepEqual([a.local.type, a.local.relayProtocol], ['relay', 'tcp']);
  assert.deepEqual([b.local.type, b.local.relayProtocol], ['relay', 'tls']);
  assert.deepEqual([c.local.protocol, c.local.type === 'relay'], ['udp', false]);
  assert.equal(net.gwa.counters().udp_in.packets, 0, 'no UDP reaches Alice');
  assert.ok((await carol.inbound()).packetsLost > 0, 'the line of Carol lost nothing, so it was no bad line');
  // Loss is repaired before it is seen: pictures go on.
  await Promise.all(people.map((person) => person.seesMovement(60)));
});
