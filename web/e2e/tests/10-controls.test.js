/**
 * What must not connect, does not. Without these a case could pass because the network let through what it should not.
 *
 * The exchange's own STUN and TURN, bare RTCPeerConnections, no calling client.
 */
import test from 'node:test';
import assert from 'node:assert/strict';
import * as networks from '../lab/topologies.js';
import { barePage, bareCall } from '../support/bare.js';
import { stage } from '../support/scene.js';

const HOPELESS = 9_000; // ms; what connects, connects in under 3 s on a busy machine

async function bare(t, network) {
  const set = await stage(t, network());
  const user = await set.exchange.user();
  const servers = await set.exchange.relay(user);
  const urls = servers.flatMap((server) => [server.urls].flat().map((url) => ({ ...server, urls: [url] })));
  const only = (pattern) => {
    const found = urls.filter((server) => pattern.test(server.urls[0]));
    assert.ok(found.length > 0, `the exchange offers no ${pattern}: ${JSON.stringify(urls.map((server) => server.urls))}`);
    return { iceServers: found };
  };
  const call = async (config) => {
    const pages = await Promise.all([barePage(set.browserA), barePage(set.browserB)]);
    const connected = await bareCall(...pages, config, HOPELESS);
    const pairs = connected ? await Promise.all(pages.map((page) => page.evaluate(() => window.__watch.pairs()))) : [];
    await Promise.all(pages.map((page) => page.close()));
    return { connected, pairs };
  };
  return { ...set, only, call };
}

test('two endpoint-independent NATs need STUN', async (t) => {
  const { only, call } = await bare(t, networks.endpointIndependentNats);
  assert.equal((await call({ iceServers: [] })).connected, false);
  assert.equal((await call(only(/^stun:/))).connected, true);
});

test('symmetric NATs on both sides need a relay, and STUN is not enough', async (t) => {
  const { only, call } = await bare(t, networks.bothSymmetric);
  assert.equal((await call(only(/^stun:/))).connected, false);
  const relayed = await call(only(/^turn:.*udp/));
  assert.equal(relayed.connected, true);
});

test('without UDP, STUN and TURN over UDP are not enough and TURN over TCP is', async (t) => {
  const { only, call } = await bare(t, networks.udpBlocked);
  assert.equal((await call(only(/^stun:|^turn:.*udp/))).connected, false);
  const relayed = await call(only(/^turn:.*tcp/));
  assert.equal(relayed.connected, true);
  for (const [pair] of relayed.pairs) assert.equal(pair.local.relayProtocol, 'tcp');
});

test('with only port 443 open, TURN over TCP on its own port is not enough and TURN over TLS is', async (t) => {
  const { only, call } = await bare(t, networks.only443);
  assert.equal((await call(only(/^turn:.*:3478.*tcp/))).connected, false);
  const relayed = await call(only(/^turns:/));
  assert.equal(relayed.connected, true);
  for (const [pair] of relayed.pairs) assert.equal(pair.local.relayProtocol, 'tls');
});
