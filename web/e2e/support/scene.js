/** A stage set in one line: a network, an exchange on it, a browser for each side. */
import { chromium, firefox } from './browsers.js';
import { EXCHANGE, RELAYS } from '../lab/topologies.js';
import { Exchange, labConfig, Relay } from './exchange.js';
import { Person } from './person.js';

/**
 * Sets up a network with an exchange and with browsers for `a` (Alice) and `b` (Bob); all of it goes when the test ends.
 *
 * - `exchange`: options of `Exchange.start`.
 * - `browserB`: starts Bob's browser; Chromium by default.
 */
export async function stage(t, network, { exchange: options, browserB = chromium } = {}) {
  const net = await network;
  t.after(() => net.lab.close());
  const [exchange, browserA, otherB] = await Promise.all([Exchange.start(net, options), chromium(net.a, 'alice'), browserB(net.b, 'bob')]);
  t.after(async () => {
    await Promise.all([browserA.close().catch(() => {}), otherB.close().catch(() => {})]);
    await exchange.stop();
  });
  return { net, exchange, browserA, browserB: otherB };
}

/** The same, with Alice and Bob at their telephones. */
export async function scene(t, network, { exchange, browserB, iceServers } = {}) {
  const set = await stage(t, network, { exchange, browserB });
  const isChromium = (browserB ?? chromium) === chromium;
  const [alice, bob] = await Promise.all([
    Person.join(set.browserA, set.exchange, 'alice', { iceServers }),
    Person.join(set.browserB, set.exchange, 'bob', { iceServers, fresh: isChromium, faceless: !isChromium }),
  ]);
  return { ...set, alice, bob };
}

/**
 * The same in a network with machines for relays: an exchange without a relay of its own, a bus, and the relays, as `nodes`.
 *
 * - `deadline`: how long a relay drains.
 */
export async function withRelays(t, net, { deadline }) {
  const secret = 'a secret of the laboratory';
  const bus = net.srv.spawn('nats-server', ['-a', EXCHANGE.v4, '-p', '4222'], { stdio: 'ignore' });
  const cluster = (role) => `[cluster]\nroles = ["${role}"]\nbus = "nats://${EXCHANGE.v4}:4222"\n`;
  const servers = RELAYS.map(({ name }) => `"${name}"`).join(', ');
  await listens(net.srv, EXCHANGE.v4, 4222);
  const nodes = [];
  // Before the stage's own `after`, which removes the network.
  t.after(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    bus.kill();
  });
  for (const [at, { name, v4 }] of RELAYS.entries()) {
    const other = RELAYS[1 - at].v4;
    const config = `secret = "${secret}"\nalternates = ["${other}:3478"]\n[drain]\ndeadline = "${deadline}"\n${cluster('relay')}`;
    nodes.push(await Relay.start(net, net.relays[at], { name, address: v4, config }));
  }
  const config = labConfig(`secret = "${secret}"\nservers = [${servers}]\n${cluster('api')}`);
  return { ...(await scene(t, net, { exchange: { config } })), nodes };
}

/** Waits until somebody listens at a port. */
async function listens(space, address, port) {
  space.run('python3', '-c', `
import socket, time
for _ in range(100):
    try:
        socket.create_connection(("${address}", ${port}), 1).close()
        break
    except OSError:
        time.sleep(0.1)
else:
    raise SystemExit("nobody listens")
`);
}

/**
 * An exchange and several people, each in a namespace of their own.
 *
 * - `faces`: `{ a: 'alice', … }`, which of `PEOPLE` is in which namespace of the network.
 * - `starts`: `{ a: firefox, … }` where it is not Chromium.
 */
export async function crowd(t, network, faces, { exchange: options, starts = {} } = {}) {
  const net = await network;
  t.after(() => net.lab.close());
  const spaces = Object.keys(faces);
  const [exchange, ...browsers] = await Promise.all([
    Exchange.start(net, options),
    ...spaces.map((space) => (starts[space] ?? chromium)(net[space], faces[space])),
  ]);
  t.after(async () => {
    await Promise.all(browsers.map((browser) => browser.close().catch(() => {})));
    await exchange.stop();
  });
  const people = {};
  for (const [index, space] of spaces.entries()) {
    const isChromium = (starts[space] ?? chromium) === chromium;
    people[faces[space]] = await Person.join(browsers[index], exchange, faces[space], { fresh: isChromium, faceless: !isChromium });
  }
  return { net, exchange, ...people };
}
