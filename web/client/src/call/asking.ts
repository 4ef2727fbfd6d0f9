/** Asking the exchange for a call until it answers: requests carry ids, so that asking twice is asking once. */

import { Backoff } from '../connection/backoff.js';
import { isPassing } from '../connection/rest.js';
import type { Surroundings } from '../surroundings.js';

/** How long it is tried while the exchange is not reached, in milliseconds. */
const ASKING_MS = 30_000;

/** Asks again while that may help. Rejects with the last refusal. */
export async function askUntilAnswered<Answer>(world: Surroundings, ask: () => Promise<Answer>): Promise<Answer> {
  const backoff = new Backoff(world);
  const until = world.now() + ASKING_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error) || world.now() > until) {
        throw error;
      }
      await new Promise<void>((resolve) => world.after(backoff.next(), resolve));
    }
  }
}
