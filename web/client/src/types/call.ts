/** A call, a ringing call, and the people in it. */

import type { CollectionUpdatedEvent, Disposable, PropertyChangedEvent } from './common.js';
import type { CallKind, IncomingCallKind } from './enums.js';
import type {
  CommunicationIdentifier,
  CommunicationIdentifierKind,
  CommunicationUserIdentifier,
  MicrosoftTeamsAppIdentifier,
  MicrosoftTeamsUserIdentifier,
  PhoneNumberIdentifier,
  UnknownIdentifier,
} from './identifier.js';
import type { CallFeature, CallFeatureFactory } from './feature.js';
import type { RemoteAudioStream, RemoteVideoStream } from './stream.js';
import type { LocalVideoStream } from '../streams/local-video-stream.js';
import type { LocalAudioStream } from '../streams/local-audio-stream.js';
import type { CustomContext } from './agent.js';

export type CallState =
  | 'None'
  | 'Connecting'
  | 'Ringing'
  | 'EarlyMedia'
  | 'Connected'
  | 'LocalHold'
  | 'RemoteHold'
  | 'InLobby'
  | 'Disconnecting'
  | 'Disconnected';

export type CallDirection = 'Incoming' | 'Outgoing';

export type ParticipantRole =
  | 'Unknown'
  | 'Attendee'
  | 'Presenter'
  | 'Organizer'
  | 'Co-organizer'
  | 'Consumer'
  | 'Collaborator';

export type RemoteParticipantState =
  | 'Idle'
  | 'Connecting'
  | 'Ringing'
  | 'Connected'
  | 'Hold'
  | 'InLobby'
  | 'EarlyMedia'
  | 'Disconnected';

export type DtmfTone =
  | 'A'
  | 'B'
  | 'C'
  | 'D'
  | 'Flash'
  | 'Num0'
  | 'Num1'
  | 'Num2'
  | 'Num3'
  | 'Num4'
  | 'Num5'
  | 'Num6'
  | 'Num7'
  | 'Num8'
  | 'Num9'
  | 'Pound'
  | 'Star';

/** Why a call, or one's part in it, ended. */
export interface CallEndReason {
  /** SIP-like: 0, 4xx, 5xx, 6xx. */
  readonly code: number;
  /** What exactly. */
  readonly subCode?: number;
  /** In words, for logs. */
  readonly message?: string;
  /** Whose doing it was. */
  readonly resultCategories?: string[];
}

export interface CallerInfo {
  readonly identifier: CommunicationIdentifierKind | undefined;
  readonly displayName?: string;
}

/** How large, how often, how many bits. */
export interface MediaConstraintRange {
  max?: number;
}

export type VideoSendConstraints = {
  frameHeight?: MediaConstraintRange;
  frameRate?: MediaConstraintRange;
  bitrate?: MediaConstraintRange;
};

export interface VideoConstraints {
  send?: VideoSendConstraints;
}

export interface CallConstraints {
  video?: VideoConstraints;
}

export interface AudioOptions {
  muted?: boolean;
  localAudioStreams?: LocalAudioStream[];
}

export interface VideoOptions {
  localVideoStreams?: LocalVideoStream[];
  constraints?: VideoConstraints;
}

export interface AcceptCallOptions {
  videoOptions?: VideoOptions;
  audioOptions?: AudioOptions;
}

export interface HangUpOptions {
  forEveryone?: boolean;
}

export interface AddPhoneNumberOptions {
  alternateCallerId?: PhoneNumberIdentifier;
}

export interface AdmitLobbyParticipantOptions {}
export interface RejectLobbyParticipantOptions {}

export interface AdmitAllOperationResult {
  successCount: number;
  failureCount: number;
}

/** Somebody asked to join. */
export interface Invitee {
  readonly identifier: CommunicationIdentifierKind;
}

export interface Lobby {
  readonly participants: ReadonlyArray<RemoteParticipant>;
  admit(identifier: CommunicationIdentifier, options?: AdmitLobbyParticipantOptions): Promise<void>;
  reject(identifier: CommunicationIdentifier, options?: RejectLobbyParticipantOptions): Promise<void>;
  admitAll(): Promise<AdmitAllOperationResult>;
  on(event: 'lobbyParticipantsUpdated', listener: CollectionUpdatedEvent<RemoteParticipant>): void;
  off(event: 'lobbyParticipantsUpdated', listener: CollectionUpdatedEvent<RemoteParticipant>): void;
}

export interface CallInfoCommon {
  readonly threadId?: string;
  readonly participantId: string;
  getServerCallId(): Promise<string>;
  onCallInfoChanged(event: 'callInfoChanged', listener: PropertyChangedEvent): void;
  offCallInfoChanged(event: 'callInfoChanged', listener: PropertyChangedEvent): void;
}

export interface CallInfo extends CallInfoCommon {
  readonly groupId?: string;
}

export interface EndpointDetails {
  readonly participantId: string;
}

export type DisplayNameChangedReason = 'editedDisplayName';

export interface RemoteParticipant {
  readonly identifier: CommunicationIdentifierKind;
  readonly displayName?: string;
  readonly hasDisplayNameChanged?: boolean;
  readonly endpointDetails: ReadonlyArray<EndpointDetails>;
  readonly state: RemoteParticipantState;
  readonly callEndReason?: CallEndReason;
  readonly videoStreams: ReadonlyArray<RemoteVideoStream>;
  readonly isMuted: boolean;
  readonly isSpeaking: boolean;
  readonly role: ParticipantRole;
  mute(): Promise<void>;
  on(event: 'stateChanged' | 'isMutedChanged' | 'isSpeakingChanged' | 'roleChanged', listener: PropertyChangedEvent): void;
  on(
    event: 'displayNameChanged',
    listener: (args?: { newValue?: string; oldValue?: string; reason?: DisplayNameChangedReason }) => void,
  ): void;
  on(event: 'videoStreamsUpdated', listener: CollectionUpdatedEvent<RemoteVideoStream>): void;
  off(event: 'stateChanged' | 'isMutedChanged' | 'isSpeakingChanged' | 'roleChanged', listener: PropertyChangedEvent): void;
  off(
    event: 'displayNameChanged',
    listener: (args?: { newValue?: string; oldValue?: string; reason?: DisplayNameChangedReason }) => void,
  ): void;
  off(event: 'videoStreamsUpdated', listener: CollectionUpdatedEvent<RemoteVideoStream>): void;
}

export type CallEndedEvent = (args: { callEndReason: CallEndReason }) => void;

export interface IncomingCallCommon {
  readonly id: string;
  readonly callerInfo: CallerInfo;
  readonly transferorInfo?: CallerInfo;
  readonly callEndReason?: CallEndReason;
  readonly customContext?: CustomContext;
  reject(): Promise<void>;
  on(event: 'callEnded', listener: CallEndedEvent): void;
  on(event: 'callerInfoChanged' | 'transferorInfoChanged', listener: PropertyChangedEvent): void;
  off(event: 'callEnded', listener: CallEndedEvent): void;
  off(event: 'callerInfoChanged' | 'transferorInfoChanged', listener: PropertyChangedEvent): void;
}

export interface IncomingCall extends IncomingCallCommon {
  readonly kind: IncomingCallKind.IncomingCall;
  readonly info: CallInfo;
  accept(options?: AcceptCallOptions): Promise<Call>;
}

/** Property events of a call; they carry nothing. */
export type CallPropertyEvent =
  | 'stateChanged'
  | 'idChanged'
  | 'isMutedChanged'
  | 'isIncomingAudioMutedChanged'
  | 'isScreenSharingOnChanged'
  | 'isLocalVideoStartedChanged'
  | 'roleChanged'
  | 'mutedByOthers'
  | 'callerInfoChanged'
  | 'transferorInfoChanged';

export interface CallCommon extends Disposable {
  readonly id: string;
  readonly callerInfo: CallerInfo;
  readonly transferorInfo?: CallerInfo;
  readonly state: CallState;
  readonly callEndReason?: CallEndReason;
  readonly direction: CallDirection;
  readonly isMuted: boolean;
  readonly isIncomingAudioMuted: boolean;
  readonly isScreenSharingOn: boolean;
  readonly isLocalVideoStarted: boolean;
  readonly role: ParticipantRole;
  readonly localVideoStreams: ReadonlyArray<LocalVideoStream>;
  readonly localAudioStreams: ReadonlyArray<LocalAudioStream>;
  readonly remoteAudioStreams: ReadonlyArray<RemoteAudioStream>;
  readonly remoteParticipants: ReadonlyArray<RemoteParticipant>;
  readonly lobby: Lobby;
  feature<TFeature extends CallFeature>(factory: CallFeatureFactory<TFeature>): TFeature;
  hangUp(options?: HangUpOptions): Promise<void>;
  mute(): Promise<void>;
  unmute(): Promise<void>;
  muteIncomingAudio(): Promise<void>;
  unmuteIncomingAudio(): Promise<void>;
  muteAllRemoteParticipants(): Promise<void>;
  startVideo(localVideoStream: LocalVideoStream): Promise<void>;
  stopVideo(localVideoStream: LocalVideoStream): Promise<void>;
  startScreenSharing(screenSharingStream?: LocalVideoStream): Promise<void>;
  stopScreenSharing(): Promise<void>;
  startAudio(localAudioStream: LocalAudioStream): Promise<void>;
  stopAudio(): void;
  hold(): Promise<void>;
  resume(): Promise<void>;
  sendDtmf(tone: DtmfTone): Promise<void>;
  setConstraints(constraints: CallConstraints): Promise<void>;
  on(event: CallPropertyEvent, listener: PropertyChangedEvent): void;
  on(event: 'remoteParticipantsUpdated', listener: CollectionUpdatedEvent<RemoteParticipant>): void;
  on(event: 'localVideoStreamsUpdated', listener: CollectionUpdatedEvent<LocalVideoStream>): void;
  on(event: 'localAudioStreamsUpdated', listener: CollectionUpdatedEvent<LocalAudioStream>): void;
  on(event: 'remoteAudioStreamsUpdated', listener: CollectionUpdatedEvent<RemoteAudioStream>): void;
  off(event: CallPropertyEvent, listener: PropertyChangedEvent): void;
  off(event: 'remoteParticipantsUpdated', listener: CollectionUpdatedEvent<RemoteParticipant>): void;
  off(event: 'localVideoStreamsUpdated', listener: CollectionUpdatedEvent<LocalVideoStream>): void;
  off(event: 'localAudioStreamsUpdated', listener: CollectionUpdatedEvent<LocalAudioStream>): void;
  off(event: 'remoteAudioStreamsUpdated', listener: CollectionUpdatedEvent<RemoteAudioStream>): void;
}

export interface Call extends CallCommon {
  readonly kind: CallKind.Call;
  readonly info: CallInfo;
  /** Invites somebody more; gives the participant at once. */
  addParticipant(identifier: CommunicationUserIdentifier | MicrosoftTeamsAppIdentifier | UnknownIdentifier): RemoteParticipant;
  addParticipant(identifier: PhoneNumberIdentifier, options?: AddPhoneNumberOptions): RemoteParticipant;
  addParticipant(identifier: CommunicationIdentifier, options?: AddPhoneNumberOptions): RemoteParticipant;
  removeParticipant(
    identifier:
      | CommunicationUserIdentifier
      | PhoneNumberIdentifier
      | MicrosoftTeamsUserIdentifier
      | MicrosoftTeamsAppIdentifier
      | UnknownIdentifier,
  ): Promise<void>;
}
