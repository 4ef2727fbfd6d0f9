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
