/**
 * A media session of a call, between two clients or between a client and the media processor: carries out what `path.ts` and
 * `machine.ts` decide, on one peer connection after the other.
 *
 * Towards the media processor this side always offers, and has nothing to say about candidates: the media processor is ICE-lite, its
 * own candidates are in its answer, and it learns ours from the checks (RFC 8445 section 2.5).
 *
 * What touches a peer connection runs one after the other, so that an offer, an answer and candidates never overtake each other.
 */

import type { Disposer } from '../emitter.js';
import { tellPage } from '../emitter.js';
import type { NetworkNews, Surroundings } from '../surroundings.js';
import type { Candidates, Description, IceConfiguration, IceServer, MediaReport, Signal } from '../wire.js';
import { judge } from './machine.js';
import { PathMachine } from './path.js';
import type { PathOrder } from './path.js';
import type { Media, MediaPath } from './peer-door.js';
import { Peer } from './peer.js';
import type { RelayMemory } from './relay-memory.js';
import { figures } from './report.js';
import type { Figures } from './report.js';

/** How often the path is looked at, in milliseconds. Lower: a dead path is seen sooner; higher: less work. */
const LOOK_MS = 1_000;

/**
 * After how long without anything received a path counts as dead, in milliseconds: while media flowed, and while little did
 * (consent checks come every 2.5 s in Chromium, up to 6 s elsewhere; RFC 7675 section 5.1).
 */
const STALL_BUSY_MS = 3_000;
const STALL_IDLE_MS = 10_000;

/** Bytes between two looks that count as media. */
const BUSY_BYTES = 1_000;

/** How often quality is reported, in milliseconds. */
const QUALITY_MS = 10_000;

/** A peer connection that cannot be described is built anew at most so often without a path in between. */
const MAX_MISHAPS = 3;

/** What the call hears. */
export interface SessionListener {
  /** There is another peer connection, or none. */
  peer(peer: Peer | undefined): void;
  path(path: MediaPath): void;
  channel(channel: RTCDataChannel): void;
}

/** What a session is made of. */
export interface SessionOptions {
  /** `conference`: towards the media processor. */
  kind: 'direct' | 'conference';
  isCaller: boolean;
  surroundings: Surroundings;
  /** ICE servers as they are now. */
  ice(): IceConfiguration;
  relayMemory: RelayMemory;
  /** Sends a signal of the call. */
  send(signal: Signal): void;
  /** Whether media may flow at the moment. */
  isMediaAllowed(): boolean;
  listener: SessionListener;
}

/** One media session of a call. */
export class Session {
  private readonly machine: PathMachine;
  private peer: Peer | undefined;
  private work: Promise<void> = Promise.resolve();
  private isClosed = false;
  private isSignalling = true;
  private isRetired = false;
  private latestEpoch: number | undefined;
  private early: Candidates[] = [];
  private mishaps = 0;
  private cancelTick: Disposer | undefined;
  private cancelLook: Disposer | undefined;
  private readonly bornAt: number;
  private setupMs: number | undefined;
  private last: { received: number; bytes: number; changedAt: number; busyAt: number } | undefined;
  private reportedAt = 0;

  constructor(private readonly options: SessionOptions) {
    const hasRelay = options.ice().turn.length > 0;
    this.bornAt = options.surroundings.now();
    this.machine = new PathMachine({
      isCaller: options.isCaller || options.kind === 'conference',
      isAnsweredByMachine: options.kind === 'conference',
      hasRelay,
      startsWithRelay: hasRelay && options.relayMemory.isNeeded,
    });
  }

  /** How the media path is. */
  get path(): MediaPath {
    return this.machine.path;
  }

  /** Which peer connection is in use, or about to be built; `undefined` before the first. */
  get epoch(): number | undefined {
    return this.latestEpoch;
  }

  /** Builds a peer connection and makes its offer; `tell` gets it before any candidate is sent. */
  offer(epoch: number, tell: (offer: Description) => void): Promise<void> {
    this.latestEpoch = Math.max(epoch, this.latestEpoch ?? 0);
    return this.then(async () => {
      const peer = this.build(epoch, this.options.kind === 'conference' ? 'confers' : 'offers');
      const sdp = await peer.offer(false);
      if (this.peer === peer) {
        if (peer.isConference) {
          this.options.listener.peer(peer); // its transceivers exist only since then
        }
        tell({ kind: 'offer', epoch, sdp });
        peer.release();
        this.step((now) => this.machine.opened(now));
      }
    });
  }

  /** Builds a peer connection for an offer of the other side; `tell` gets the answer before any candidate is sent. */
  answer(offer: Description, tell: (answer: Description) => void): Promise<void> {
    return this.then(() => this.answerFresh(offer, tell));
  }

  /** The other side describes itself. */
  description(description: Description): void {
    void this.then(() => this.take(description)).catch((error) => this.mishap(error));
  }

  /** The other side's candidates. */
  candidates(candidates: Candidates): void {
    void this.then(async () => {
      if (this.peer?.epoch === candidates.epoch) {
        await this.peer.addCandidates(candidates.list);
      } else if (candidates.epoch > (this.peer?.epoch ?? -1) && this.early.length < 64) {
        this.early.push(candidates);
      }
    });
  }

  /** Builds a peer connection anew, of a higher epoch than any seen: this page or events were lost. */
  rebuild(epoch: number): void {
    void this.offer(epoch, (description) => this.options.send({ type: 'describe', description })).catch((error) =>
      this.mishap(error),
    );
  }

  /** The event connection went or came. */
  signalling(isUp: boolean): void {
    this.isSignalling = isUp;
    this.step((now) => this.machine.signalling(isUp, now));
  }

  /** The machine may be on another network. */
  network(news: NetworkNews): void {
    if (news === 'changed') {
      this.step((now) => this.machine.networkChanged(now));
    } else if (news === 'hint') {
      void this.look();
    }
  }

  /** Another session is to take over: mending this one would only be in the way. */
  retire(isRetired: boolean): void {
    this.isRetired = isRetired;
  }

  /** What the exchange is told of the path and its quality. */
  async report(state: MediaReport['state']): Promise<void> {
    const seen = await this.figures();
    const setup = this.setupMs === undefined ? {} : { setupMs: this.setupMs };
    if (!this.isClosed) {
      this.reportedAt = this.options.surroundings.now();
      this.options.send({ type: 'media', report: { state, ...setup, ...(seen?.report ?? {}) } });
    }
  }

  /** The call is over. */
  close(): void {
    if (this.isClosed) {
      return;
    }
    this.isClosed = true;
    this.cancelTick?.();
    this.cancelLook?.();
    this.machine.close();
    this.drop();
    this.options.listener.path('closed');
  }

  private get world(): Surroundings {
    return this.options.surroundings;
  }

  /** Puts work in line. */
  private then(run: () => Promise<void>): Promise<void> {
    const done = this.work.then(() => (this.isClosed ? undefined : run()));
    this.work = done.catch(() => {});
    return done;
  }

  private servers(): IceServer[] {
    const { stun, turn } = this.options.ice();
    return this.machine.usesRelay ? [...stun, ...turn] : stun;
  }

  private build(epoch: number, role: 'offers' | 'answers' | 'confers'): Peer {
    this.drop();
    this.last = undefined;
    this.latestEpoch = Math.max(epoch, this.latestEpoch ?? 0);
    const peer: Peer = new Peer(epoch, role, this.servers(), {
      candidate: (candidate) => {
        if (!peer.isConference) {
          this.options.send({ type: 'candidates', candidates: { epoch: peer.epoch, list: [candidate] } });
        }
      },
      connection: (state) => this.step((now) => this.machine.connection(state, now)),
      gathered: (hasUdp) => {
        if (!hasUdp) {
          this.step((now) => this.machine.gatheredWithoutUdp(now));
        }
      },
      channel: (channel) => this.options.listener.channel(channel),
    });
    this.peer = peer;
    const early = this.early.filter((batch) => batch.epoch === epoch);
    this.early = this.early.filter((batch) => batch.epoch > epoch);
    early.forEach((batch) => void peer.addCandidates(batch.list));
    this.options.listener.peer(peer);
    return peer;
  }

  private drop(): void {
    if (this.peer) {
      this.peer.close();
      this.peer = undefined;
      this.options.listener.peer(undefined);
    }
  }

  private async answerFresh(offer: Description, tell: (answer: Description) => void): Promise<void> {
    const peer = this.build(offer.epoch, 'answers');
    this.step((now) => this.machine.opened(now));
    const sdp = await peer.answer(offer.sdp);
    if (this.peer === peer) {
      this.options.listener.peer(peer); // its transceivers exist only since the offer was applied
      tell({ kind: 'answer', epoch: peer.epoch, sdp });
      peer.release();
      this.step((now) => this.machine.stable(now));
    }
  }

  private async take(description: Description): Promise<void> {
    const peer = this.peer;
    if (this.options.kind === 'conference' && description.kind === 'offer') {
      return; // the media processor never offers
    }
    if (peer?.signalingState === 'closed' && description.epoch === peer.epoch) {
      // The browser ended it (out of resources, or the app did); no answer can be given on it.
      this.rebuild(peer.epoch + 1);
      return;
    }
    const verdict = judge(description, {
      epoch: peer?.epoch ?? -1,
      signalingState: peer?.signalingState ?? 'closed',
      wasStable: peer?.wasStable ?? false,
      isPolite: !this.options.isCaller && this.options.kind === 'direct',
    });
    const tell = (answer: Description) => this.options.send({ type: 'describe', description: answer });
    if (verdict === 'rebuild') {
      await this.answerFresh(description, tell);
    } else if (peer && verdict === 'renew') {
      this.rebuild(peer.epoch + 1);
    } else if (peer && verdict !== 'ignore') {
      await (description.kind === 'answer' ? this.accept(peer, description) : this.answerAgain(peer, description, tell));
    }
  }

  private async accept(peer: Peer, answer: Description): Promise<void> {
    await peer.accept(answer.sdp);
    this.step((now) => this.machine.stable(now));
  }

  /** The other side restarts ICE. TURN servers have to be there before the answer begins to gather. */
  private async answerAgain(peer: Peer, offer: Description, tell: (answer: Description) => void): Promise<void> {
    if (this.machine.restartedByPeer()) {
      peer.setServers(this.servers());
    }
    const sdp = await peer.answer(offer.sdp);
    tell({ kind: 'answer', epoch: peer.epoch, sdp });
    peer.release();
    this.step((now) => this.machine.stable(now));
  }

  private async restart(): Promise<void> {
    const peer = this.peer;
    if (!peer || peer.signalingState !== 'stable') {
      return; // an offer of the other side came first; its answer restarts ICE as well
    }
    peer.setServers(this.servers());
    const sdp = await peer.offer(true);
    this.options.send({ type: 'describe', description: { kind: 'offer', epoch: peer.epoch, sdp } });
    peer.release();
  }

  /** Lets the machine take an input, obeys it, and sets its clock. */
  private step(input: (now: number) => void): void {
    if (this.isClosed) {
      return;
    }
    input(this.world.now());
    for (let order = this.machine.poll(); order; order = this.machine.poll()) {
      this.obey(order);
    }
    this.cancelTick?.();
    const at = this.machine.timeout();
    if (at !== undefined && !this.hasClosed()) {
      const wait = Math.max(0, at - this.world.now());
      this.cancelTick = this.world.after(wait, () => this.step((now) => this.machine.tick(now)));
    }
  }

  private hasClosed(): boolean {
    return this.isClosed;
  }

  private obey(order: PathOrder): void {
    if (this.isRetired && order.do !== 'tell') {
      return;
    }
    switch (order.do) {
      case 'restart':
        void this.then(() => this.restart()).catch((error) => this.mishap(error));
        break;
      case 'rebuild':
        this.rebuild((this.peer?.epoch ?? 0) + 1);
        break;
      case 'tell':
        this.changed(order.path);
        break;
    }
  }

  private changed(path: MediaPath): void {
    if (path === 'connected') {
      this.mishaps = 0;
      this.setupMs ??= Math.round(this.world.now() - this.bornAt);
      void this.learn();
    }
    if (path === 'connected' || path === 'interrupted' || path === 'failed') {
      void this.report(path);
      this.watch();
    }
    this.options.listener.path(path);
  }

  private async learn(): Promise<void> {
    const isRelayed = (await this.figures())?.isRelayed;
    if (isRelayed !== undefined) {
      this.options.relayMemory.learn(isRelayed);
    }
  }

  /** A description could not be made or applied: with a fresh peer connection it can. */
  private mishap(error: unknown): void {
    if (this.isClosed) {
      return;
    }
    tellPage(error);
    this.mishaps += 1;
    if (this.mishaps <= MAX_MISHAPS) {
      this.rebuild((this.peer?.epoch ?? 0) + 1);
    }
  }

  private watch(): void {
    this.cancelLook?.();
    this.cancelLook = this.world.after(LOOK_MS, () => void this.look().finally(() => !this.isClosed && this.watch()));
  }

  /** Looks whether anything comes in: browsers say so only after 5 to 7 s. */
  private async look(): Promise<void> {
    const seen = await this.figures();
    if (!seen || this.isClosed) {
      return;
    }
    const now = this.world.now();
    const last = this.last;
    if (!last || seen.received !== last.received) {
      const isBusy = seen.bytesReceived - (last?.bytes ?? 0) > BUSY_BYTES;
      const busyAt = isBusy ? now : (last?.busyAt ?? Number.NEGATIVE_INFINITY);
      this.last = { received: seen.received, bytes: seen.bytesReceived, changedAt: now, busyAt };
      if (last && this.peer?.connection.connectionState === 'connected') {
        this.step(() => this.machine.flowing());
      }
    } else {
      // The last look before silence saw only part of a second.
      const wasBusy = last.changedAt - last.busyAt < 2 * LOOK_MS;
      const patience = wasBusy && this.options.isMediaAllowed() ? STALL_BUSY_MS : STALL_IDLE_MS;
      if (now - last.changedAt >= patience) {
        this.last = { ...last, changedAt: now };
        this.step(() => this.machine.stalled(now));
      }
    }
    if (this.path === 'connected' && this.isSignalling && now - this.reportedAt >= QUALITY_MS) {
      await this.report('quality');
    }
  }

  private async figures(): Promise<Figures | undefined> {
    const peer = this.peer;
    try {
      return peer && figures(await peer.connection.getStats(), (mid): Media | undefined => peer.mediaOf(mid));
    } catch {
      return undefined; // closed meanwhile
    }
  }
}
