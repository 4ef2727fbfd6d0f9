/**
 * What the client and the exchange say to each other (`crates/wire`: `signal.rs`, `client.rs`).
 *
 * Types only. JSON, camelCase, unknown fields ignored. Times are milliseconds since the Unix epoch.
 */

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

export type ParticipantState = 'Idle' | 'Connecting' | 'Ringing' | 'Connected' | 'Hold' | 'Disconnected';

export type WireCallState = 'Connecting' | 'Ringing' | 'Connected' | 'LocalHold' | 'RemoteHold' | 'Disconnected';

export interface Participant {
  /** Raw id. */
  identity: string;
  participantId?: string;
  displayName?: string;
  state: ParticipantState;
  sending: Sending;
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
  epoch: number;
  sending: Sending;
  participants: Participant[];
  incoming?: Incoming;
}

/** A call that rings. */
export interface Incoming {
  callId: string;
  participantId: string;
  caller: Participant;
  offer: Description;
  candidates: Candidates[];
  transferor?: string;
  /** The call of this very device that this one replaces: answer without asking. */
  replaces?: string;
  customContext?: unknown;
  ice: IceConfiguration;
}

export type Event =
  | ({ type: 'incomingCall' } & Incoming)
  | { type: 'ringing'; callId: string }
  | { type: 'accepted'; callId: string; callee: Participant; answer: Description }
  | { type: 'joined'; callId: string }
  | { type: 'ended'; callId: string; reason: EndReason }
  | { type: 'description'; callId: string; from: string; description: Description }
  | { type: 'candidates'; callId: string; from: string; candidates: Candidates }
  | { type: 'participant'; callId: string; participant: Participant }
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
  | { type: 'accept'; answer: Description; sending: Sending }
  | { type: 'decline'; busy?: boolean }
  | { type: 'hangUp'; forEveryone?: boolean }
  | { type: 'describe'; description: Description }
  | { type: 'candidates'; candidates: Candidates }
  | { type: 'sending'; sending: Sending }
  | { type: 'hold' }
  | { type: 'resume' }
  | { type: 'transfer'; target: TransferTarget }
  | { type: 'media'; report: MediaReport };

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
  displayName?: string;
  transferOf?: TransferOf;
  customContext?: unknown;
  alternateCallerId?: string;
}

export interface CallStarted {
  callId: string;
  participantId: string;
  ice: IceConfiguration;
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
