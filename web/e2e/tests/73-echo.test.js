/** The echo bot plays back what it hears (B-CALL-12). */
import test from 'node:test';
import assert from 'node:assert/strict';
import * as networks from '../lab/topologies.js';
import { crowd } from '../support/scene.js';

test('calling 8:echo123 answers at once, and after a moment one hears oneself', async (t) => {
  const { alice } = await crowd(t, networks.threeHomes(), { a: 'alice' });
  await alice.in(() => void window.phone.adopt(window.phone.agent.startCall([{ id: '8:echo123' }])));
  await alice.state('Connected');
  assert.equal(await alice.in(() => window.phone.current().call.remoteParticipants[0].identifier.kind), 'unknown');
  await alice.hears(alice);
  await alice.hangUp();
  assert.deepEqual(await alice.ended(), { code: 0, subCode: 0 });
});
