/**
 * The media of one call over all its sessions: between two, in a conference, and on the way from one to the other.
 *
 * A call that moves makes before it breaks: the new session is built beside the old, and both carry what this side sends. When what was
 * heard and seen over the old arrives over the new, people hear and see the new. The old one goes some moments after
 * everybody has moved.
 *
 * ```text
 *   convene ─▶ next: offer, answer, connected ─▶ complete ─▶ current; the old: leaving ─convened─▶ closed
 *                │ failed, adjourned                            │ adjourned
 *                └─▶ closed, the old goes on                    └─▶ the old is current again
 * ```
 */

import type { Disposer } from '../emitter.js';
import type { Surroundings } from '../surroundings.js';
import type { Candidates, Description, IceConfiguration, Signal } from '../wire.js';
import { choose } from './control.js';
import type { Wish } from './control.js';
import { Conference } from './conference.js';
import { isTakeOverDue } from './machine.js';
import type { MediaPath } from './peer-door.js';
import type { Peer } from './peer.js';
import type { RelayMemory } from './relay-memory.js';
import { Session } from './session.js';

/** How often it is looked whether everything arrives over the next session, in milliseconds. Lower: more looks; higher: a longer gap. */
const LOOK_MS = 40;

/**
 * How long the old session lasts after people hear and see the new one and nobody says that all have moved, in milliseconds.
 *
 * Lower: somebody who moves slowly loses this side for a moment; higher: the old one carries what nobody wants.
 */
const LEAVING_MS = 15_000;

/**
 * How long the old session goes on after all are connected to the media processor, in milliseconds: they may still wait for what this side
 * sends over it, at most as long as {@link isTakeOverDue} lets them. Lower: they see a frozen picture.
 */
const CONVENED_MS = 5_000;

/** What the call hears. */
export interface SessionsListener {
  /** Another peer connection is in use, or carries its media otherwise. */
  peer(peer: Peer | undefined): void;
  /** What is sent goes over these. */
  sends(peers: Peer[]): void;
  path(path: MediaPath): void;
  channel(channel: RTCDataChannel): void;
}

/** What it is made of. */
export interface SessionsOptions {
  isCaller: boolean;
  surroundings: Surroundings;
  /** ICE servers as they are now. */
  ice(): IceConfiguration;
  relayMemory: RelayMemory;
  /** Sends a signal of the call. */
  send(signal: Signal): void;
  /** Whether media may flow at the moment. */
  isMediaAllowed(): boolean;
  /** Whether any voice is to be expected. */
  isAnybodyAudible(): boolean;
  /** Pictures that somebody looks at. */
  wishes(): Wish[];
  listener: SessionsListener;
}

/** A session, and the conference that it leads to. */
interface Way {
  session: Session;
  conference: Conference | undefined;
  peer: Peer | undefined;
}

/** The media of one call. */
export class Sessions {
  private current: Way | undefined;
  private next: Way | undefined;
  private leaving: Way | undefined;
  private isSignalling = true;
  private isClosed = false;
  private cancelLook: Disposer | undefined;
  private cancelLeaving: Disposer | undefined;
  private connectedAt = 0;

  constructor(private readonly options: SessionsOptions) {}

  /** How the media path is. */
  get path(): MediaPath {
    return this.isClosed ? 'closed' : (this.current?.session.path ?? 'connecting');
  }

  /** The peer connection in use. */
  get peer(): Peer | undefined {
    return this.current?.peer;
  }

  /** The newest peer connection of a kind; `undefined` when there is none. */
  standing(kind: 'direct' | 'conference'): { epoch: number; hasAnswer: boolean } | undefined {
    const way = this.ways.find((one) => (one.conference !== undefined) === (kind === 'conference'));
    return way?.session.epoch === undefined ? undefined : { epoch: way.session.epoch, hasAnswer: way.peer?.wasStable ?? false };
  }

  /** The highest epoch that this page has a peer connection of; `undefined` when it has none. */
  get epoch(): number | undefined {
    const epochs = [this.current, this.next].flatMap((way) => way?.session.epoch ?? []);
    return epochs.length > 0 ? Math.max(...epochs) : undefined;
  }

  /** The conference in use; `undefined` in a call between two. */
  get conference(): Conference | undefined {
    return this.current?.conference;
  }

  /** Whether there are TURN servers. */
  get hasRelay(): boolean {
    return this.options.ice().turn.length > 0;
  }

  /** Begins with an offer, to the other side or to the media processor. `tell` gets it before any candidate is sent. */
  offer(kind: 'direct' | 'conference', epoch: number, tell: (offer: Description) => void): Promise<void> {
    return this.fresh(kind).session.offer(epoch, tell);
  }

  /** Begins with the answer to an offer of the other side. */
  answer(offer: Description, tell: (answer: Description) => void): Promise<void> {
    return this.fresh('direct').session.answer(offer, tell);
  }

  /** The other side describes itself. */
  description(description: Description): void {
    this.ways.find((way) => !way.conference)?.session.description(description);
  }

  /** The other side's candidates. */
  candidates(candidates: Candidates): void {
    (this.ways.find((way) => !way.conference) ?? this.fresh('direct')).session.candidates(candidates);
  }

  /** The media processor answers. */
  answered(description: Description): void {
    const ways = this.ways.filter((way) => way.conference);
    (ways.find((way) => way.session.epoch === description.epoch) ?? ways[0])?.session.description(description);
  }

  /** Builds a peer connection of an epoch, of the same kind or after a reload: nothing worth keeping is there. */
  rebuild(kind: 'direct' | 'conference', epoch: number): void {
    const isSame = this.current && (kind === 'conference') === (this.current.conference !== undefined);
    (isSame ? this.current : this.begin(kind))?.session.rebuild(epoch);
  }

  /** Moves to the media processor, or to another one, and describes the peer connection of this epoch. */
  convene(epoch: number): void {
    if (this.isClosed || (this.epoch ?? -1) >= epoch) {
      return;
    }
    if (!this.current) {
      this.rebuild('conference', epoch);
      return;
    }
    this.drop(this.next);
    this.current.session.retire(true);
    this.connectedAt = 0;
    this.next = this.make('conference');
    this.next.session.rebuild(epoch);
  }

  /** Everybody who moved is connected there. */
  convened(epoch: number): void {
    if (this.leaving && (this.current?.session.epoch ?? -1) >= epoch) {
      this.leaveAfter(CONVENED_MS);
    }
  }

  /** The move came to nothing: the session that has this epoch goes on. */
  adjourned(epoch: number): void {
    if (this.next && this.next.session.epoch !== epoch) {
      this.giveUpNext();
    }
    if (this.leaving?.session.epoch === epoch) {
      const moved = this.current;
      this.current = this.leaving;
      this.leaving = undefined;
      this.cancelLeaving?.();
      this.current.session.retire(false);
      this.tellUse();
      this.drop(moved);
    }
  }

  /** What is shown, or at which size, is another. */
  wished(): void {
    const wants = choose(this.options.wishes(), (this.conference ?? this.next?.conference)?.speakers.dominant ?? []);
    this.ways.forEach((way) => way.conference?.want(wants));
  }

  /** The event connection went or came. */
  signalling(isUp: boolean): void {
    this.isSignalling = isUp;
    this.ways.forEach((way) => way.session.signalling(isUp));
  }

  /** The machine may be on another network. */
  network(news: Parameters<Session['network']>[0]): void {
    this.ways.forEach((way) => way.session.network(news));
  }

  /** Reports figures of quality at once. */
  async report(): Promise<void> {
    await this.current?.session.report('quality');
  }

  /** The call is over. */
  close(): void {
    if (this.isClosed) {
      return;
    }
    this.isClosed = true;
    this.cancelLook?.();
    this.cancelLeaving?.();
    const ways = this.ways;
    this.current = this.next = this.leaving = undefined;
    ways.forEach((way) => this.drop(way));
    this.options.listener.peer(undefined);
    this.options.listener.sends([]);
    this.options.listener.path('closed');
  }

  private get ways(): Way[] {
    return [this.next, this.current, this.leaving].filter((way) => way !== undefined);
  }

  /** A session that has no peer connection yet; it may have candidates already. */
  private fresh(kind: 'direct' | 'conference'): Way {
    const { current } = this;
    const isFresh = current?.session.epoch === undefined && (current?.conference !== undefined) === (kind === 'conference');
    return current && isFresh ? current : this.begin(kind);
  }

  private begin(kind: 'direct' | 'conference'): Way {
    const before = this.current;
    const way = this.make(kind);
    this.current = way;
    this.drop(before);
    return way;
  }

  private make(kind: 'direct' | 'conference'): Way {
    const { isCaller, surroundings, ice, relayMemory, send, isMediaAllowed, listener } = this.options;
    const conference = kind === 'conference' ? new Conference(surroundings) : undefined;
    const way: Way = {
      conference,
      peer: undefined,
      session: new Session({
        kind,
        isCaller,
        surroundings,
        ice,
        relayMemory,
        send,
        isMediaAllowed,
        listener: {
          peer: (peer) => this.peerChanged(way, peer),
          path: (path) => this.pathChanged(way, path),
          channel: (channel) => listener.channel(channel),
        },
      }),
    };
    conference?.on('slots', () => way === this.current && listener.peer(way.peer));
    conference?.want(choose(this.options.wishes(), []));
    way.session.signalling(this.isSignalling);
    return way;
  }

  private peerChanged(way: Way, peer: Peer | undefined): void {
    way.peer = peer;
    way.conference?.attach(peer);
    if (way === this.current) {
      this.options.listener.peer(peer);
    }
    this.tellSends();
  }

  private pathChanged(way: Way, path: MediaPath): void {
    if (way === this.next) {
      if (path === 'connected') {
        this.connectedAt = this.options.surroundings.now();
        this.look();
      } else if (path === 'failed') {
        this.nextFailed();
      }
    } else if (way === this.current && !(this.next && path === 'failed')) {
      this.options.listener.path(path);
    }
  }

  /** Takes the next session into use once everything arrives over it. */
  private look(): void {
    this.cancelLook?.();
    const { current, next } = this;
    if (!next || this.isClosed) {
      return;
    }
    const isDue = isTakeOverDue({
      isConnected: next.session.path === 'connected',
      isComplete: this.isComplete(next),
      isOldFlowing: current?.session.path === 'connected',
      connectedMs: this.options.surroundings.now() - this.connectedAt,
    });
    if (isDue) {
      this.takeOver();
    } else {
      this.cancelLook = this.options.surroundings.after(LOOK_MS, () => this.look());
    }
  }

  private isComplete({ conference }: Way): boolean {
    if (!conference?.isArranged) {
      return false;
    }
    if (!this.options.isMediaAllowed()) {
      return true;
    }
    const arrives = (receiver: RTCRtpReceiver | undefined): boolean => (receiver?.getSynchronizationSources?.().length ?? 0) > 0;
    const hears = !this.options.isAnybodyAudible() || conference.voices.some(arrives);
    const wishes = conference.mode === 'mixed' ? [] : this.options.wishes();
    return hears && wishes.every(({ participant, source }) => arrives(conference.receiver(participant, source)));
  }

  private takeOver(): void {
    this.leave();
    this.leaving = this.current;
    this.current = this.next;
    this.next = undefined;
    this.leaving?.session.retire(true);
    this.tellUse();
    this.leaveAfter(LEAVING_MS);
    if (this.leaving?.session.path !== 'connected') {
      this.leave();
    }
  }

  private tellUse(): void {
    this.options.listener.peer(this.current?.peer);
    this.tellSends();
    this.options.listener.path(this.path);
  }

  private tellSends(): void {
    if (!this.isClosed) {
      this.options.listener.sends(this.ways.flatMap((way) => way.peer ?? []));
    }
  }

  private leaveAfter(ms: number): void {
    this.cancelLeaving?.();
    this.cancelLeaving = this.options.surroundings.after(ms, () => this.leave());
  }

  private leave(): void {
    this.cancelLeaving?.();
    const gone = this.leaving;
    this.leaving = undefined;
    this.drop(gone);
  }

  private nextFailed(): void {
    this.giveUpNext();
    if (this.path !== 'connected') {
      this.options.listener.path('failed');
    }
  }

  private giveUpNext(): void {
    const gone = this.next;
    this.next = undefined;
    this.cancelLook?.();
    this.drop(gone);
    this.current?.session.retire(false);
  }

  private drop(way: Way | undefined): void {
    if (way) {
      way.session.close();
      way.conference?.close();
      this.tellSends();
    }
  }
}
