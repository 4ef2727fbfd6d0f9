/**
 * The networks in which two people, `a` and `b`, call each other.
 *
 *     a --- gwa ---+
 *                  +--- public (bridge in `core`) --- srv  203.0.113.10, exchange.lab
 *     b --- gwb ---+
 *
 * Each function builds one and gives `{ a, b, srv, ... }`. `core` is also everybody's
 * provider: what is sent to a private range from the public network vanishes there without a word, as on the internet.
 */
import { Lab, wire } from './lab.js';
import { FIREWALL, NAT, gateway } from './gateway.js';
import { shapedWire } from './link.js';

/** The name everybody knows the exchange by, and its addresses. */
export const EXCHANGE = { name: 'exchange.lab', v4: '203.0.113.10', v6: '2001:db8:0:1::10' };

/** Relays besides the exchange, where a test has some. */
export const RELAYS = [
  { name: 'relay1.lab', v4: '203.0.113.11' },
  { name: 'relay2.lab', v4: '203.0.113.12' },
];

const PROVIDER = { v4: '203.0.113.1', v6: '2001:db8:0:1::1' };

/** Each inside host has its own local ports, so that a port kept by one router never clashes with another host's. */
let nextPorts = 0;
function ownPorts(space) {
  const first = 20_000 + 4_000 * (nextPorts++ % 9);
  space.sysctl({ 'net.ipv4.ip_local_port_range': `${first} ${first + 3999}` });
}

function internet({ v6 = false } = {}) {
  const lab = Lab.open();
  // Chromium looks up the names of STUN and TURN servers with a dot at their end, and files know only literal names.
  lab.hosts = [{ name: EXCHANGE.name, v4: v6 ? EXCHANGE.v6 : EXCHANGE.v4 }, ...RELAYS].map(({ name, v4: address }) => `${address} ${name} ${name}.`);
  const core = lab.namespace('core').bridge('br0').routes();
  const srv = lab.namespace('srv');
  wire(core, 'p-srv', srv, 'wan', { master: 'br0' });
  if (v6) {
    core.ip(`addr add ${PROVIDER.v6}/64 dev br0 nodad`, 'route add blackhole ::/0');
    srv.ip(`addr add ${EXCHANGE.v6}/64 dev wan nodad`, `route add ::/0 via ${PROVIDER.v6}`);
  } else {
    core.ip(`addr add ${PROVIDER.v4}/24 dev br0`, 'route add blackhole 0.0.0.0/0');
    srv.ip(`addr add ${EXCHANGE.v4}/24 dev wan`, `route add default via ${PROVIDER.v4}`);
  }
  srv.nft(`
table inet watch {
  counter relayed_out { }
  counter relayed_in { }
  counter client_udp_in { }
  chain out {
    type filter hook output priority filter;
    oifname "wan" udp sport >= 49152 counter name relayed_out
  }
  chain in {
    type filter hook input priority filter;
    iifname "wan" udp dport >= 49152 counter name relayed_in
    iifname "wan" udp dport 3478 counter name client_udp_in
  }
}
`);
  return { lab, core, srv, wan: v6 ? EXCHANGE.v6 : EXCHANGE.v4 };
}

/** A router on the public network. `address` is its public one, with prefix length. */
function router(net, name, address, rules) {
  const space = net.lab.namespace(name).routes();
  wire(net.core, `p-${name}`, space, 'wan', { master: 'br0' });
  if (address.includes(':')) space.ip(`addr add ${address} dev wan nodad`, `route add ::/0 via ${PROVIDER.v6}`);
  else space.ip(`addr add ${address} dev wan`, `route add default via ${PROVIDER.v4}`);
  gateway(space, { ...rules, wan: address.split('/')[0] });
  return space;
}

/** A host on a private network of its own behind a router. */
function host(net, name, behind, { address, via, prefix, end = 'lan', device = 'eth0' }) {
  const space = net.lab.namespaces.get(name) ?? net.lab.namespace(name);
  wire(behind, end, space, device);
  attach(space, behind, { address, via, prefix, end, device });
  return space;
}

function attach(space, behind, { address, via, prefix, end = 'lan', device = 'eth0' }) {
  const nodad = via.includes(':') ? ' nodad' : '';
  behind.ip(`addr add ${via}/${prefix} dev ${end}${nodad}`);
  space.ip(`addr add ${address}/${prefix} dev ${device}${nodad}`);
  space.ip(`route add ${via.includes(':') ? '::/0' : 'default'} via ${via}`);
  ownPorts(space);
}

const SIDE_A = { address: '10.10.0.10', via: '10.10.0.1', prefix: 16 };
const SIDE_B = { address: '192.168.1.10', via: '192.168.1.1', prefix: 24 };
const WAN_A = '203.0.113.101/24';
const WAN_B = '203.0.113.102/24';

/** Two people behind a router each; the rules of the routers make the case. */
export function twoGateways(rulesA, rulesB = rulesA) {
  const net = internet();
  const gwa = router(net, 'gwa', WAN_A, rulesA);
  const gwb = router(net, 'gwb', WAN_B, rulesB);
  const a = host(net, 'a', gwa, SIDE_A);
  const b = host(net, 'b', gwb, SIDE_B);
  return { ...net, gwa, gwb, a, b };
}

/** One office: both on the same subnet, behind one router. */
export function sameSubnet() {
  const net = internet();
  const gwa = router(net, 'gwa', WAN_A, { nat: NAT.portRestricted }).bridge('lan');
  gwa.ip('addr add 192.168.1.1/24 dev lan');
  const join = (name, address) => {
    const space = net.lab.namespace(name);
    wire(gwa, `p-${name}`, space, 'eth0', { master: 'lan' });
    space.ip(`addr add ${address}/24 dev eth0`, 'route add default via 192.168.1.1');
    ownPorts(space);
    return space;
  };
  return { ...net, gwa, a: join('a', '192.168.1.10'), b: join('b', '192.168.1.11') };
}

/** One machine that is on a network of its own: the program and everybody's browser run on it, as on a developer's laptop. */
export function laptop() {
  const net = sameSubnet();
  return { ...net, srv: net.a, b: net.a };
}

/** One company: 10.10.0.0/16 and 192.168.1.0/24 behind the same router, routed between them without translation. */
export function routedSubnets() {
  const net = internet();
  const gwa = router(net, 'gwa', WAN_A, { nat: NAT.portRestricted });
  const a = host(net, 'a', gwa, { ...SIDE_A, end: 'lan' });
  const b = host(net, 'b', gwa, { ...SIDE_B, end: 'lan2' });
  return { ...net, gwa, a, b };
}

/** Both routers map each inside socket to one public port, whatever the destination. */
export const endpointIndependentNats = () => twoGateways({ nat: NAT.endpointIndependent });

/** One router maps anew for each destination, the other answers only those it was sent to. */
export const symmetricAgainstPortRestricted = () => twoGateways({ nat: NAT.symmetric }, { nat: NAT.portRestricted });

export const bothSymmetric = () => twoGateways({ nat: NAT.symmetric });

/** UDP vanishes on both sides. */
export const udpBlocked = () => twoGateways({ nat: NAT.portRestricted, firewall: FIREWALL.noUdp });

/** UDP vanishes on the side of `a` alone. */
export const udpBlockedOnOneSide = () =>
  twoGateways({ nat: NAT.portRestricted, firewall: FIREWALL.noUdp }, { nat: NAT.portRestricted });

/** UDP leaves to the port of STUN and TURN alone, on both sides. */
export const onlyStunPort = () => twoGateways({ nat: NAT.symmetric, firewall: FIREWALL.onlyStunPort });

/** Only TCP to port 443 leaves, on both sides. */
export const only443 = () => twoGateways({ nat: NAT.portRestricted, firewall: FIREWALL.only443 });

/** The same network with two machines for relays on the public side. */
export function relays(net) {
  const nodes = RELAYS.map(({ v4 }, at) => {
    const space = net.lab.namespace(`relay${at + 1}`);
    wire(net.core, `p-relay${at + 1}`, space, 'wan', { master: 'br0' });
    space.ip(`addr add ${v4}/24 dev wan`, `route add default via ${PROVIDER.v4}`);
    return space;
  });
  return { ...net, relays: nodes };
}

/** IPv6 without translation, a stateful firewall on each side, and no IPv4 anywhere. */
export function onlyIpv6() {
  const net = internet({ v6: true });
  const gwa = router(net, 'gwa', '2001:db8:0:1::101/64', {});
  const gwb = router(net, 'gwb', '2001:db8:0:1::102/64', {});
  const a = host(net, 'a', gwa, { address: '2001:db8:a::10', via: '2001:db8:a::1', prefix: 64 });
  const b = host(net, 'b', gwb, { address: '2001:db8:b::10', via: '2001:db8:b::1', prefix: 64 });
  gwa.ip('route add 2001:db8:b::/64 via 2001:db8:0:1::102');
  gwb.ip('route add 2001:db8:a::/64 via 2001:db8:0:1::101');
  net.srv.ip('route add 2001:db8:a::/64 via 2001:db8:0:1::101', 'route add 2001:db8:b::/64 via 2001:db8:0:1::102');
  return { ...net, gwa, gwb, a, b };
}

/** The line of `a` is a bad one: `shape` as in `shapedWire`, each way. */
export async function badLine(shape) {
  const net = internet();
  const gwa = router(net, 'gwa', WAN_A, { nat: NAT.portRestricted });
  const gwb = router(net, 'gwb', WAN_B, { nat: NAT.portRestricted });
  const a = net.lab.namespace('a');
  const line = await shapedWire(gwa, 'lan', a, 'eth0', shape);
  attach(a, gwa, SIDE_A);
  const b = host(net, 'b', gwb, SIDE_B);
  return { ...net, gwa, gwb, a, b, line };
}

/**
 * `a` has two ways out, as a phone has: Wi-Fi (`eth0`) in use and a mobile network (`mobile0`) that is not yet.
 * `leaveWifi` takes the first away and the second into use: another address, another router.
 */
export function twoWaysOut() {
  const net = twoGateways({ nat: NAT.portRestricted });
  const mobile = router(net, 'gwm', '203.0.113.103/24', { nat: NAT.portRestricted });
  wire(mobile, 'lan', net.a, 'mobile0');
  mobile.ip('addr add 100.64.7.1/24 dev lan');
  net.a.ip('link set mobile0 down');
  return {
    ...net,
    gwm: mobile,
    leaveWifi() {
      net.a.ip('link set eth0 down', 'addr flush dev eth0');
      net.a.ip('link set mobile0 up', 'addr add 100.64.7.33/24 dev mobile0', 'route add default via 100.64.7.1');
    },
  };
}

/** Homes side by side, each behind a router of its own: `a`, `b`, … in this order. Each entry has the rules of its router, and `shape` for a bad line. */
export async function homes(...rules) {
  const net = internet();
  const made = {};
  for (const [index, { shape, ...own }] of rules.entries()) {
    const name = String.fromCharCode('a'.charCodeAt(0) + index);
    const behind = router(net, `gw${name}`, `203.0.113.${101 + index}/24`, own);
    const side = { address: `192.168.${10 + index}.10`, via: `192.168.${10 + index}.1`, prefix: 24 };
    if (shape) {
      const space = net.lab.namespace(name);
      made.line = await shapedWire(behind, 'lan', space, 'eth0', shape);
      attach(space, behind, side);
      made[name] = space;
    } else {
      made[name] = host(net, name, behind, side);
    }
    made[`gw${name}`] = behind;
  }
  return { ...net, ...made };
}

/** Four homes: symmetric, port-restricted and endpoint-independent NATs, as they come. */
export const fourHomes = () => homes({ nat: NAT.symmetric }, { nat: NAT.portRestricted }, { nat: NAT.endpointIndependent }, { nat: NAT.symmetric });

/** Three homes like other people's. */
export const threeHomes = () => homes({ nat: NAT.portRestricted }, { nat: NAT.symmetric }, { nat: NAT.endpointIndependent });

/** `a` has no UDP, `b` only TCP to port 443, `c` everything, on a line that loses 2 %. */
export const walls = () =>
  homes(
    { nat: NAT.portRestricted, firewall: FIREWALL.noUdp },
    { nat: NAT.portRestricted, firewall: FIREWALL.only443 },
    { nat: NAT.portRestricted, shape: { delay_ms: 20, loss: 0.02 } },
  );
