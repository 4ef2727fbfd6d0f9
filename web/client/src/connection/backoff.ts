/** Waiting longer after each failure, with jitter so that the clients of a restarted exchange do not come all at once. */

import type { Surroundings } from '../surroundings.js';

/** After the first failure, in milliseconds. Lower: quicker recovery; higher: gentler to an exchange that restarts. */
const FIRST_MS = 300;

/** The longest wait, in milliseconds. The reconnect window of a call is 120 s: 5 s leave many tries. */
const LAST_MS = 5_000;

/** The waits of one thing that is tried again and again. */
export class Backoff {
  private failures = 0;

  constructor(private readonly surroundings: Pick<Surroundings, 'random'>) {}

  /** The next wait in milliseconds: doubles from 300 to 5000, and a random half of it is left away. */
  next(): number {
    const full = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(this.failures, 10));
    this.failures += 1;
    return Math.round(full * (0.5 + this.surroundings.random() / 2));
  }

  /** It worked. */
  reset(): void {
    this.failures = 0;
  }
}
