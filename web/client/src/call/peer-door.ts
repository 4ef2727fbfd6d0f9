/**
 * Doors between the call, its streams and its features: what each may ask of the other.
 *
 * The call (`call/**`) owns the `RTCPeerConnection` and the signalling. Streams (`streams/**`) own devices' tracks. Features
 * (`features/**`) watch and add. Nobody reaches past a door.
 */

import type { Disposer } from '../emitter.js';
import type { CommunicationIdentifierKind } from '../identity.js';
import type { ParticipantRole } from '../types/call.js';
import type { RemoteVideoStream } from '../types/stream.js';
import type { ParticipantQuality, ReceiveMode, Receives, Signal } from '../wire.js';

/** What one m-line of a call carries. The order is the order of m-lines in every description: audio, video, screen. */
export type Media = 'audio' | 'video' | 'screen';

/** How the media path of a call is. */
export type MediaPath = 'connecting' | 'connected' | 'interrupted' | 'failed' | 'closed';

/** Whom a transfer leads to, as the wire says it. */
export type TransferGoal =
  | { kind: 'participant'; identity: string }
  | { kind: 'call'; callId: string };

/** How a transfer goes. */
export interface TransferNews {
  /** Where it stands. */
  state: 'Transferring' | 'Transferred' | 'Failed';
  /** Why it failed. */
  error?: { code: number; subCode: number };
}

/**
 * What a feature may ask of its call.
 *
 * A feature is made by `new factory.callApiCtor({ call, door })`; `call` is the public object. Listeners given here are
 * forgotten when the call is over; each gives back what removes it.
 */
export interface CallDoor {
  /** The call's id, a GUID. */
  readonly callId: string;
  /** This device's place in the call; empty until the exchange said it. */
  readonly participantId: string;
  /** The peer connection in use; `undefined` before the first and after the call. It changes with {@link onPeer}. */
  readonly peer: RTCPeerConnection | undefined;
  /** Which peer connection of the call it is, from 0. */
  readonly epoch: number;
  /** How the media path is. */
  readonly path: MediaPath;
  /** Whether the event connection to the exchange is up. */
  readonly isSignalling: boolean;
  /** Whether the credentials name a relay at all. */
  readonly hasRelay: boolean;

  /** Tells when there is another peer connection (first one, reload of either page, end). Not called at once. */
  onPeer(listener: (peer: RTCPeerConnection | undefined, epoch: number) => void): Disposer;
  /** Tells when the media path changes. Not called at once. */
  onPath(listener: (path: MediaPath) => void): Disposer;
  /** Tells when the event connection goes and comes. Not called at once. */
  onSignalling(listener: (isUp: boolean) => void): Disposer;
  /** Tells when the call is over; at once when it is over already. */
  onEnd(listener: () => void): Disposer;

  /** What the m-line with this mid carries; `undefined` for the data channel's and unknown ones. */
  mediaOf(mid: string | null): Media | undefined;
  /** The sender of an m-line on the peer connection in use. */
  sender(media: Media): RTCRtpSender | undefined;
  /** The receiver of an m-line on the peer connection in use. */
  receiver(media: Media): RTCRtpReceiver | undefined;
  /** `getStats` of the peer connection in use; `undefined` when there is none. */
  stats(): Promise<RTCStatsReport | undefined>;
  /** The microphone track that is sent (also while muted); `undefined` when there is none. */
  readonly microphone: MediaStreamTrack | undefined;

  /** Reports figures of media quality to the exchange at once, outside the regular 10 s. */
  reportMedia(): Promise<void>;

  /**
   * Opens a data channel on the peer connection in use and on every later one of the call: `onOpen` is called with each.
   *
   * The m-line for data exists from the first offer, so opening never renegotiates. Labels begin with the feature's name. Towards the
   * media processor, which knows its own labels only, those of `data` alone are opened.
   */
  openDataChannel(label: string, init: RTCDataChannelInit, onOpen: (channel: RTCDataChannel) => void): Disposer;
  /** Tells of data channels that the other side opened; at once of those that are open already, so that a feature made late misses none. */
  onDataChannel(listener: (channel: RTCDataChannel) => void): Disposer;

  /** The people of a group call, and what can be asked of the exchange about them. */
  readonly room: RoomDoor;

  /** Who is at the other end of a 1:1 call; `undefined` in a group. */
  readonly remoteIdentifier: CommunicationIdentifierKind | undefined;
  /** Who is at this end: the identity of the token. */
  readonly localIdentifier: CommunicationIdentifierKind | undefined;

  /** Asks the other side to call somebody else; the news come in order, the last is `Transferred` or `Failed`. */
  transfer(goal: TransferGoal, onNews: (news: TransferNews) => void): void;
  /** Tells that this client was transferred: `call` is the new public call. */
  onTransferAccepted(listener: (call: unknown) => void): Disposer;
}

/** Somebody's place in a call: one device. */
export interface Place {
  /** Its id in the call. */
  readonly participantId: string;
  /** Raw id of whose it is. */
  readonly rawId: string;
  readonly displayName: string | undefined;
  readonly isOwn: boolean;
  /** When the hand went up: the lower, the earlier; `undefined` while it is down. */
  readonly handRaised: number | undefined;
  readonly isSpotlighted: boolean;
  readonly receives: ReceiveMode | undefined;
}

/** A group call to its features. In a call between two nothing here happens, and `isGroup` is false. */
export interface RoomDoor {
  /** Whether the exchange keeps signs (hands, spotlights), and others can be muted and removed. A promotion makes it true. */
  readonly isGroup: boolean;
  /** Whether the peer connection in use leads to the media processor. */
  readonly isConference: boolean;
  /** This side's role. */
  readonly role: ParticipantRole;
  /** Everybody's places, this device's included. */
  readonly places: readonly Place[];
  /** Participant ids; see `Speakers` of the conference. */
  readonly speakers: { readonly dominant: readonly string[]; readonly speaking: readonly string[] };
  readonly quality: readonly ParticipantQuality[];
  /** How this side receives now. */
  readonly mode: Receives | undefined;
  /** The composed picture; available while it arrives. */
  readonly composition: RemoteVideoStream & RemoteVideoDoor;
  /** Tells when something of the above is another: people and signs, or what the media processor says. Not called at once. */
  onChange(listener: (what: 'people' | 'speakers' | 'quality' | 'mode') => void): Disposer;
  /** Asks something of the exchange. Rejects when it refuses. */
  ask(signal: Signal): Promise<void>;
}

/** The property under which objects of this package keep their door. A symbol works through apps' proxies. */
export const DOOR: unique symbol = Symbol.for('centrale.calling.door') as never;

/**
 * What a call asks of a local stream (`LocalAudioStream[DOOR]`, `LocalVideoStream[DOOR]`).
 *
 * A stream can be in several calls; it closes its device when the last one released it and no view shows it.
 */
export interface LocalStreamDoor {
  /** The track as it should be sent, effects included. Opens the device when needed; rejects with a `CallingError` (430xx, 40613). */
  acquire(): Promise<MediaStreamTrack>;
  /** The counterpart of {@link acquire}. */
  release(): void;
  /** Tells when another track is to be sent (source switched, effect started), `undefined` when the source ended by itself. */
  onTrack(listener: (track: MediaStreamTrack | undefined) => void): Disposer;
  /** The call that used it is over: disposes the stream when it was made with `autoDisposeOnCallEnd`. */
  callEnded(): void;
}

/**
 * What a call asks of a remote video stream. `streams/remote-video-stream.ts` exports
 * `class RemoteVideo implements RemoteVideoStream, RemoteVideoDoor`, made by `new RemoteVideo(id, mediaStreamType)`.
 */
export interface RemoteVideoDoor {
  /** The receiver's track; again on every new peer connection. `undefined` when the peer connection went. */
  setTrack(track: MediaStreamTrack | undefined): void;
  /** Whether the other side sends it now (its `sending` signal). Raises `isAvailableChanged`. */
  setAvailable(isAvailable: boolean): void;
  /** The largest size at which it is shown, in pixels of the device; `undefined` while nobody looks. */
  readonly shownAt: { readonly width: number; readonly height: number } | undefined;
  /** The call is over. */
  end(): void;
}

/**
 * What a call asks of a remote audio stream. `streams/remote-audio-stream.ts` exports
 * `class RemoteAudio implements RemoteAudioStream, RemoteAudioDoor`, made by `new RemoteAudio()`.
 *
 * Playing is the call's work (`call/speaker.ts`), not the stream's.
 */
export interface RemoteAudioDoor {
  /** The receiver's track; again on every new peer connection. */
  setTrack(track: MediaStreamTrack | undefined): void;
  /** The call is over. */
  end(): void;
}

/**
 * What the client asks of the device manager. `devices/device-manager.ts` exports
 * `class Devices implements DeviceManager`, made by `new Devices()` without touching the page.
 *
 * For calls without audio options the call makes `new LocalAudioStream(devices.selectedMicrophone ?? default device)`, and
 * switches its source on `selectedMicrophoneChanged`; it plays on `selectedSpeaker` and follows `selectedSpeakerChanged`.
 */
export interface DevicesDoor {
  /** Ends watching devices. */
  dispose(): void;
}

/** The same, as feature declarations call it. */
export type PeerDoor = CallDoor;
