/** The exchange dies under a call. The call goes on, and can be controlled again within seconds. */
import test from 'node:test';
import assert from 'node:assert/strict';
import * as networks from '../lab/topologies.js';
import { scene } from '../support/scene.js';
import { converse, talk } from '../support/person.js';

test('kill -9 in mid-call: media never stops, and 5 s after the restart the call is held, resumed and ended', async (t) => {
  const { exchange, alice, bob } = await scene(t, networks.sameSubnet());
  await talk(alice, bob);
  await converse(alice, bob);
  const callId = await alice.callId();
  await exchange.kill();
  await Promise.all([alice.seesMovement(15), bob.seesMovement(15)]);
  await exchange.run();
  const ready = Date.now();
  await alice.in(() => window.phone.current().call.hold());
  await bob.state('RemoteHold');
  const took = Date.now() - ready;
  t.diagnostic(`in control again ${took} ms after the restart`);
  assert.ok(took < 5_000, `it took ${took} ms`);
  assert.equal(await alice.callId(), callId);
  await alice.in(() => window.phone.current().call.resume());
  await Promise.all([alice.state('Connected'), bob.state('Connected')]);
  await converse(alice, bob);
  await bob.hangUp();
  assert.deepEqual(await alice.ended(), { code: 0, subCode: 0 });
  const story = await exchange.explain(callId);
  assert.deepEqual(story.call.endReason, { code: 0, subCode: 0 });
  const minutes = await exchange.usage({ kind: 'VoIP', call: callId });
  assert.equal(minutes.value.filter((line) => line.unit === 'milliseconds').length, 2, 'each participant is counted once, across the restart');
});

test('kill -9 of the relay in mid-call loses at most ten seconds of the ledger, and doubles nothing', async (t) => {
  const { net, exchange, alice, bob } = await scene(t, networks.bothSymmetric());
  await talk(alice, bob);
  await converse(alice, bob);
  const wire = () => {
    const { relayed_out: out, relayed_in: back } = net.srv.counters();
    return out.bytes - 28 * out.packets + back.bytes - 28 * back.packets;
  };
  // Bytes on the wire, twelve seconds before the end and at it: the ledger has to be between the two.
  await alice.seesMovement(30);
  const early = wire();
  await new Promise((done) => setTimeout(done, 12_000));
  await exchange.kill();
  const late = wire();
  await exchange.run();
  const totals = async () => {
    const sums = await Promise.all([alice, bob].map((person) => exchange.usage({ kind: 'NAT', identity: person.id })));
    const lines = sums.flatMap((page) => page.value).filter((line) => line.unit === 'bytes');
    return lines.reduce((sum, line) => sum + line.quantity, 0);
  };
  const counted = await totals();
  t.diagnostic(`wire ${early} then ${late}, ledger ${counted}`);
  assert.ok(counted >= early * 0.99, `the ledger lost more than ten seconds: ${counted} of ${early} to ${late}`);
  assert.ok(counted <= late * 1.01, `the ledger has more than passed: ${counted} of ${late}`);
});
