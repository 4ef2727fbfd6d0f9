/** The laboratory is what it says: each router is probed before any browser relies on it. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { existsSync } from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import * as networks from '../lab/topologies.js';

const PROBE = fileURLToPath(new URL('../lab/probe.py', import.meta.url));

/** What the hosts `a` and `b` find out about their routers. */
async function probed(t, network) {
  const net = await network;
  t.after(() => net.lab.close());
  const reflector = net.srv.spawn('/usr/bin/python3', [PROBE, 'reflect', net.wan], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(reflector.stdout, 'data');
  const ask = (host) => JSON.parse(host.run('/usr/bin/python3', PROBE, 'ask', net.wan));
  return { net, a: ask(net.a), b: ask(net.b) };
}

const OPEN = { 443: true, 3478: true };
const ENDPOINT_INDEPENDENT = { udp: true, same_mapping: true, answers_from_strangers: false, tcp: OPEN };
const SYMMETRIC = { udp: true, same_mapping: false, answers_from_strangers: false, tcp: OPEN };
const NO_UDP = { udp: false, same_mapping: false, answers_from_strangers: false, tcp: OPEN };

const expectations = [
  [networks.endpointIndependentNats, ENDPOINT_INDEPENDENT, ENDPOINT_INDEPENDENT],
  [networks.symmetricAgainstPortRestricted, SYMMETRIC, ENDPOINT_INDEPENDENT],
  [networks.bothSymmetric, SYMMETRIC, SYMMETRIC],
  [networks.udpBlocked, NO_UDP, NO_UDP],
  [networks.udpBlockedOnOneSide, NO_UDP, ENDPOINT_INDEPENDENT],
  [networks.only443, { ...NO_UDP, tcp: { 443: true, 3478: false } }, { ...NO_UDP, tcp: { 443: true, 3478: false } }],
  [networks.onlyIpv6, ENDPOINT_INDEPENDENT, ENDPOINT_INDEPENDENT],
];

for (const [network, a, b] of expectations) {
  test(`the network ${network.name} treats packets as its name says`, async (t) => {
    const found = await probed(t, network());
    assert.deepEqual(found.a, a);
    assert.deepEqual(found.b, b);
  });
}

test('a bad line delays and loses, and can be changed and cut while in use', async (t) => {
  const net = await networks.badLine({ delay_ms: 60, jitter_ms: 20, loss: 0 });
  t.after(() => net.lab.close());
  const reflector = net.srv.spawn('/usr/bin/python3', [PROBE, 'reflect', net.wan], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(reflector.stdout, 'data');
  const exchangeOnce = `
import socket, time, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1)
got, spent = 0, 0
for _ in range(int(sys.argv[1])):
    t = time.monotonic(); s.sendto(b"mine", ("${net.wan}", 7001))
    try: s.recv(100); got += 1; spent += time.monotonic() - t
    except TimeoutError: pass
print(got, spent / max(got, 1))`;
  const round = (count) => net.a.run('/usr/bin/python3', '-c', exchangeOnce, String(count)).split(' ').map(Number);
  const [got, seconds] = round(5);
  assert.equal(got, 5);
  assert.ok(seconds >= 0.12, `a round trip of twice 60 ms took ${seconds} s`);
  net.line.change({ cut: true });
  await new Promise((done) => setTimeout(done, 300)); // the link reads its file every 100 ms
  assert.equal(round(2)[0], 0);
});

test('two hosts in one office and in two routed subnets reach each other directly', async (t) => {
  for (const network of [networks.sameSubnet, networks.routedSubnets]) {
    const net = network();
    t.after(() => net.lab.close());
    const address = network === networks.sameSubnet ? '192.168.1.11' : '192.168.1.10';
    const reflector = net.b.spawn('/usr/bin/python3', [PROBE, 'reflect', address], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(reflector.stdout, 'data');
    const found = JSON.parse(net.a.run('/usr/bin/python3', PROBE, 'ask', address));
    assert.deepEqual(found, { udp: true, same_mapping: true, answers_from_strangers: true, tcp: OPEN });
  }
});

test('nothing of a lab is left when its owner is killed', async () => {
  const owner = spawn(process.execPath, ['--input-type=module', '-e', `
    const { twoWaysOut } = await import(${JSON.stringify(new URL('../lab/topologies.js', import.meta.url).href)});
    const net = twoWaysOut();
    net.a.spawn('sleep', ['1000'], { detached: true });
    console.log(net.lab.prefix, net.lab.scratch);
    setInterval(() => {}, 1000);`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [prefix, scratch] = String((await once(owner.stdout, 'data'))[0]).trim().split(' ');
  const left = () => spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout.split('\n').filter((line) => line.startsWith(`${prefix}-`));
  assert.equal(left().length, 7);
  owner.kill('SIGKILL');
  const deadline = Date.now() + 15_000;
  while ((left().length > 0 || existsSync(scratch)) && Date.now() < deadline) await new Promise((done) => setTimeout(done, 100));
  assert.deepEqual(left(), []);
  assert.equal(existsSync(scratch), false);
  assert.equal(existsSync(`/etc/netns/${prefix}-a`), false);
});
