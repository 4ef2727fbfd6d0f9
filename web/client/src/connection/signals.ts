/**
 * The signals of one call, on their way to the exchange: one request at a time, in order, repeated unchanged until it is known to
 * be taken. The exchange remembers request ids, so a request whose answer was lost does nothing the second time.
 */

import { CallingError, ErrorCodes } from '../errors.js';
import type { Disposer } from '../emitter.js';
import type { Surroundings } from '../surroundings.js';
import { MAX_CANDIDATES, MAX_SIGNALS } from '../wire.js';
import type { SendSignals, Signal } from '../wire.js';
import { Backoff } from './backoff.js';
import { isPassing, RestError } from './rest.js';
import { TokenProblem } from '../token.js';

/**
 * How long a candidate waits for company, in milliseconds.
 *
 * Host candidates come within a few milliseconds of each other. Lower: more requests; higher: a slower first pair.
 */
const GATHER_MS = 20;

/** At most this many signals wait. More than that means minutes without the exchange. */
const MAX_WAITING = 256;

interface Waiting {
  signal: Signal;
  taken(): void;
  refused(error: unknown): void;
}

/** What the queue asks of the connection. */
export type Post = (callId: string, request: SendSignals) => Promise<unknown>;

/** The signals of one call. */
export class SignalQueue {
  private waiting: Waiting[] = [];
  private isOpen = false;
  private isClosed = false;
  private isBusy = false;
  private cancelGather: Disposer | undefined;
  private wake: (() => void) | undefined;
  private readonly backoff: Backoff;

  /**
   * - `onGone`: the exchange does not know the call (any more).
   */
  constructor(
    private readonly callId: string,
    private readonly endpointId: string,
    private readonly post: Post,
    private readonly surroundings: Surroundings,
    private readonly onGone: (error: RestError) => void,
  ) {
    this.backoff = new Backoff(surroundings);
  }

  /** The exchange knows the call: what waits may go. */
  open(): void {
    this.isOpen = true;
    this.go();
  }

  /**
   * Puts a signal in line. Resolves when the exchange took it; rejects when it refused it, or when the queue was closed before.
   *
   * Nobody needs to wait for the promise: it never raises an unhandled rejection by itself.
   */
  send(signal: Signal): Promise<void> {
    const promise = new Promise<void>((taken, refused) => {
      if (this.isClosed) {
        refused(over());
      } else if (this.waiting.length >= MAX_WAITING) {
        refused(new CallingError(ErrorCodes.wrongState, 'Too much waits for the exchange; it was not reached for long.'));
      } else if (!this.join(signal, taken, refused)) {
        this.waiting.push({ signal, taken, refused });
      }
    });
    promise.catch(() => {});
    if (signal.type === 'candidates' && this.waiting.every((entry) => entry.signal.type === 'candidates')) {
      this.cancelGather ??= this.surroundings.after(GATHER_MS, () => this.go());
    } else {
      this.go();
    }
    return promise;
  }

  /** The network may be back: tries at once. */
  kick(): void {
    this.backoff.reset();
    this.wake?.();
  }

  /** The call is over: what waits is dropped, and so is what is on its way when it fails. */
  close(): void {
    this.isClosed = true;
    this.cancelGather?.();
    for (const entry of this.waiting.splice(0)) {
      entry.refused(over());
    }
    this.wake?.();
  }

  /** Adds candidates to those that wait at the end of the line. */
  private join(signal: Signal, taken: () => void, refused: (error: unknown) => void): boolean {
    const last = this.waiting.at(-1);
    if (signal.type !== 'candidates' || last?.signal.type !== 'candidates') {
      return false;
    }
    const { epoch, list } = last.signal.candidates;
    const more = signal.candidates;
    if (epoch !== more.epoch || list.length + more.list.length > MAX_CANDIDATES) {
      return false;
    }
    const before = { taken: last.taken, refused: last.refused };
    last.signal = { type: 'candidates', candidates: { epoch, list: [...list, ...more.list] } };
    last.taken = () => {
      before.taken();
      taken();
    };
    last.refused = (error) => {
      before.refused(error);
      refused(error);
    };
    return true;
  }

  private go(): void {
    this.cancelGather?.();
    this.cancelGather = undefined;
    if (this.isOpen && !this.isBusy && !this.isClosed && this.waiting.length > 0) {
      this.isBusy = true;
      void this.deliver(this.waiting.splice(0, MAX_SIGNALS)).then(() => {
        this.isBusy = false;
        this.go();
      });
    }
  }

  /** Ends when the batch was taken or refused; a closed queue gives up at the next failure. */
  private async deliver(batch: Waiting[]): Promise<void> {
    const request: SendSignals = {
      endpointId: this.endpointId,
      requestId: this.surroundings.guid(),
      signals: batch.map((entry) => entry.signal),
    };
    for (;;) {
      try {
        await this.post(this.callId, request);
        this.backoff.reset();
        batch.forEach((entry) => entry.taken());
        return;
      } catch (error) {
        const mayHelp = isPassing(error) || error instanceof TokenProblem;
        if (!mayHelp || this.isClosed) {
          batch.forEach((entry) => entry.refused(error));
          if (error instanceof RestError && (error.status === 404 || error.status === 410)) {
            this.onGone(error);
          }
          return;
        }
        await this.pause(error instanceof RestError ? error.retryAfterMs : undefined);
        if (this.hasEnded()) {
          batch.forEach((entry) => entry.refused(over()));
          return;
        }
      }
    }
  }

  private hasEnded(): boolean {
    return this.isClosed;
  }

  private pause(atLeastMs: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.surroundings.after(Math.max(this.backoff.next(), atLeastMs ?? 0), () => this.wake?.());
      this.wake = () => {
        cancel();
        this.wake = undefined;
        resolve();
      };
    });
  }
}

function over(): CallingError {
  return new CallingError(ErrorCodes.wrongState, 'The call is over.');
}
