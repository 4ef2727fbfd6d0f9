/** The door of one call to its features: see `peer-door.ts`. */

import { Emitter } from '../emitter.js';
import type { Disposer } from '../emitter.js';
import type { CommunicationIdentifierKind } from '../identity.js';
import type { EndReason } from '../wire.js';
import { keepEarly } from './early.js';
import type { LocalMedia } from './local-media.js';
import type { CallDoor, Media, MediaPath, RoomDoor, TransferGoal, TransferNews } from './peer-door.js';
import type { Peer } from './peer.js';
import type { Sessions } from './sessions.js';

/** Labels that the media processor knows begin with this. */
const FOR_CONFERENCES = 'data/';

/** At most this many data channels wait for a feature that wants them. */
const MAX_ARRIVED = 64;

interface Happenings {
  peer: Peer | undefined;
  path: MediaPath;
  signalling: boolean;
  channel: RTCDataChannel;
  transferAccepted: unknown;
  end: undefined;
}

/** What the door needs of its call. */
export interface DoorCall {
  readonly id: string;
  readonly participantId: string;
  readonly isSignalling: boolean;
  readonly remoteIdentifier: CommunicationIdentifierKind | undefined;
  readonly localIdentifier: CommunicationIdentifierKind;
  /** Sends the request; rejects when the exchange refuses it. */
  requestTransfer(goal: TransferGoal): Promise<void>;
}

/** A data channel that a feature wants on every peer connection. */
interface WantedChannel {
  label: string;
  init: RTCDataChannelInit;
  onOpen(channel: RTCDataChannel): void;
  channel: RTCDataChannel | undefined;
}

/** The door of one call. */
export class FeatureDoor implements CallDoor {
  private readonly happenings = new Emitter<Happenings>();
  private readonly wanted = new Set<WantedChannel>();
  private current: Peer | undefined;
  /** Channels that the other side opened and that are open: a feature that is made late hears of them too. */
  private arrived: RTCDataChannel[] = [];
  private isOver = false;
  /** Transfers that were asked for and have no number yet, oldest first; then by number. */
  private readonly asked: ((news: TransferNews) => void)[] = [];
  private readonly transfers = new Map<number, (news: TransferNews) => void>();

  constructor(
    private readonly call: DoorCall,
    private readonly sessions: Sessions,
    private readonly media: LocalMedia,
    readonly room: RoomDoor,
  ) {}

  get callId(): string {
    return this.call.id;
  }

  get participantId(): string {
    return this.call.participantId;
  }

  get peer(): RTCPeerConnection | undefined {
    return this.current?.connection;
  }

  get epoch(): number {
    return this.current?.epoch ?? 0;
  }

  get path(): MediaPath {
    return this.sessions.path;
  }

  get isSignalling(): boolean {
    return this.call.isSignalling;
  }

  get hasRelay(): boolean {
    return this.sessions.hasRelay;
  }

  get microphone(): MediaStreamTrack | undefined {
    return this.media.track('audio');
  }

  get remoteIdentifier(): CommunicationIdentifierKind | undefined {
    return this.call.remoteIdentifier;
  }

  get localIdentifier(): CommunicationIdentifierKind {
    return this.call.localIdentifier;
  }

  onPeer(listener: (peer: RTCPeerConnection | undefined, epoch: number) => void): Disposer {
    return this.happenings.subscribe('peer', (peer) => listener(peer?.connection, peer?.epoch ?? 0));
  }

  onPath(listener: (path: MediaPath) => void): Disposer {
    return this.happenings.subscribe('path', listener);
  }

  onSignalling(listener: (isUp: boolean) => void): Disposer {
    return this.happenings.subscribe('signalling', listener);
  }

  onEnd(listener: () => void): Disposer {
    if (this.isOver) {
      listener();
      return () => {};
    }
    return this.happenings.subscribe('end', listener);
  }

  mediaOf(mid: string | null): Media | undefined {
    return this.current?.mediaOf(mid);
  }

  sender(media: Media): RTCRtpSender | undefined {
    return this.current?.transceiver(media)?.sender;
  }

  receiver(media: Media): RTCRtpReceiver | undefined {
    return this.current?.transceiver(media)?.receiver;
  }

  async stats(): Promise<RTCStatsReport | undefined> {
    try {
      return await this.current?.connection.getStats();
    } catch {
      return undefined; // closed meanwhile
    }
  }

  reportMedia(): Promise<void> {
    return this.sessions.report();
  }

  openDataChannel(label: string, init: RTCDataChannelInit, onOpen: (channel: RTCDataChannel) => void): Disposer {
    const wanted: WantedChannel = { label, init, onOpen, channel: undefined };
    this.wanted.add(wanted);
    this.openOn(this.current, wanted);
    return () => {
      this.wanted.delete(wanted);
      wanted.channel?.close();
    };
  }

  onDataChannel(listener: (channel: RTCDataChannel) => void): Disposer {
    [...this.arrived].forEach((channel) => listener(channel));
    return this.happenings.subscribe('channel', listener);
  }

  transfer(goal: TransferGoal, onNews: (news: TransferNews) => void): void {
    this.asked.push(onNews);
    this.call.requestTransfer(goal).catch((error: { code?: number; subCode?: number }) => {
      const place = this.asked.indexOf(onNews);
      if (place >= 0) {
        this.asked.splice(place, 1);
        onNews({ state: 'Failed', error: { code: error?.code ?? 500, subCode: error?.subCode ?? 0 } });
      }
    });
  }

  onTransferAccepted(listener: (call: unknown) => void): Disposer {
    return this.happenings.subscribe('transferAccepted', listener);
  }

  /** The call has another peer connection, or the same one with its transceivers. */
  peerChanged(peer: Peer | undefined): void {
    if (peer === this.current) {
      return;
    }
    this.current = peer;
    this.wanted.forEach((wanted) => this.openOn(peer, wanted));
    this.happenings.emit('peer', peer as never);
  }

  pathChanged(path: MediaPath): void {
    this.happenings.emit('path', path);
  }

  signallingChanged(isUp: boolean): void {
    this.happenings.emit('signalling', isUp);
  }

  channelOpened(channel: RTCDataChannel): void {
    keepEarly(channel);
    if (this.arrived.length < MAX_ARRIVED) {
      this.arrived.push(channel);
      channel.addEventListener('close', () => {
        this.arrived = this.arrived.filter((other) => other !== channel);
      });
    }
    this.happenings.emit('channel', channel);
  }

  /** News of a transfer that this side asked for. The exchange numbers them in the order of asking. */
  transferNews(transfer: number, state: TransferNews['state'], error: EndReason | undefined): void {
    const known = this.transfers.get(transfer) ?? this.asked.shift();
    if (known) {
      this.transfers.set(transfer, known);
      known({ state, ...(error ? { error } : {}) });
    }
  }

  /** This client was transferred to another call. */
  transferAccepted(call: unknown): void {
    this.happenings.emit('transferAccepted', call as never);
  }

  /** The call is over. */
  ended(): void {
    this.isOver = true;
    this.happenings.emit('end');
    this.happenings.clear();
    this.wanted.clear();
  }

  private openOn(peer: Peer | undefined, wanted: WantedChannel): void {
    wanted.channel = undefined;
    if (!peer || (peer.isConference && !wanted.label.startsWith(FOR_CONFERENCES))) {
      return;
    }
    try {
      const channel = peer.connection.createDataChannel(wanted.label, wanted.init);
      wanted.channel = channel;
      // One that opens when another peer connection is in use already is late.
      channel.addEventListener('open', () => this.wanted.has(wanted) && wanted.channel === channel && wanted.onOpen(channel), { once: true });
    } catch {
      // Closed meanwhile; the next peer connection gets it.
    }
  }
}
