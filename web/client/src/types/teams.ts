/**
 * Types of the Teams objects. This service has no Teams: nothing of this is ever made, the names are here so that applications compile.
 */

import type { CallAgentKind, CallKind, IncomingCallKind } from './enums.js';
import type { CallAgentCommon, CustomContextOptions, JoinCallOptions, TeamsIncomingCallEvent } from './agent.js';
import type { AcceptCallOptions, CallCommon, CallInfoCommon, IncomingCallCommon, RemoteParticipant } from './call.js';
import type { CollectionUpdatedEvent } from './common.js';
import type { CommunicationIdentifier } from './identifier.js';
import type { EmergencyCallOptions } from './client.js';

export interface TeamsMeetingLinkLocator {
  meetingLink: string;
}
export interface TeamsMeetingIdLocator {
  meetingId: string;
  passcode?: string;
}
export interface TeamsMeetingCoordinatesLocator {
  threadId: string;
  organizerId: string;
  tenantId: string;
  messageId: string;
}

export interface TeamsCallInfo extends CallInfoCommon {}

export interface AddTeamsParticipantOptions {
  threadId?: string;
}

export interface OnBehalfOfOptions {
  userId: CommunicationIdentifier;
}

export interface StartTeamsCallOptions extends JoinCallOptions {
  customContext?: CustomContextOptions;
  onBehalfOfOptions?: OnBehalfOfOptions;
}

export interface StartTeamsGroupCallOptions extends StartTeamsCallOptions {
  threadId: string;
}

export interface TeamsCallAgentOptions {
  emergencyCallOptions?: EmergencyCallOptions;
}

export interface TeamsCall extends CallCommon {
  readonly kind: CallKind.TeamsCall;
  readonly info: TeamsCallInfo;
  readonly isEmergencyCall?: boolean;
  addParticipant(identifier: CommunicationIdentifier, options?: AddTeamsParticipantOptions): RemoteParticipant;
  removeParticipant(identifier: CommunicationIdentifier): Promise<void>;
}

export interface TeamsIncomingCall extends IncomingCallCommon {
  readonly kind: IncomingCallKind.TeamsIncomingCall;
  readonly info: TeamsCallInfo;
  accept(options?: AcceptCallOptions): Promise<TeamsCall>;
}

export interface TeamsCallAgent extends CallAgentCommon {
  readonly kind: CallAgentKind.TeamsCallAgent;
  readonly calls: ReadonlyArray<TeamsCall>;
  startCall(participant: CommunicationIdentifier, options?: StartTeamsCallOptions): TeamsCall;
  startCall(participants: CommunicationIdentifier[], options: StartTeamsGroupCallOptions): TeamsCall;
  join(meetingLocator: TeamsMeetingLinkLocator | TeamsMeetingIdLocator | TeamsMeetingCoordinatesLocator, options?: JoinCallOptions): TeamsCall;
  on(event: 'incomingCall', listener: TeamsIncomingCallEvent): void;
  on(event: 'callsUpdated', listener: CollectionUpdatedEvent<TeamsCall>): void;
  on(event: 'connectionStateChanged', listener: import('./agent.js').ConnectionStateChangedEvent): void;
  off(event: 'incomingCall', listener: TeamsIncomingCallEvent): void;
  off(event: 'callsUpdated', listener: CollectionUpdatedEvent<TeamsCall>): void;
  off(event: 'connectionStateChanged', listener: import('./agent.js').ConnectionStateChangedEvent): void;
}
