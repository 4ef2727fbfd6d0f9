/** Doors of calls without calls: two sides whose data channels meet in memory. */

import type { CallDoor, Media, MediaPath, Place, RoomDoor, TransferGoal, TransferNews } from '../../src/call/peer-door.js';
import type { Disposer } from '../../src/emitter.js';
import { identifierOf } from '../../src/identity.js';
import { RemoteVideo } from '../../src/streams/remote-video-stream.js';
import type { Call } from '../../src/types/call.js';
import type { CallFeature, CallFeatureFactory } from '../../src/types/feature.js';
import type { ParticipantQuality, Receives, Signal } from '../../src/wire.js';

export const ANN = '8:acs:resource_ann';
export const BEN = '8:acs:resource_ben';

/** One end of a data channel. */
export class FakeChannel extends EventTarget {
  readyState: RTCDataChannelState = 'open';
  binaryType = 'arraybuffer';
  bufferedAmount = 0;
  other: FakeChannel | undefined;
  readonly sent: unknown[] = [];

  constructor(readonly label: string) {
    super();
  }

  send(data: string | Uint8Array): void {
    this.sent.push(data);
    const copy = typeof data === 'string' ? data : data.slice().buffer;
    this.other?.hear(copy);
  }

  hear(data: unknown): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }));
  }

  close(): void {
    for (const end of [this as FakeChannel, this.other]) {
      if (end && end.readyState !== 'closed') {
        end.readyState = 'closed';
        end.dispatchEvent(new Event('close'));
      }
    }
  }
}

type What = 'people' | 'speakers' | 'quality' | 'mode';

/** A room whose people a test puts there. */
export class FakeRoom implements RoomDoor {
  isGroup = false;
  isConference = false;
  role = 'Presenter' as const;
  places: Place[] = [];
  speakers: { dominant: string[]; speaking: string[] } = { dominant: [], speaking: [] };
  quality: ParticipantQuality[] = [];
  mode: Receives | undefined;
  readonly composition = new RemoteVideo(0, 'Video');
  readonly asked: Signal[] = [];
  private readonly listeners = new Set<(what: What) => void>();

  onChange(listener: (what: What) => void): Disposer {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async ask(signal: Signal): Promise<void> {
    this.asked.push(signal);
  }

  /** Changes something and tells. */
  change(what: What, values: Partial<Omit<FakeRoom, 'change' | 'ask' | 'asked' | 'onChange'>>): void {
    Object.assign(this, values);
    [...this.listeners].forEach((listener) => listener(what));
  }
}

/** Somebody's device in a room. */
export function placeOf(rawId: string, participantId: string, more: Partial<Place> = {}): Place {
  return { rawId, participantId, displayName: undefined, isOwn: false, handRaised: undefined, isSpotlighted: false, receives: undefined, ...more };
}

/** A door whose happenings a test makes. */
export class FakeDoor implements CallDoor {
  callId = '11111111-1111-4111-8111-111111111111';
  participantId = '22222222-2222-4222-8222-222222222222';
  peer: RTCPeerConnection | undefined;
  epoch = 0;
  path: MediaPath = 'connected';
  isSignalling = true;
  hasRelay = true;
  microphone: MediaStreamTrack | undefined;
  facing: FakeDoor | undefined;
  report: RTCStatsReport | undefined;
  readonly room = new FakeRoom();
  readonly transfers: { goal: TransferGoal; tell: (news: TransferNews) => void }[] = [];
  private readonly arrived: FakeChannel[] = [];
  private readonly arriving = new Set<(channel: RTCDataChannel) => void>();
  private readonly ending = new Set<() => void>();
  private readonly accepting = new Set<(call: unknown) => void>();
  private readonly wanted = new Set<{ label: string; onOpen: (channel: RTCDataChannel) => void; channel: FakeChannel | undefined }>();

  constructor(
    private readonly local: string,
    private readonly remote: string,
  ) {}

  get localIdentifier() {
    return identifierOf(this.local);
  }
  get remoteIdentifier() {
    return this.room.isGroup ? undefined : identifierOf(this.remote);
  }

  onPeer(): Disposer {
    return () => undefined;
  }
  onPath(): Disposer {
    return () => undefined;
  }
  onSignalling(): Disposer {
    return () => undefined;
  }
  onEnd(listener: () => void): Disposer {
    this.ending.add(listener);
    return () => this.ending.delete(listener);
  }
  mediaOf(mid: string | null): Media | undefined {
    return ({ '0': 'audio', '1': 'video', '2': 'screen' } as const)[mid ?? ''];
  }
  sender(): undefined {}
  receiver(): undefined {}
  async stats(): Promise<RTCStatsReport | undefined> {
    return this.report;
  }
  async reportMedia(): Promise<void> {}

  openDataChannel(label: string, _init: RTCDataChannelInit, onOpen: (channel: RTCDataChannel) => void): Disposer {
    const wanted = { label, onOpen, channel: undefined as FakeChannel | undefined };
    this.wanted.add(wanted);
    this.openOne(wanted);
    return () => {
      this.wanted.delete(wanted);
      wanted.channel?.close();
    };
  }

  onDataChannel(listener: (channel: RTCDataChannel) => void): Disposer {
    this.arrived.filter((channel) => channel.readyState === 'open').forEach((channel) => listener(channel as unknown as RTCDataChannel));
    this.arriving.add(listener);
    return () => this.arriving.delete(listener);
  }

  transfer(goal: TransferGoal, tell: (news: TransferNews) => void): void {
    this.transfers.push({ goal, tell });
  }

  onTransferAccepted(listener: (call: unknown) => void): Disposer {
    this.accepting.add(listener);
    return () => this.accepting.delete(listener);
  }

  /** A new peer connection: all channels go and come again. */
  reconnect(): void {
    for (const wanted of this.wanted) {
      wanted.channel?.close();
      this.openOne(wanted);
    }
  }

  accept(call: unknown): void {
    this.accepting.forEach((listener) => listener(call));
  }

  end(): void {
    this.path = 'closed';
    [...this.ending].forEach((listener) => listener());
  }

  private openOne(wanted: { label: string; onOpen: (channel: RTCDataChannel) => void; channel: FakeChannel | undefined }): void {
    const near = new FakeChannel(wanted.label);
    const far = new FakeChannel(wanted.label);
    near.other = far;
    far.other = near;
    wanted.channel = near;
    this.facing?.arrived.push(far);
    this.facing?.arriving.forEach((listener) => listener(far as unknown as RTCDataChannel));
    wanted.onOpen(near as unknown as RTCDataChannel);
  }
}

/** As much of a call as features look at. */
export function fakeCall(overrides: Partial<Record<keyof Call, unknown>> = {}): Call {
  return { state: 'Connected', isMuted: false, isLocalVideoStarted: false, remoteParticipants: [], ...overrides } as unknown as Call;
}

/** Two doors that face each other. */
export function twoDoors(): [ann: FakeDoor, ben: FakeDoor] {
  const ann = new FakeDoor(ANN, BEN);
  const ben = new FakeDoor(BEN, ANN);
  ann.facing = ben;
  ben.facing = ann;
  return [ann, ben];
}

/** A feature on a door. */
export function feature<F extends CallFeature>(factory: CallFeatureFactory<F>, door: CallDoor, call: Call = fakeCall()): F {
  return new factory.callApiCtor({ call, door });
}
