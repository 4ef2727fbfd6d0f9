/**
 * How the media path of a call is, and what to do about it: when to bring in a relay, when to restart ICE, when to build the peer
 * connection anew, when to give up. Time is an argument; the shell (`session.ts`) obeys.
 *
 * ```text
 *   connecting ──connected──▶ connected ──disconnected 1.5 s, failed, stalled──▶ interrupted ──▶ connected
 *       │ no path in 0.7 / 1.4 s: restart with a relay             restart again after 4, 8, 10 s …
 *       └──20 s without, 24 s with a relay──▶ failed ◀──120 s──────────┘
 * ```
 */

import type { MediaPath } from './peer-door.js';

/**
 * How long a path without a relay is looked for, in milliseconds, from both descriptions on. The callee waits longer, so that
 * usually only the caller's restart is on the way.
 *
 * Host and reflexive pairs are found within some 100 ms of round trips. Lower: relays are allocated for calls that need none;
 * higher: calls that need one start later.
 */
export const DIRECT_CALLER_MS = 700;
export const DIRECT_CALLEE_MS = 1_400;

/** A disconnected path is mended after this many milliseconds: some come back by themselves within a second. */
export const DISCONNECTED_MS = 1_500;

/** A restart that led nowhere is tried again after these, in milliseconds. */
const RETRY_MS = [4_000, 8_000, 10_000] as const;

/** After so many restarts in vain the peer connection is built anew. */
const RESTARTS_BEFORE_REBUILD = 3;

/**
 * An offer without an answer this long, while the exchange is there, in milliseconds: the peer connection is built anew. The media
 * processor answers at once; one that does not is gone.
 */
const ANSWER_MS = 30_000;
const MACHINE_ANSWER_MS = 8_000;

/** From the answer until the client gives up, without and with a relay, in milliseconds. The exchange ends the call after 25 s. */
const SETUP_MS = 20_000;
const SETUP_WITH_RELAY_MS = 24_000;

/** From the interruption until the client gives up, in milliseconds (B-CALL-2). */
export const INTERRUPTED_MS = 120_000;

/** What is to be done. */
export type PathOrder =
  /** Offer with an ICE restart; `relay`: with TURN servers. */
  | { do: 'restart'; relay: boolean }
  /** Build the peer connection anew, with the next epoch; `relay`: with TURN servers. */
  | { do: 'rebuild'; relay: boolean }
  /** The path is another: tell the exchange and the app. */
  | { do: 'tell'; path: MediaPath };

/** What the path depends on. */
export interface PathOptions {
  /** The caller is the first to bring in a relay. */
  isCaller: boolean;
  /** The media processor answers, not a person. */
  isAnsweredByMachine?: boolean;
  /** Whether there are TURN servers at all. */
  hasRelay: boolean;
  /** Whether the peer connection is made with them from the start. */
  startsWithRelay: boolean;
}

/** The media path of one call, over all its peer connections. */
export class PathMachine {
  private readonly orders: PathOrder[] = [];
  private current: MediaPath = 'connecting';
  private withRelay: boolean;
  private isStable = false;
  private isSignalling = true;
  private wasConnected = false;
  private restarts = 0;
  /** A restart that waits for the exchange, or for the answer to an offer that is out. */
  private wantsRestart = false;
  private interruptedAt: number | undefined;
  /** When to look whether there is a path yet. */
  private checkAt: number | undefined;
  /** When a disconnection counts as an interruption. */
  private disconnectedAt: number | undefined;
  private answerBy: number | undefined;
  private giveUpAt: number | undefined;

  constructor(private readonly options: PathOptions) {
    this.withRelay = options.startsWithRelay;
  }

  /** How the path is. */
  get path(): MediaPath {
    return this.current;
  }

  /** Whether TURN servers are in use. */
  get usesRelay(): boolean {
    return this.withRelay;
  }

  /** The next thing to do, until there is none. */
  poll(): PathOrder | undefined {
    return this.orders.shift();
  }

  /** When {@link tick} is wanted next, in milliseconds; `undefined` for never. */
  timeout(): number | undefined {
    const times = [this.checkAt, this.disconnectedAt, this.answerBy, this.giveUpAt].filter((at) => at !== undefined);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** A peer connection was built, and its offer is out or its answer due. */
  opened(now: number): void {
    this.isStable = false;
    this.wantsRestart = false;
    this.restarts = 0;
    this.checkAt = undefined;
    this.disconnectedAt = undefined;
    // The first offer between two waits for a person to answer; later ones for a machine.
    const isMachine = this.options.isAnsweredByMachine || this.wasConnected || this.giveUpAt !== undefined;
    this.answerBy = isMachine ? now + this.answerMs : undefined;
    if (this.current === 'connected') {
      this.change('connecting');
    }
  }

  /** Both descriptions are set. */
  stable(now: number): void {
    this.isStable = true;
    this.answerBy = undefined;
    if (this.wantsRestart) {
      this.restart(this.current === 'connected' ? this.withRelay : this.options.hasRelay, now);
      return;
    }
    if (this.current === 'connected' || this.current === 'failed') {
      return;
    }
    if (this.current === 'connecting') {
      this.giveUpAt ??= now + (this.options.hasRelay ? SETUP_WITH_RELAY_MS : SETUP_MS);
    }
    const direct = this.options.isCaller ? DIRECT_CALLER_MS : DIRECT_CALLEE_MS;
    const isFirstLook = !this.withRelay && this.options.hasRelay;
    this.checkAt = now + (isFirstLook ? direct : (RETRY_MS[Math.min(this.restarts, RETRY_MS.length - 1)] ?? 0));
  }

  /**
   * An offer of the other side restarts ICE. Gives whether the answer needs TURN servers: the other side looks for a path that
   * ours, without a relay, does not have.
   */
  restartedByPeer(): boolean {
    const needsRelay = this.current !== 'connected' && this.options.hasRelay && !this.withRelay;
    this.withRelay ||= needsRelay;
    this.isStable = false;
    this.wantsRestart = false;
    return needsRelay;
  }

  /** What the browser says of the peer connection in use. */
  connection(state: RTCPeerConnectionState, now: number): void {
    switch (state) {
      case 'connected':
        this.connected();
        break;
      case 'disconnected':
        if (this.current === 'connected') {
          this.disconnectedAt = now + DISCONNECTED_MS;
        }
        break;
      case 'failed':
        if (this.current === 'connected') {
          this.interrupt(now);
        } else if (this.current !== 'failed') {
          this.restart(this.options.hasRelay, now);
        }
        break;
      case 'new':
      case 'connecting':
      case 'closed':
        break;
    }
  }

  /** Gathering is over and found no way over UDP: no need to wait for the checks to fail. */
  gatheredWithoutUdp(now: number): void {
    if (this.current === 'connecting' && !this.withRelay && this.options.hasRelay) {
      this.restart(true, now);
    }
  }

  /** Nothing comes in any more although the browser still says connected. */
  stalled(now: number): void {
    if (this.current === 'connected') {
      this.interrupt(now);
    }
  }

  /** Something comes in, and the browser says connected. */
  flowing(): void {
    if (this.current === 'interrupted') {
      this.connected();
    }
  }

  /** The machine is on another network. */
  networkChanged(now: number): void {
    if (this.current === 'connected') {
      this.restart(this.withRelay, now);
    } else if (this.current === 'interrupted') {
      this.restart(this.options.hasRelay, now);
    } else if (this.current === 'connecting' && this.isStable) {
      this.restart(this.withRelay, now);
    }
  }

  /** The event connection went or came. */
  signalling(isUp: boolean, now: number): void {
    const isBack = isUp && !this.isSignalling;
    this.isSignalling = isUp;
    if (!isBack) {
      return;
    }
    if (this.answerBy !== undefined) {
      this.answerBy = now + this.answerMs;
    }
    if (this.current === 'interrupted' || this.wantsRestart) {
      this.restart(this.current === 'connected' ? this.withRelay : this.options.hasRelay, now);
    }
  }

  /** The call is over. */
  close(): void {
    this.clear();
    this.giveUpAt = undefined;
    this.change('closed');
  }

  /** Time passed. */
  tick(now: number): void {
    if (isDue(this.giveUpAt, now)) {
      this.clear();
      this.giveUpAt = undefined;
      this.change('failed');
      return;
    }
    if (isDue(this.disconnectedAt, now)) {
      this.disconnectedAt = undefined;
      this.interrupt(now - DISCONNECTED_MS);
    }
    if (isDue(this.checkAt, now)) {
      this.checkAt = undefined;
      this.restart(this.options.hasRelay, now);
    }
    if (isDue(this.answerBy, now)) {
      this.answerBy = undefined;
      if (this.isSignalling) {
        this.rebuild();
      } else {
        this.answerBy = now + this.answerMs;
      }
    }
  }

  private get answerMs(): number {
    return this.options.isAnsweredByMachine ? MACHINE_ANSWER_MS : ANSWER_MS;
  }

  private connected(): void {
    this.clear();
    this.giveUpAt = undefined;
    this.interruptedAt = undefined;
    this.restarts = 0;
    this.wasConnected = true;
    if (this.current !== 'closed') {
      this.change('connected');
    }
  }

  private interrupt(since: number): void {
    this.disconnectedAt = undefined;
    this.interruptedAt ??= since;
    this.giveUpAt = this.interruptedAt + INTERRUPTED_MS;
    this.change('interrupted');
    this.restart(this.options.hasRelay, since);
  }

  private restart(relay: boolean, now: number): void {
    this.checkAt = undefined;
    if (!this.isSignalling || !this.isStable) {
      this.wantsRestart = true;
      return;
    }
    this.wantsRestart = false;
    this.restarts += 1;
    this.withRelay ||= relay;
    if (this.restarts > RESTARTS_BEFORE_REBUILD) {
      this.rebuild();
      return;
    }
    this.isStable = false;
    this.answerBy = now + this.answerMs;
    this.orders.push({ do: 'restart', relay: this.withRelay });
  }

  private rebuild(): void {
    this.restarts = 0;
    this.withRelay ||= this.options.hasRelay;
    this.isStable = false;
    this.orders.push({ do: 'rebuild', relay: this.withRelay });
  }

  private clear(): void {
    this.checkAt = undefined;
    this.disconnectedAt = undefined;
    this.answerBy = undefined;
    this.wantsRestart = false;
  }

  private change(path: MediaPath): void {
    if (this.current !== path) {
      this.current = path;
      this.orders.push({ do: 'tell', path });
    }
  }
}

function isDue(at: number | undefined, now: number): boolean {
  return at !== undefined && at <= now;
}
