/** With the relay switched off, a call that needs it ends with the documented reason, and nothing is relayed. */
import test from 'node:test';
import assert from 'node:assert/strict';
import * as networks from '../lab/topologies.js';
import { labConfig } from '../support/exchange.js';
import { scene } from '../support/scene.js';
import { converse, talk } from '../support/person.js';

const OFF = { config: labConfig('enabled = false\n') };

test('a call that needs the relay ends within 30 s with 410/3112 on both sides', async (t) => {
  const { net, exchange, alice, bob } = await scene(t, networks.bothSymmetric(), { exchange: OFF });
  await alice.call(bob, { video: true });
  await bob.rings();
  const began = Date.now();
  await bob.accept({ video: true });
  const [a, b] = await Promise.all([alice.ended(60_000), bob.ended(60_000)]);
  const took = Date.now() - began;
  t.diagnostic(`over ${took} ms after it was accepted`);
  assert.deepEqual([a, b], [{ code: 410, subCode: 3112 }, { code: 410, subCode: 3112 }]);
  assert.ok(took < 30_000, `it took ${took} ms`);
  const { sent, received } = await exchange.relayedByNow([alice.user, bob.user]);
  assert.deepEqual([sent, received], [0, 0]);
  assert.equal(net.srv.counters().relayed_out.packets, 0);
});

test('a call that does not need the relay does not miss it', async (t) => {
  const { alice, bob } = await scene(t, networks.endpointIndependentNats(), { exchange: OFF });
  await talk(alice, bob);
  await converse(alice, bob);
});
