/**
 * Two relays besides the exchange, which has none itself. One of them goes, and the calls that it carried go on over the other.
 *
 * Both people are behind symmetric NATs, so that all media is relayed, by one of the two relays or by both.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { bothSymmetric, RELAYS, relays } from '../lab/topologies.js';
import { converse, Person, talk } from '../support/person.js';
import { withRelays } from '../support/scene.js';

/** The relay that carries the call, and the one that does not. */
async function carrier({ nodes, alice, bob }) {
  const pairs = [await alice.pair(), await bob.pair()];
  // Whoever has a relayed candidate of its own says which relay it is; the other side sees its address.
  const own = pairs.find((pair) => pair.local.type === 'relay')?.local.address;
  const seen = pairs.find((pair) => pair.remote.type === 'relay')?.remote.address;
  const address = own ?? seen;
  const at = RELAYS.findIndex((relay) => relay.v4 === address);
  assert.ok(at >= 0, `a relay must carry the call: ${JSON.stringify(pairs)}`);
  return { carries: nodes[at], other: nodes[1 - at] };
}

/** Neither telephone ever saw its call end. */
async function neverEnded(...people) {
  for (const person of people) {
    const states = await person.states();
    assert.ok(!states.includes('Disconnected') && !states.includes('Disconnecting'), `${person.face}: ${states}`);
    assert.equal(states.at(-1), 'Connected', `${person.face}: ${states}`);
  }
}

/** Relayed bytes in the ledger, by the relay that measured them. */
async function ledgerByRelay(exchange, people) {
  const by = {};
  for (const { id } of people) {
    const { value } = await exchange.usage({ kind: 'NAT', identity: id });
    for (const line of value.filter((record) => record.unit === 'bytes')) {
      const relay = line.recordId.split('-')[1];
      by[relay] = (by[relay] ?? 0) + line.quantity;
    }
  }
  return by;
}

for (const how of ['killed', 'restarted']) {
  test(`a relay that is ${how} in mid-call drops no call that has a second path`, async (t) => {
    const set = await withRelays(t, relays(bothSymmetric()), { deadline: '1s' });
    const { exchange, alice, bob } = set;
    await talk(alice, bob);
    await converse(alice, bob);
    const callId = await alice.callId();
    const { carries, other } = await carrier(set);
    const gone = Date.now();
    if (how === 'killed') await carries.kill();
    else await carries.leave();
    await carries.run();
    t.diagnostic(`the relay was away for ${Date.now() - gone} ms`);
    await sleep(1500); // what is in flight runs dry
    await Promise.all([alice.seesMovement(20, 60_000), bob.seesMovement(20, 60_000)]);
    t.diagnostic(`pictures again ${Date.now() - gone} ms after the relay went`);
    assert.ok(Date.now() - gone < 30_000, 'within half a minute');
    await converse(alice, bob);
    await neverEnded(alice, bob);
    assert.equal(await alice.callId(), callId);
    // And again: the relay that is back is a second path for the other one.
    const now = await carrier(set);
    t.diagnostic(now.carries === other ? 'over the other relay' : 'over the same relay, which is back');
    await now.carries.kill();
    await sleep(1500);
    await Promise.all([alice.seesMovement(20, 60_000), bob.seesMovement(20, 60_000)]);
    await converse(alice, bob);
    await neverEnded(alice, bob);
    await now.carries.run();
    await alice.hangUp();
    assert.deepEqual(await alice.ended(), { code: 0, subCode: 0 });
    assert.deepEqual(await bob.ended(), { code: 0, subCode: 0 });
    // What every relay measured reaches the ledger over the bus, whichever of them lives.
    let ledger = {};
    for (const end = Date.now() + 40_000; Date.now() < end && Object.keys(ledger).length < 2; await sleep(1000)) {
      ledger = await ledgerByRelay(exchange, [alice, bob]);
    }
    t.diagnostic(`ledger ${JSON.stringify(ledger)}`);
    assert.ok(Object.keys(ledger).length >= 2, 'both stretches of the call are in the ledger');
    const story = await exchange.explain(callId);
    assert.deepEqual(story.call.endReason, { code: 0, subCode: 0 });
    assert.ok(story.relayedBytes > 0);
  });
}

test('a relay that drains carries its call until the deadline, sends new ones to the other relay, and the call goes on there', async (t) => {
  const set = await withRelays(t, relays(bothSymmetric()), { deadline: '25s' });
  const { exchange, browserA, browserB, alice, bob } = set;
  await talk(alice, bob);
  await converse(alice, bob);
  const { carries, other } = await carrier(set);
  const left = carries.leave();
  let isOver = false;
  void left.then(() => (isOver = true));
  // Somebody who calls while the relay drains, and who knows no other: ALTERNATE-SERVER leads to the one that stays.
  const { user: carolUser, iceServers: carolsIce } = await onlyKnows(exchange, carries);
  const { user: daveUser, iceServers: davesIce } = await onlyKnows(exchange, carries);
  const [carol, dave] = await Promise.all([
    Person.join(browserA, exchange, 'alice', { user: carolUser, iceServers: carolsIce }),
    Person.join(browserB, exchange, 'bob', { user: daveUser, iceServers: davesIce }),
  ]);
  await talk(carol, dave, { video: false });
  const pairs = [await carol.pair(), await dave.pair()];
  const addresses = pairs.flatMap((pair) => [pair.local, pair.remote]).filter((side) => side.type === 'relay').map((side) => side.address);
  assert.ok(addresses.length > 0 && addresses.every((address) => address === other.address), `${JSON.stringify(pairs)}, and not ${carries.address}`);
  assert.ok(!isOver, 'the live allocations hold the relay');
  await Promise.all([alice.seesMovement(10), bob.seesMovement(10)]);
  await carol.hangUp();
  await left;
  t.diagnostic('the deadline is over, the relay has ended');
  await sleep(1500);
  await Promise.all([alice.seesMovement(20, 60_000), bob.seesMovement(20, 60_000)]);
  await converse(alice, bob);
  await neverEnded(alice, bob);
  const now = await carrier(set);
  assert.equal(now.carries, other, 'over the relay that stays');
  await alice.hangUp();
  assert.deepEqual(await bob.ended(), { code: 0, subCode: 0 });
});

/** A new user, and ICE servers of which only one relay is left, over UDP. */
async function onlyKnows(exchange, relay) {
  const user = await exchange.user();
  const all = await exchange.relay(user);
  const { username, credential } = all.find((server) => server.username);
  return { user, iceServers: [{ urls: [`turn:${relay.name}:3478?transport=udp`], username, credential }] };
}
