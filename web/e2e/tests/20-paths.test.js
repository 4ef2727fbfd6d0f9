/**
 * A call takes the most direct path its network has, and falls back by itself.
 *
 * In each network two Chromiums call each other through the real exchange with the real client. Who is heard and seen is
 * told by tone and colour; which path it took, by the selected pair; what it cost, by the ledger.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import * as networks from '../lab/topologies.js';
import { labConfig } from '../support/exchange.js';
import { scene } from '../support/scene.js';
import { converse, talk } from '../support/person.js';
import { firefox, watchedPage } from '../support/browsers.js';

/** Set-up of a call on a slow shared machine, ms; on a free one it is a tenth of that. */
const SETUP = 15_000;

const REFLEXIVE = ['srflx', 'prflx'];

async function callIn(t, network, options) {
  const set = await scene(t, network, options);
  const setup = await talk(set.alice, set.bob);
  await converse(set.alice, set.bob);
  const [a, b] = [await set.alice.pair(), await set.bob.pair()];
  const [heardA, heardB] = [await set.alice.inbound(), await set.bob.inbound()];
  const show = (side) => `${side.local.type}${side.local.relayProtocol ? `/${side.local.relayProtocol}` : ''} to ${side.remote.type}`;
  t.diagnostic(`connected ${setup} ms after startCall; alice ${show(a)}; bob ${show(b)}; frames ${heardA.framesDecoded} and ${heardB.framesDecoded}`);
  assert.ok(setup < SETUP, `set-up took ${setup} ms`);
  assert.ok(heardA.framesDecoded > 0 && heardB.framesDecoded > 0);
  assert.ok(heardA.audioEnergy > 0, `audio energy of alice: ${heardA.audioEnergy}`);
  assert.ok(heardB.audioEnergy > 0 || options?.browserB, `audio energy of bob: ${heardB.audioEnergy}`);
  return { ...set, a, b, setup };
}

/** Ends the call and checks that the ledger has no relayed byte. STUN is free. */
async function endsForFree({ exchange, alice, bob }) {
  const callId = await alice.callId();
  await alice.hangUp();
  assert.deepEqual(await alice.ended(), { code: 0, subCode: 0 });
  await bob.ended();
  const relayed = await exchange.relayedByNow([alice.user, bob.user]);
  assert.deepEqual([relayed.sent, relayed.received], [0, 0]);
  const minutes = await exchange.usage({ kind: 'VoIP', call: callId });
  assert.equal(minutes.value.filter((line) => line.unit === 'milliseconds' && line.quantity > 0).length, 2, 'one record of time for each participant');
}

for (const network of [networks.sameSubnet, networks.routedSubnets]) {
  test(`${network.name}: host to host, and no media leaves the building`, async (t) => {
    const call = await callIn(t, network());
    for (const side of [call.a, call.b]) {
      assert.deepEqual([side.local.type, side.remote.type], ['host', 'host']);
    }
    const before = call.net.gwa.counters();
    await call.alice.seesMovement(30);
    const after = call.net.gwa.counters();
    assert.ok(after.udp_out.bytes - before.udp_out.bytes < 5_000, 'binding requests at most, out of the building');
    await endsForFree(call);
  });
}

test('onlyIpv6: host to host over IPv6, through two firewalls', async (t) => {
  const call = await callIn(t, networks.onlyIpv6());
  for (const side of [call.a, call.b]) {
    assert.deepEqual([side.local.type, side.remote.type], ['host', 'host']);
    if (side.local.address) assert.match(side.local.address, /^2001:db8:/);
  }
  await endsForFree(call);
});

test('endpointIndependentNats: NAT to NAT through STUN, and nothing is relayed', async (t) => {
  const call = await callIn(t, networks.endpointIndependentNats());
  for (const side of [call.a, call.b]) {
    assert.ok(REFLEXIVE.includes(side.local.type) && REFLEXIVE.includes(side.remote.type), JSON.stringify(side));
  }
  const before = call.net.srv.counters();
  await call.alice.seesMovement(30);
  const after = call.net.srv.counters();
  assert.ok(after.relayed_in.bytes + after.relayed_out.bytes - before.relayed_in.bytes - before.relayed_out.bytes < 2_000, 'no media passes the exchange');
  await endsForFree(call);
});

/** Sides whose own candidate is a relayed one. */
const relayedSides = (call) => [call.a, call.b].filter((side) => side.local.type === 'relay');

for (const network of [networks.symmetricAgainstPortRestricted, networks.bothSymmetric]) {
  test(`${network.name}: relayed over UDP, and the ledger is what passed the relay`, async (t) => {
    const call = await callIn(t, network());
    const sides = relayedSides(call);
    assert.ok(sides.length >= 1, `a side must be relayed: ${JSON.stringify([call.a, call.b])}`);
    for (const side of sides) assert.equal(side.local.relayProtocol, 'udp');
    assert.ok([call.a, call.b].every((side) => side.local.type === 'relay' || side.remote.type === 'relay'));
    // Some time of media, so that what surrounds the call does not count.
    await call.bob.seesMovement(60);
    await call.alice.hangUp();
    await call.alice.ended();
    await call.bob.ended();
    assert.equal(sides.length, 1, 'one relay is enough, and then all it relays is on the wire');
    // On the wire between relay and peer there are 28 bytes of IP and UDP headers around each payload.
    const { relayed_out: out, relayed_in: back } = call.net.srv.counters();
    const wire = { sent: out.bytes - 28 * out.packets, received: back.bytes - 28 * back.packets };
    const agrees = (ledger) => ['sent', 'received'].every((way) => Math.abs(ledger[way] - wire[way]) <= 0.01 * wire[way]);
    const ledger = await call.exchange.relayedAtLast([call.alice.user, call.bob.user], agrees);
    t.diagnostic(`ledger ${ledger.sent} + ${ledger.received} bytes, wire ${wire.sent} + ${wire.received}`);
    assert.ok(wire.sent > 20_000 && wire.received > 20_000, 'there was media');
    assert.ok(agrees(ledger), `the ledger says ${JSON.stringify(ledger)}, the wire ${JSON.stringify(wire)}`);
    mostlyOver(ledger, 'udp');
  });
}

test('what the relay refuses is in the story of the call', async (t) => {
  // A browser asks over UDP, TCP and TLS at once; one is all it gets here, and enough.
  const config = labConfig('allocations_per_user = 1\nworkers = 1\n');
  const call = await callIn(t, networks.bothSymmetric(), { exchange: { config } });
  const callId = await call.alice.callId();
  await call.alice.hangUp();
  await call.bob.ended();
  let story = '';
  for (const end = Date.now() + 20_000; Date.now() < end && !story.includes('(486)'); await sleep(500)) story = call.exchange.command('explain', callId);
  assert.match(story, /is refused an allocation \(486\): its user has as many as one may have, by the relay over (udp|tcp|tls)/, story);
  // The console says the same: what was relayed, for whom, in which call, how; and from there the story of the call.
  const page = await watchedPage(call.browserA);
  t.after(() => page.close().catch(() => {}));
  await page.goto(`${call.exchange.origin}/#console`);
  await page.$eval('#access-key', (field, text) => (field.value = text), call.exchange.runtime.connection_string);
  await page.$eval('#key-form', (form) => form.requestSubmit());
  const line = (id) => [...document.querySelectorAll('#usage tr')].find((row) => /Relayed.*, sent/.test(row.textContent) && row.querySelector(`a[href="#console/${id}"]`));
  const until = (fn, ...args) => page.waitForFunction(fn, { timeout: 30_000, polling: 200 }, ...args);
  const row = await until(line, callId);
  assert.match(await row.evaluate((element) => element.textContent), /(udp|tcp|tls), (sent|received)/);
  await row.evaluate((element) => element.querySelector('a').click());
  await until(() => document.querySelector('#explain').textContent.includes('is refused an allocation (486)'));
});

test('udpBlocked: relayed over TCP on both sides', async (t) => {
  const call = await callIn(t, networks.udpBlocked());
  for (const side of [call.a, call.b]) assert.deepEqual([side.local.type, side.local.relayProtocol], ['relay', 'tcp']);
  await relayedBytesAgree(t, call, 'tcp');
});

test('udpBlockedOnOneSide: that side is relayed over TCP, the other reaches the relay directly', async (t) => {
  const call = await callIn(t, networks.udpBlockedOnOneSide());
  assert.deepEqual([call.a.local.type, call.a.local.relayProtocol], ['relay', 'tcp']);
  assert.notEqual(call.b.local.relayProtocol, 'tcp');
});

test('only443: relayed over TLS on the HTTPS port on both sides', async (t) => {
  const call = await callIn(t, networks.only443());
  for (const side of [call.a, call.b]) assert.deepEqual([side.local.type, side.local.relayProtocol], ['relay', 'tls']);
  assert.equal(call.net.srv.counters().client_udp_in.packets, 0);
  await relayedBytesAgree(t, call, 'tls');
});

/** All relays are checked at once, so a few checks may have passed another one before the pair was chosen; the media did not. */
function mostlyOver(ledger, transport) {
  const all = ledger.sent + ledger.received;
  const elsewhere = all - ledger.over(transport);
  assert.ok(elsewhere < 0.02 * all + 4_000, `${elsewhere} of ${all} bytes were not relayed over ${transport}`);
}

/** The ledger against what the browsers themselves counted: media sent by each, as application data. */
async function relayedBytesAgree(t, call, transport) {
  await call.bob.seesMovement(60);
  const sent = async (person) => (await person.pair()).bytesSent;
  const browsers = (await sent(call.alice)) + (await sent(call.bob));
  await call.alice.hangUp();
  await call.alice.ended();
  await call.bob.ended();
  const ledger = await call.exchange.relayedAtLast([call.alice.user, call.bob.user], (now) => now.sent >= browsers);
  t.diagnostic(`ledger ${ledger.sent} + ${ledger.received} bytes, browsers sent ${browsers}`);
  mostlyOver(ledger, transport);
  // Connectivity checks are relayed too and are no media, and some media was sent after the look: a little above, never below.
  assert.ok(ledger.sent >= browsers && ledger.sent <= browsers * 1.25 + 20_000, `the ledger says ${ledger.sent}, the browsers ${browsers}`);
}

test('badLine: 2 % loss, 60 ms with jitter each way and 1.5 Mbit/s still make a call', async (t) => {
  const call = await callIn(t, networks.badLine({ delay_ms: 60, jitter_ms: 30, loss: 0.02, rate_bit: 1_500_000 }));
  for (const side of [call.a, call.b]) assert.ok(REFLEXIVE.includes(side.local.type), JSON.stringify(side));
  await Promise.all([call.alice.seesMovement(45), call.bob.seesMovement(45)]);
  const { packetsLost } = await call.bob.inbound();
  assert.ok(packetsLost > 0, 'the line lost nothing, so it was no bad line');
  await endsForFree(call);
});

test('Chromium and Firefox talk through two endpoint-independent NATs', async (t) => {
  const call = await callIn(t, networks.endpointIndependentNats(), { browserB: firefox });
  for (const side of [call.a, call.b]) assert.ok(REFLEXIVE.includes(side.local.type), JSON.stringify(side));
  await endsForFree(call);
});

for (const [network, transport] of [[networks.onlyStunPort, 'udp'], [networks.udpBlocked, 'tcp']]) {
  test(`Chromium and Firefox talk, both through the relay over ${transport}`, async (t) => {
    const call = await callIn(t, network(), { browserB: firefox });
    for (const side of [call.a, call.b]) assert.deepEqual([side.local.type, side.local.relayProtocol], ['relay', transport]);
    await call.alice.hangUp();
    await call.bob.ended();
    const relayed = await call.exchange.relayedByNow([call.bob.user]);
    assert.ok(relayed.over(transport) > 20_000, `Firefox's own relayed bytes: ${relayed.over(transport)}`);
  });
}

test('Chromium and Firefox talk through the relay when only port 443 is open', async (t) => {
  const call = await callIn(t, networks.only443(), { browserB: firefox });
  for (const side of [call.a, call.b]) assert.deepEqual([side.local.type, side.local.relayProtocol], ['relay', 'tls']);
});
