/** The event connection by long poll, for networks that let no WebSocket through. */

import type { Surroundings } from '../surroundings.js';
import type { Frames, RegisterEndpoint, ServerFrame, Welcome } from '../wire.js';
import { TokenProblem } from '../token.js';
import { Backoff } from './backoff.js';
import { RestError } from './rest.js';
import type { Rest } from './rest.js';
import type { Ending } from './socket.js';

/** How long the exchange holds a poll, in seconds (at most 25). Higher: fewer requests; proxies cut idle ones at 30 s and more. */
const WAIT_SECONDS = 20;

/** After so many failures in a row the connection counts as lost. */
const PATIENCE = 3;

/** What the owner hears. */
export interface PollListener {
  frame(frame: ServerFrame): void;
  ended(ending: Ending): void;
}

/** One event connection by long poll. */
export class EventPoll {
  private readonly abort = new AbortController();
  private readonly backoff: Backoff;

  constructor(
    private readonly rest: Rest,
    private readonly endpointId: string,
    private readonly register: RegisterEndpoint,
    private readonly surroundings: Surroundings,
    private readonly listener: PollListener,
  ) {
    this.backoff = new Backoff(surroundings);
    void this.run();
  }

  /** Ends it; the listener hears nothing more. */
  close(): void {
    this.abort.abort();
  }

  private async run(): Promise<void> {
    try {
      const path = `/client/endpoints/${this.endpointId}`;
      const welcome = await this.rest.request<Welcome>('PUT', path, this.register, { signal: this.abort.signal });
      this.tell({ ...welcome, type: 'welcome' });
      await this.poll(welcome.seq);
    } catch (error) {
      if (!this.abort.signal.aborted) {
        const isRefused = error instanceof TokenProblem || (error instanceof RestError && error.status === 401);
        this.listener.ended(isRefused ? 'tokenRefused' : 'lost');
      }
    }
  }

  private async poll(from: number): Promise<void> {
    let after = from;
    let failures = 0;
    while (!this.abort.signal.aborted) {
      try {
        const path = `/client/events/poll?endpointId=${this.endpointId}&after=${after}&wait=${WAIT_SECONDS}`;
        const answer = await this.rest.request<Frames>('GET', path, undefined, {
          signal: this.abort.signal,
          timeoutMs: WAIT_SECONDS * 1000 + 8_000,
        });
        failures = 0;
        this.backoff.reset();
        after = Math.max(after, answer.seq);
        answer.frames.forEach((frame) => this.tell(frame));
      } catch (error) {
        failures += 1;
        // A refusal will not pass by waiting: register anew.
        if (failures >= PATIENCE || (error instanceof RestError && !error.isPassing) || error instanceof TokenProblem) {
          throw error;
        }
        await new Promise<void>((resolve) => this.surroundings.after(this.backoff.next(), resolve));
      }
    }
  }

  private tell(frame: ServerFrame): void {
    if (!this.abort.signal.aborted) {
      this.listener.frame(frame);
    }
  }
}
