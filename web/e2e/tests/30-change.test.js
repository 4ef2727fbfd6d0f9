/** The network changes under a call, and the call goes on. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import * as networks from '../lab/topologies.js';
import { scene } from '../support/scene.js';
import { converse, talk } from '../support/person.js';

test('a move from Wi-Fi to a mobile network in mid-call: another address, the same call', async (t) => {
  const { net, alice, bob } = await scene(t, networks.twoWaysOut());
  await talk(alice, bob);
  await converse(alice, bob);
  const callId = await alice.callId();
  net.leaveWifi();
  const moved = Date.now();
  // What is in flight runs dry first.
  await sleep(1500);
  await Promise.all([alice.seesMovement(10, 60_000), bob.seesMovement(10, 60_000)]);
  t.diagnostic(`pictures again ${Date.now() - moved} ms after the move`);
  await converse(alice, bob);
  assert.equal(await alice.callId(), callId);
  assert.deepEqual([await alice.states(), await bob.states()].map((states) => states.at(-1)), ['Connected', 'Connected']);
  const seen = await bob.pair();
  if (seen.remote.address) assert.equal(seen.remote.address, '203.0.113.103');
  // Signalling moved too: the call can be ended from the moved side.
  await alice.hangUp();
  assert.deepEqual(await bob.ended(), { code: 0, subCode: 0 });
});

test('a line that is cut for ten seconds heals without a new call', async (t) => {
  const { net, alice, bob } = await scene(t, networks.badLine({ delay_ms: 10 }));
  await talk(alice, bob);
  await converse(alice, bob);
  net.line.change({ cut: true });
  await sleep(10_000);
  net.line.change({ cut: false });
  await Promise.all([alice.seesMovement(10, 60_000), bob.seesMovement(10, 60_000)]);
  await converse(alice, bob);
  await bob.hangUp();
  assert.deepEqual(await alice.ended(), { code: 0, subCode: 0 });
});

test('a NAT that forgets everything and gives new ports is answered by new paths', async (t) => {
  const { net, alice, bob } = await scene(t, networks.symmetricAgainstPortRestricted());
  await talk(alice, bob);
  await converse(alice, bob);
  net.gwa.run('conntrack', '-F');
  await sleep(1500);
  await Promise.all([alice.seesMovement(10, 60_000), bob.seesMovement(10, 60_000)]);
  await converse(alice, bob);
});
