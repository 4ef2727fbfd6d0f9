/**
 * This client's endpoint: a GUID per tab and user, kept over reloads so that the exchange knows the tab again (B-CALL-11).
 *
 * A duplicated tab starts with a copy of the storage; a lock per endpoint (Web Locks) lets the second tab notice and take a fresh one.
 */

import type { Surroundings } from './surroundings.js';

/** After a reload the old page's lock may last a moment longer, in milliseconds. */
const LOCK_PATIENCE_MS = 400;
const LOCK_AGAIN_MS = 50;

/** As much of `navigator.locks` as is used. */
interface Locks {
  request(name: string, options: { ifAvailable: true }, run: (lock: unknown) => Promise<void> | undefined): Promise<void>;
}

/** An endpoint id, held until it is let go. */
export interface HeldEndpoint {
  id: string;
  release(): void;
}

/** The endpoint of a user in this tab. */
export async function holdEndpoint(rawId: string, world: Surroundings, locks = pageLocks()): Promise<HeldEndpoint> {
  const key = `centrale.endpoint:${rawId}`;
  const known = read(world, key);
  if (known) {
    const until = world.now() + LOCK_PATIENCE_MS;
    do {
      const release = await hold(known, locks);
      if (release) {
        return { id: known, release };
      }
      await new Promise<void>((resolve) => world.after(LOCK_AGAIN_MS, resolve));
    } while (world.now() < until);
  }
  const id = world.guid();
  write(world, key, id);
  return { id, release: (await hold(id, locks)) ?? (() => {}) };
}

function pageLocks(): Locks | undefined {
  return typeof navigator === 'undefined' ? undefined : (navigator as { locks?: Locks }).locks;
}

/** Takes the lock of an endpoint. Gives what lets it go; `undefined` when another page has it. */
function hold(id: string, locks: Locks | undefined): Promise<(() => void) | undefined> {
  if (!locks) {
    return Promise.resolve(() => {});
  }
  return new Promise((resolve) => {
    const done = locks.request(`centrale.endpoint:${id}`, { ifAvailable: true }, (lock) => {
      if (!lock) {
        resolve(undefined);
        return undefined;
      }
      return new Promise<void>((release) => resolve(release));
    });
    done.catch(() => resolve(() => {})); // locks are forbidden in this frame
  });
}

function read(world: Surroundings, key: string): string | undefined {
  try {
    const id = world.storage()?.getItem(key) ?? '';
    return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

function write(world: Surroundings, key: string, id: string): void {
  try {
    world.storage()?.setItem(key, id);
  } catch {
    // full, or forbidden: a reload will be a new endpoint
  }
}
