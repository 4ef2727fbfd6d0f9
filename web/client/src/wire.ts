/**
 * What the client and the exchange say to each other (`crates/wire`: `signal.rs`, `client.rs`).
 *
 * Types only. JSON, camelCase, unknown fields ignored. Times are milliseconds since the Unix epoch.
 */

import type { ReceiveMode } from './types/agent.js';
import type { ParticipantRole } from './types/call.js';

export type { ReceiveMode };

/** How long the event connection may be silent before it counts as dead, in milliseconds. */
export const SILENCE_MS = 12_000;

/** At most this many signals in one request. */
export const MAX_SIGNALS = 32;

/** At most this many candidates in one signal. */
export const MAX_CANDIDATES = 64;

/** One ICE server, as `RTCIceServer` wants it. */
export interface IceServer {
  urls: string[];
  username?: string;
  credential?: string;
}

/** What a client may use to find a media path. */
export interface IceConfiguration {
  /** STUN servers, used from the first moment. */
  stun: IceServer[];
  /** TURN servers, used when no direct path is found. Empty when the relay is switched off (B-FLOW-11). */
  turn: IceServer[];
  /** When the credentials are over. */
  expiresAt: number;
}

export interface Description {
  kind: 'offer' | 'answer';
  /** Which peer connection of the call it belongs to, from 0. A higher one than known: build a peer connection anew. */
  epoch: number;
  sdp: string;
}

export interface Candidate {
  /** Empty: the end of candidates. */
  candidate: string;
  sdpMid?: string | null;
  sdpMLineIndex?: number | null;
  usernameFragment?: string | null;
}

export interface Candidates {
  epoch: number;
  list: Candidate[];
}

/** What a participant sends. */
export interface Sending {
  muted: boolean;
  video: boolean;
  screen: boolean;
}

export interface EndReason {
  code: number;
  subCode: number;
}

export type ParticipantState = 'Idle' | 'Connecting' | 'Ringing' | 'InLobby' | 'Connected' | 'Hold' | 'Disconnected';

export type WireCallState = 'Connecting' | 'Ringing' | 'InLobby' | 'Connected' | 'LocalHold' | 'RemoteHold' | 'Disconnected';

/** How a device receives: each sender's streams, or one mixed sound and one composed picture. */
export type Receives = Exclude<ReceiveMode, 'auto'>;

export interface Participant {
  /** Raw id. */
  identity: string;
  participantId?: string;
  displayName?: string;
  state: ParticipantState;
  sending: Sending;
  role?: ParticipantRole;
  /** When it raised its hand: the lower, the earlier; absent while the hand is down. */
  handRaised?: number;
  isSpotlighted?: boolean;
  /** Somebody else muted it, and it has not unmuted itself since. */
  isMutedByOthers?: boolean;
  /** How it receives, once it does in a conference. */
  receives?: ReceiveMode;
  /** Why it is not in the call (any more), while `state` is `Disconnected`. */
  endReason?: EndReason;
}

export type TransferTarget =
  | { kind: 'participant'; identity: string }
  | { kind: 'call'; callId: string; identity?: string };

export interface TransferOf {
  callId: string;
  transfer: number;
}

/** A call as one of its legs may see it: enough for a page that was reloaded to go on. */
export interface CallView {
  callId: string;
  participantId: string;
  direction: 'Incoming' | 'Outgoing';
  state: WireCallState;
  /** More than two may be in it: hold is local, people come and go. */
  isGroup?: boolean;
  /** The id under which it was joined. */
  groupId?: string;
  /** Media goes to the media processor: this client offers, and the exchange brings the answer. */
  conference?: boolean;
  /** The highest seen. In a conference each device counts its own. */
  epoch: number;
  /** This device as others see it. */
  own?: Participant;
  sending: Sending;
  /** Everybody else. */
  participants: Participant[];
  incoming?: Incoming;
}

/** A call that rings. */
export interface Incoming {
  callId: string;
  participantId: string;
  caller: Participant;
  /** Absent when `conference`: then whoever accepts offers. */
  offer?: Description;
  candidates: Candidates[];
  conference?: boolean;
  transferor?: string;
  /** The call of this very device that this one replaces: answer without asking. */
  replaces?: string;
  customContext?: unknown;
  ice: IceConfiguration;
}

export type Event =
  | ({ type: 'incomingCall' } & Incoming)
  | { type: 'ringing'; callId: string }
  | { type: 'accepted'; callId: string; callee: Participant; answer?: Description }
  | { type: 'joined'; callId: string }
  | { type: 'ended'; callId: string; reason: EndReason }
  | { type: 'description'; callId: string; from: string; description: Description }
  | { type: 'candidates'; callId: string; from: string; candidates: Candidates }
  | { type: 'participant'; callId: string; participant: Participant }
  /** The media processor's answer to this device's offer. */
  | { type: 'conference'; callId: string; description: Description }
  /**
   * Build a peer connection of this epoch towards the media processor, and describe it; nothing to do where there is one of it or a
   * higher one. Another that works goes on until `convened`.
   */
  | { type: 'convene'; callId: string; epoch: number; isGroup: boolean }
  /** All who moved are there: the peer connection before this epoch may go. */
  | { type: 'convened'; callId: string; epoch: number }
  /** The move came to nothing: the peer connection of this epoch goes on. */
  | { type: 'adjourned'; callId: string; epoch: number }
  | { type: 'mutedByOthers'; callId: string; by: string }
  | { type: 'participants'; callId: string; participants: Participant[] }
  | { type: 'state'; callId: string; state: WireCallState }
  | { type: 'transferRequested'; callId: string; transfer: number; transferor: string; target: TransferTarget }
  | {
      type: 'transfer';
      callId: string;
      transfer: number;
      state: 'Transferring' | 'Transferred' | 'Failed';
      error?: EndReason;
    };

export interface Welcome {
  /** Raw id of the token's user. */
  identity: string;
  seq: number;
  /** The asked events are no longer kept (or none was asked for): `calls` is the whole truth. */
  reset: boolean;
  calls: CallView[];
  ice: IceConfiguration;
  serverTime: number;
}

export type ServerFrame =
  | ({ type: 'welcome' } & Welcome)
  | { type: 'event'; seq: number; at: number; event: Event }
  | { type: 'ping' }
  | { type: 'ice'; ice: IceConfiguration }
  | { type: 'tokenTaken' }
  | { type: 'tokenRefused'; message: string };

export type ClientFrame =
  | { type: 'hello'; token: string; endpointId: string; after?: number; displayName?: string }
  | { type: 'token'; token: string }
  | { type: 'pong' };

export interface CandidateReport {
  type: string;
  protocol: string;
  relayProtocol?: string;
  address?: string;
  port?: number;
}

export interface PairReport {
  local: CandidateReport;
  remote: CandidateReport;
  state: string;
  nominated: boolean;
  requestsSent: number;
  responsesReceived: number;
  rttMs?: number;
}

export interface StreamReport {
  media: 'audio' | 'video' | 'screen';
  direction: 'send' | 'receive';
  codec: string;
  packets: number;
  packetsLost: number;
  bytes: number;
  jitterMs?: number;
  rttMs?: number;
  frames?: number;
}

export interface MediaReport {
  state: 'connected' | 'interrupted' | 'failed' | 'quality';
  selected?: PairReport;
  /** At most 64. */
  pairs?: PairReport[];
  setupMs?: number;
  /** At most 16. */
  streams?: StreamReport[];
}

export type Signal =
  | { type: 'ringing' }
  | { type: 'accept'; answer?: Description; offer?: Description; sending: Sending }
  | { type: 'decline'; busy?: boolean }
  | { type: 'hangUp'; forEveryone?: boolean }
  | { type: 'describe'; description: Description }
  | { type: 'candidates'; candidates: Candidates }
  | { type: 'sending'; sending: Sending }
  | { type: 'hold' }
  | { type: 'resume' }
  | { type: 'transfer'; target: TransferTarget }
  | { type: 'media'; report: MediaReport }
  | { type: 'addParticipant'; identity: string; alternateCallerId?: string }
  /** One device's place in the call, or all of somebody. */
  | { type: 'removeParticipant'; participant?: string; identity?: string }
  /** Absent: everybody else. */
  | { type: 'muteOthers'; participants?: string[] }
  | { type: 'raiseHand'; raised: boolean }
  /** Absent: everybody's. */
  | { type: 'lowerHands'; participants?: string[] }
  /** Absent with `on: false`: all. */
  | { type: 'spotlight'; participants?: string[]; on: boolean }
  | { type: 'receive'; mode: ReceiveMode }
  /** Moves a call between two to the media processor without adding anybody. */
  | { type: 'convene' };

export interface RegisterEndpoint {
  displayName?: string;
  after?: number;
}

export interface Frames {
  frames: ServerFrame[];
  seq: number;
}

export interface StartCall {
  callId: string;
  endpointId: string;
  targets: string[];
  offer: Description;
  sending: Sending;
  /** A group call whatever the number of targets: the offer is for the media processor. */
  group?: boolean;
  displayName?: string;
  transferOf?: TransferOf;
  customContext?: unknown;
  alternateCallerId?: string;
}

export interface CallStarted {
  callId: string;
  participantId: string;
  ice: IceConfiguration;
  /** The media processor's answer, when the offer was for it. */
  answer?: Description;
}

/** Which call to join. */
export type JoinLocator = { kind: 'group'; groupId: string } | { kind: 'call'; callId: string };

export interface JoinCall {
  locator: JoinLocator;
  endpointId: string;
  /** The same one again is the same join. */
  requestId: string;
  offer: Description;
  sending: Sending;
  displayName?: string;
  media?: ReceiveMode;
}

export interface CallJoined {
  callId: string;
  participantId: string;
  answer: Description;
  ice: IceConfiguration;
  call: CallView;
}

export interface SendSignals {
  endpointId: string;
  requestId: string;
  signals: Signal[];
}

export interface SignalsTaken {
  fresh: boolean;
}

export interface ErrorBody {
  error: { code: string; message: string; target?: string };
}

// ── The control channel: what a client and the media processor say to each other over SCTP ──────────────────────────────────────────

/** What one receiving m-line carries. */
export type Slot =
  | { mid: string; participant: string; source: 'microphone' | 'camera' | 'screen' }
  | { mid: string; source: 'mix' | 'composition' };

/** How well a participant sends and receives: 5 best, 1 worst, 0 unknown. */
export interface ParticipantQuality {
  participant: string;
  send: number;
  receive: number;
}

/** A picture that is shown, in pixels of the device. */
export interface Want {
  participant: string;
  source: 'camera' | 'screen';
  width: number;
  height: number;
}

/** What the media processor tells. Unknown types are ignored. */
export type ControlNews =
  /** The whole state; m-lines that are not named carry nothing. */
  | { type: 'slots'; slots: Slot[] }
  /** Participant ids; dominant ones newest first. */
  | { type: 'speakers'; dominant: string[]; speaking: string[] }
  | { type: 'quality'; participants: ParticipantQuality[] }
  | { type: 'mode'; mode: Receives };

/** What the client tells: in order of importance, at most 10, in place of the list before. */
export type ControlWish = { type: 'want'; videos: Want[] };
