/** Whoever may call and be called. */

import type { CollectionUpdatedEvent } from './common.js';
import type { CallAgentKind, CallKind } from './enums.js';
import type {
  CommunicationIdentifier,
  CommunicationUserIdentifier,
  MicrosoftTeamsAppIdentifier,
  PhoneNumberIdentifier,
  UnknownIdentifier,
} from './identifier.js';
import type { AudioOptions, Call, IncomingCall, VideoOptions } from './call.js';
import type { TeamsIncomingCall, TeamsMeetingIdLocator, TeamsMeetingLinkLocator } from './teams.js';

export type ConnectionState = 'Connected' | 'Disconnected';
export type ConnectionStateChangedReason = 'invalidToken' | 'connectionIssue';

export type ConnectionStateChangedEvent = (args: {
  newValue: ConnectionState;
  oldValue: ConnectionState;
  reason?: ConnectionStateChangedReason;
}) => void;

export type IncomingCallEvent = (args: { incomingCall: IncomingCall }) => void;
export type TeamsIncomingCallEvent = (args: { incomingCall: TeamsIncomingCall }) => void;

/** The ring ended because another device answered or the caller gave up. */
export type HandleIncomingCallEvent = (args: { callId: string; participantId: string; code: number; subCode?: number }) => void;

export interface GroupCallLocator {
  groupId: string;
}
export type GroupLocator = GroupCallLocator;

export interface RoomCallLocator {
  roomId: string;
}
export type RoomLocator = RoomCallLocator;

/** How a group call is received: each sender's streams, one mixed sound and one composed picture, or as the exchange chooses. */
export type ReceiveMode = 'auto' | 'forwarded' | 'mixed';

export interface JoinCallOptions {
  videoOptions?: VideoOptions;
  audioOptions?: AudioOptions;
  /** Ours, not the vendor's: see `Conference`. Each sender's streams when absent. */
  receive?: ReceiveMode;
}

export type xHeader = { key: string; value: string };

/** Words from the caller's application to the callee's. */
export interface CustomContext {
  userToUser?: string;
  xHeaders?: xHeader[];
  sipHeaders?: xHeader[];
  voipHeaders?: xHeader[];
}

export interface CustomContextOptions extends CustomContext {}

export interface StartCallOptions extends JoinCallOptions {
  alternateCallerId?: PhoneNumberIdentifier;
  customContext?: CustomContextOptions;
}

/** A call as other devices of the same user see it. */
export interface ActiveCallDetailsCommon {
  callId: string;
  kind: CallKind;
}
export interface ActiveCallDetails extends ActiveCallDetailsCommon {
  isMeeting?: false;
}
export interface ActiveMeetingDetails extends ActiveCallDetailsCommon {
  isMeeting: true;
  meetingLink?: string;
}
export type ActiveCallsUpdatedEvent = (args: { activeCallDetails: ActiveCallDetails | ActiveMeetingDetails }) => void;
export type NoActiveCallsEvent = () => void;

/** Moving a call between devices of one user. Types only: no factory exists. */
export interface ActiveCallTransferOptions extends JoinCallOptions {}
export interface ActiveCallTransferFeature {
  readonly name: string;
  activeCallTransfer(details: ActiveCallDetails, options?: ActiveCallTransferOptions): Promise<Call>;
  on(event: 'activeCallsUpdated', listener: ActiveCallsUpdatedEvent): void;
  on(event: 'noActiveCalls', listener: NoActiveCallsEvent): void;
  off(event: 'activeCallsUpdated', listener: ActiveCallsUpdatedEvent): void;
  off(event: 'noActiveCalls', listener: NoActiveCallsEvent): void;
  dispose(): void;
}

export interface CallAgentCommon {
  readonly connectionState: ConnectionState;
  readonly displayName?: string;
  dispose(): Promise<void>;
  on(event: 'connectionStateChanged', listener: ConnectionStateChangedEvent): void;
  off(event: 'connectionStateChanged', listener: ConnectionStateChangedEvent): void;
}

export interface CallAgent extends CallAgentCommon {
  readonly kind: CallAgentKind.CallAgent;
  readonly calls: ReadonlyArray<Call>;
  /** Calls; gives the call at once. */
  startCall(
    participants: (CommunicationUserIdentifier | PhoneNumberIdentifier | MicrosoftTeamsAppIdentifier | UnknownIdentifier)[],
    options?: StartCallOptions,
  ): Call;
  startCall(participants: CommunicationIdentifier[], options?: StartCallOptions): Call;
  join(groupLocator: GroupLocator, options?: JoinCallOptions): Call;
  join(roomLocator: RoomLocator, options?: JoinCallOptions): Call;
  join(meetingLocator: TeamsMeetingLinkLocator, options?: JoinCallOptions): Call;
  join(meetingLocator: TeamsMeetingIdLocator, options?: JoinCallOptions): Call;
  on(event: 'incomingCall', listener: IncomingCallEvent): void;
  on(event: 'callsUpdated', listener: CollectionUpdatedEvent<Call>): void;
  on(event: 'connectionStateChanged', listener: ConnectionStateChangedEvent): void;
  on(event: 'handleIncomingCall', listener: HandleIncomingCallEvent): void;
  off(event: 'incomingCall', listener: IncomingCallEvent): void;
  off(event: 'callsUpdated', listener: CollectionUpdatedEvent<Call>): void;
  off(event: 'connectionStateChanged', listener: ConnectionStateChangedEvent): void;
  off(event: 'handleIncomingCall', listener: HandleIncomingCallEvent): void;
}
