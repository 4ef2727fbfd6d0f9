import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DIRECT_CALLEE_MS, DIRECT_CALLER_MS, DISCONNECTED_MS, INTERRUPTED_MS, PathMachine } from '../../src/call/path.js';
import type { PathOptions, PathOrder } from '../../src/call/path.js';

/** A path and its clock. */
class Road {
  now = 0;
  readonly machine: PathMachine;

  constructor(options: Partial<PathOptions> = {}) {
    this.machine = new PathMachine({ isCaller: true, hasRelay: true, startsWithRelay: false, ...options });
    this.machine.opened(0);
    this.machine.stable(0);
  }

  /** What is to be done since the last look. */
  orders(): PathOrder[] {
    const all: PathOrder[] = [];
    for (let order = this.machine.poll(); order; order = this.machine.poll()) {
      all.push(order);
    }
    return all;
  }

  /** Lets time pass deadline by deadline; `each` reacts to orders as the browser and the other side would. */
  pass(ms: number, each: (order: PathOrder) => void = () => {}): PathOrder[] {
    const until = this.now + ms;
    const all: PathOrder[] = [];
    for (;;) {
      for (const order of this.orders()) {
        all.push(order);
        each(order);
      }
      const at = this.machine.timeout();
      if (at === undefined || at > until) {
        break;
      }
      this.now = Math.max(this.now, at);
      this.machine.tick(this.now);
    }
    this.now = until;
    return all;
  }

  connect(): this {
    this.machine.connection('connected', this.now);
    this.orders();
    return this;
  }
}

test('a relay is brought in when no direct path is found, by the caller first', () => {
  const caller = new Road();
  assert.deepEqual(caller.pass(DIRECT_CALLER_MS - 1), []);
  assert.deepEqual(caller.pass(1), [{ do: 'restart', relay: true }]);
  const callee = new Road({ isCaller: false });
  assert.deepEqual(callee.pass(DIRECT_CALLEE_MS - 1), []);
  assert.deepEqual(callee.pass(1), [{ do: 'restart', relay: true }]);
});

test('no relay is asked for when a direct path is found in time', () => {
  const road = new Road();
  road.pass(DIRECT_CALLER_MS - 1);
  road.machine.connection('connected', road.now);
  assert.deepEqual(road.pass(600_000), [{ do: 'tell', path: 'connected' }]);
  assert.equal(road.machine.usesRelay, false);
});

test('a relay is brought in at once when gathering found no way over UDP, or when the checks fail', () => {
  const deaf = new Road();
  deaf.machine.gatheredWithoutUdp(10);
  assert.deepEqual(deaf.orders(), [{ do: 'restart', relay: true }]);
  const failed = new Road();
  failed.machine.connection('failed', 10);
  assert.deepEqual(failed.orders(), [{ do: 'restart', relay: true }]);
});

test('the side that answers a restart adds its relay, unless its path is fine', () => {
  const lost = new Road({ isCaller: false });
  assert.equal(lost.machine.restartedByPeer(), true);
  assert.equal(lost.machine.usesRelay, true);
  const fine = new Road({ isCaller: false }).connect();
  assert.equal(fine.machine.restartedByPeer(), false);
});

test('without a relay the client gives up after 20 s, and restarts in vain until then', () => {
  const road = new Road({ hasRelay: false });
  const seen = road.pass(19_999, (order) => order.do === 'restart' && road.machine.stable(road.now));
  assert.ok(seen.every((order) => order.do === 'restart' && !order.relay));
  assert.deepEqual(road.pass(1), [{ do: 'tell', path: 'failed' }]);
});

test('a short disconnection heals by itself', () => {
  const road = new Road().connect();
  road.machine.connection('disconnected', road.now);
  road.pass(DISCONNECTED_MS - 1);
  road.machine.connection('connected', road.now);
  assert.deepEqual(road.pass(10_000), []);
});

test('a disconnection of 1.5 s restarts ICE with a relay, and again until it is mended', () => {
  const road = new Road().connect();
  road.machine.connection('disconnected', road.now);
  assert.deepEqual(road.pass(DISCONNECTED_MS), [
    { do: 'tell', path: 'interrupted' },
    { do: 'restart', relay: true },
  ]);
  road.machine.stable(road.now);
  assert.deepEqual(road.pass(8_000), [{ do: 'restart', relay: true }]);
  road.machine.stable(road.now);
  road.machine.connection('connected', road.now);
  assert.deepEqual(road.pass(600_000), [{ do: 'tell', path: 'connected' }]);
});

test('restarts in vain end in a fresh peer connection', () => {
  const road = new Road().connect();
  road.machine.connection('failed', road.now);
  const seen = road.pass(60_000, (order) => order.do === 'restart' && road.machine.stable(road.now));
  assert.deepEqual(
    seen.map((order) => order.do),
    ['tell', 'restart', 'restart', 'restart', 'rebuild'],
  );
});

test('an interruption of two minutes is the end', () => {
  const road = new Road().connect();
  road.machine.connection('failed', road.now);
  const seen = road.pass(INTERRUPTED_MS - 1, (order) => {
    if (order.do === 'restart') {
      road.machine.stable(road.now);
    } else if (order.do === 'rebuild') {
      road.machine.opened(road.now);
      road.machine.stable(road.now);
    }
  });
  assert.ok(!seen.some((order) => order.do === 'tell' && order.path === 'failed'));
  assert.deepEqual(road.pass(1), [{ do: 'tell', path: 'failed' }]);
});

test('while the exchange is away a restart waits, and is made as soon as it is back', () => {
  const road = new Road().connect();
  road.machine.signalling(false, road.now);
  road.machine.connection('failed', road.now);
  assert.deepEqual(road.pass(30_000), [{ do: 'tell', path: 'interrupted' }]);
  road.machine.signalling(true, road.now);
  assert.deepEqual(road.orders(), [{ do: 'restart', relay: true }]);
});

test('a restart that is wanted while an offer is out waits for its answer', () => {
  const road = new Road().connect();
  road.machine.networkChanged(road.now);
  assert.deepEqual(road.orders(), [{ do: 'restart', relay: false }]);
  road.machine.networkChanged(road.now);
  assert.deepEqual(road.orders(), []);
  road.machine.stable(road.now);
  assert.deepEqual(road.orders(), [{ do: 'restart', relay: false }]);
});

test('another network restarts ICE at once, also when it was noticed before the exchange was back', () => {
  const road = new Road().connect();
  road.machine.signalling(false, road.now);
  road.machine.networkChanged(road.now);
  assert.deepEqual(road.orders(), []);
  road.machine.signalling(true, road.now);
  assert.deepEqual(road.orders(), [{ do: 'restart', relay: false }]);
});

test('an offer that is never answered ends in a fresh peer connection, but not while the exchange is away', () => {
  const road = new Road().connect();
  road.machine.networkChanged(road.now);
  road.orders();
  road.machine.signalling(false, road.now);
  assert.deepEqual(road.pass(65_000), []);
  road.machine.signalling(true, road.now);
  assert.deepEqual(road.pass(30_000), [{ do: 'rebuild', relay: true }]);
});

test('nobody counts how long a person takes to answer', () => {
  const machine = new PathMachine({ isCaller: true, hasRelay: true, startsWithRelay: false });
  machine.opened(0);
  assert.equal(machine.timeout(), undefined);
});

test('a stall that the browser does not notice is mended, and flowing again counts as connected', () => {
  const road = new Road().connect();
  road.machine.stalled(road.now);
  assert.deepEqual(road.orders(), [{ do: 'tell', path: 'interrupted' }, { do: 'restart', relay: true }]);
  road.machine.flowing();
  assert.deepEqual(road.orders(), [{ do: 'tell', path: 'connected' }]);
});

test('a call that remembers a relay has it from the start', () => {
  const road = new Road({ startsWithRelay: true });
  assert.equal(road.machine.usesRelay, true);
  assert.deepEqual(road.pass(3_000), []);
});
