/** A stage set in one line: a network, an exchange on it, a browser for each side. */
import { chromium, firefox } from './browsers.js';
import { Exchange } from './exchange.js';
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
  const [alice, bob] = await Promise.all([
    Person.join(set.browserA, set.exchange, 'alice', { iceServers }),
    Person.join(set.browserB, set.exchange, 'bob', { iceServers, fresh: browserB !== firefox, faceless: browserB === firefox }),
  ]);
  return { ...set, alice, bob };
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
    const isFirefox = starts[space] === firefox;
    people[faces[space]] = await Person.join(browsers[index], exchange, faces[space], { fresh: !isFirefox, faceless: isFirefox });
  }
  return { net, exchange, ...people };
}
