/**
 * The event connection of one agent: keeps one open, by WebSocket or long poll, and gives each event once and in order.
 *
 * ```text
 *   open ─▶ WebSocket ──welcome──▶ up ──silence, close──▶ wait (0.3 … 5 s) ─▶ WebSocket, with the last number seen
 *               │ fails twice, never a welcome
 *               └─▶ long poll ──welcome──▶ up; WebSocket is tried again each minute
 * ```
 */

import { Emitter } from '../emitter.js';
import type { Disposer } from '../emitter.js';
import type { NetworkNews, Surroundings } from '../surroundings.js';
import { refreshMargin, TokenProblem } from '../token.js';
import type { TokenSource } from '../token.js';
import { SILENCE_MS } from '../wire.js';
import type { ClientFrame, Event, IceConfiguration, ServerFrame, Welcome } from '../wire.js';
import { Backoff } from './backoff.js';
import { EventPoll } from './poll.js';
import type { Rest } from './rest.js';
import { EventSocket } from './socket.js';
import type { Ending } from './socket.js';

/** After so many WebSockets that never brought a welcome, long poll is tried. */
const SOCKETS_BEFORE_POLL = 2;

/** While polling, WebSocket is tried again after this many milliseconds. Lower: back sooner; higher: fewer vain tries. */
const SOCKET_AGAIN_MS = 60_000;

/** When the credential gives the same token again, it is asked after this many milliseconds. */
const TOKEN_AGAIN_MS = 30_000;

/** A probe after a hint of another network: the exchange pings after 5 s of silence, so 7 s without a word mean a dead path. */
const HINT_SILENCE_MS = 7_000;

/** The longest delay that timers take (2^31 - 1 ms is 24 days). */
const LONGEST_MS = 2_000_000_000;

/** Why there is no connection. */
export type Trouble = 'invalidToken' | 'connectionIssue';

interface Happenings {
  /** A connection was accepted. The events after `welcome.seq` follow. */
  welcome: Welcome;
  event: Event;
  ice: IceConfiguration;
  /** Up or down; told when it changes. */
  status: { isUp: boolean; trouble?: Trouble };
}

/** What an event connection is made of. */
export interface EventsOptions {
  /** Base address of the exchange. */
  endpoint: string;
  endpointId: string;
  displayName?: string;
  tokens: TokenSource;
  rest: Rest;
  surroundings: Surroundings;
}

/** The event connection. */
export class EventConnection extends Emitter<Happenings> {
  private socket: EventSocket | undefined;
  private poll: EventPoll | undefined;
  /** The connection that is up. */
  private current: EventSocket | EventPoll | undefined;
  private seen: number | undefined;
  private isClosed = false;
  private hadSocket = false;
  private vainSockets = 0;
  private hasRefreshed = false;
  private readonly backoff: Backoff;
  private cancelRetry: Disposer | undefined;
  private cancelRefresh: Disposer | undefined;
  private cancelUpgrade: Disposer | undefined;
  private readonly stopWatching: Disposer;

  constructor(private readonly options: EventsOptions) {
    super();
    this.backoff = new Backoff(options.surroundings);
    this.stopWatching = options.surroundings.onNetwork((news) => this.network(news));
  }

  /** Whether events come. */
  get isUp(): boolean {
    return this.current !== undefined;
  }

  /** Begins. */
  open(): void {
    void this.connect();
  }

  /** Ends; nothing is heard any more. */
  close(): void {
    this.isClosed = true;
    this.stopWatching();
    this.cancelRetry?.();
    this.cancelRefresh?.();
    this.cancelUpgrade?.();
    this.drop();
    this.clear();
  }

  private get world(): Surroundings {
    return this.options.surroundings;
  }

  private async connect(): Promise<void> {
    this.cancelRetry?.();
    this.cancelRetry = undefined;
    let token: string;
    try {
      token = await this.options.tokens.get();
    } catch {
      this.fail('invalidToken');
      return;
    }
    if (this.isClosed || this.socket || this.poll) {
      return;
    }
    if (!this.hadSocket && this.vainSockets >= SOCKETS_BEFORE_POLL) {
      this.openPoll();
    } else {
      this.openSocket(token);
    }
  }

  private openSocket(token: string): void {
    const { endpoint, endpointId, displayName } = this.options;
    const hello: ClientFrame = {
      type: 'hello',
      token,
      endpointId,
      ...(this.seen === undefined ? {} : { after: this.seen }),
      ...(displayName === undefined ? {} : { displayName }),
    };
    const socket: EventSocket = new EventSocket(`${endpoint.replace(/^http/, 'ws')}/client/events`, hello, this.world, {
      frame: (frame) => this.frame(frame, socket),
      ended: (ending) => {
        if (this.socket === socket) {
          this.socket = undefined;
        }
        this.ended(socket, ending);
      },
    });
    this.socket = socket;
  }

  private openPoll(): void {
    const { rest, endpointId, displayName } = this.options;
    const register = {
      ...(this.seen === undefined ? {} : { after: this.seen }),
      ...(displayName === undefined ? {} : { displayName }),
    };
    const poll: EventPoll = new EventPoll(rest, endpointId, register, this.world, {
      frame: (frame) => this.frame(frame, poll),
      ended: (ending) => {
        if (this.poll === poll) {
          this.poll = undefined;
        }
        this.ended(poll, ending);
      },
    });
    this.poll = poll;
    this.tryUpgrade();
  }

  /** While polling: tries a WebSocket beside it, which takes over with its welcome. */
  private tryUpgrade(): void {
    this.cancelUpgrade?.();
    this.cancelUpgrade = this.world.after(SOCKET_AGAIN_MS, () => {
      const token = this.options.tokens.last;
      if (this.poll && !this.socket && token) {
        this.openSocket(token);
      }
      if (this.poll) {
        this.tryUpgrade();
      }
    });
  }

  private frame(frame: ServerFrame, from: EventSocket | EventPoll): void {
    switch (frame.type) {
      case 'welcome':
        this.welcome(frame, from);
        break;
      case 'event':
        // Numbers rise within the stream of the user; one already seen came over another connection.
        if (from === this.current && (this.seen === undefined || frame.seq > this.seen)) {
          this.seen = frame.seq;
          this.emit('event', frame.event);
        }
        break;
      case 'ice':
        this.emit('ice', frame.ice);
        break;
      case 'tokenTaken':
        this.hasRefreshed = false;
        break;
      case 'tokenRefused':
        this.drop();
        this.ended(from, 'tokenRefused');
        break;
      case 'ping':
        break; // answered by the socket; a poll is an answer in itself
    }
  }

  private welcome(welcome: Welcome, from: EventSocket | EventPoll): void {
    this.hasRefreshed = false;
    this.backoff.reset();
    if (from === this.socket) {
      this.hadSocket = true;
      this.vainSockets = 0;
      this.poll?.close();
      this.poll = undefined;
    }
    const wasUp = this.isUp;
    this.current = from;
    if (welcome.reset || this.seen === undefined) {
      this.seen = welcome.seq;
    }
    this.scheduleRefresh();
    this.emit('welcome', welcome);
    if (!wasUp) {
      this.emit('status', { isUp: true });
    }
  }

  private ended(which: EventSocket | EventPoll, ending: Ending): void {
    if (this.isClosed) {
      return;
    }
    if (which instanceof EventSocket && !this.hadSocket && ending === 'lost') {
      this.vainSockets += 1;
    }
    if (this.current === which) {
      this.current = undefined;
    }
    if (this.current || this.poll) {
      return; // an upgrade that failed; the poll goes on
    }
    if (ending === 'tokenRefused') {
      this.refused();
    } else {
      this.fail('connectionIssue');
    }
  }

  /** The token was refused: another one is asked for, once. */
  private refused(): void {
    const token = this.options.tokens.last;
    if (token !== undefined) {
      this.options.tokens.refuse(token);
    }
    if (this.hasRefreshed) {
      this.fail('invalidToken');
    } else {
      this.hasRefreshed = true;
      void this.connect();
    }
  }

  private fail(trouble: Trouble): void {
    if (this.isClosed) {
      return;
    }
    this.emit('status', { isUp: false, trouble });
    const wait = trouble === 'invalidToken' ? TOKEN_AGAIN_MS : this.backoff.next();
    this.cancelRetry?.();
    this.cancelRetry = this.world.after(wait, () => void this.connect());
  }

  private drop(): void {
    this.socket?.close();
    this.poll?.close();
    this.socket = undefined;
    this.poll = undefined;
    this.current = undefined;
  }

  /** Another network: the old connection's path is likely dead, and nobody would tell. */
  private network(news: NetworkNews): void {
    if (this.isClosed || news === 'gone') {
      return;
    }
    const isStale = this.socket !== undefined && this.socket.silence > (this.isUp ? HINT_SILENCE_MS : SILENCE_MS);
    if (news === 'changed' || isStale) {
      const wasUp = this.isUp;
      this.drop();
      if (wasUp) {
        this.emit('status', { isUp: false, trouble: 'connectionIssue' });
      }
    }
    if (!this.socket && !this.poll) {
      this.backoff.reset();
      void this.connect();
    }
  }

  private scheduleRefresh(): void {
    this.cancelRefresh?.();
    const expiresAt = this.options.tokens.expiresAt;
    if (expiresAt === undefined || !Number.isFinite(expiresAt)) {
      return;
    }
    const left = expiresAt - this.world.wallClock();
    const wait = Math.max(0, left - refreshMargin(left));
    this.cancelRefresh = this.world.after(Math.min(wait, LONGEST_MS), () => void this.refresh());
  }

  /** Asks the credential for the next token, and gives it to the exchange in place. */
  private async refresh(): Promise<void> {
    const before = this.options.tokens.last;
    try {
      const token = await this.options.tokens.get();
      if (token !== before) {
        this.socket?.send({ type: 'token', token });
        this.scheduleRefresh();
        return;
      }
    } catch (error) {
      if (!(error instanceof TokenProblem)) {
        throw error;
      }
    }
    if (!this.isClosed) {
      this.cancelRefresh = this.world.after(this.pauseBeforeAsking(), () => void this.refresh());
    }
  }

  /** Short tokens are asked more often, so that the next one is had before the end. */
  private pauseBeforeAsking(): number {
    const left = (this.options.tokens.expiresAt ?? 0) - this.world.wallClock();
    return Math.max(1_000, Math.min(TOKEN_AGAIN_MS, left / 4));
  }
}
