/** Handing the other side over to somebody else. */

import type { Call } from '../call.js';
import type { TeamsCall } from '../teams.js';
import type { CustomContextOptions } from '../agent.js';
import type { PropertyChangedEvent } from '../common.js';
import type { CallFeature } from '../feature.js';
import type {
  CommunicationUserIdentifier,
  MicrosoftTeamsAppIdentifier,
  MicrosoftTeamsUserIdentifier,
  PhoneNumberIdentifier,
  UnknownIdentifier,
} from '../identifier.js';

export type TransferState = 'None' | 'Transferring' | 'Transferred' | 'Failed';

export interface TransferErrorCode {
  readonly code: number;
  readonly subCode?: number;
}

export interface Transfer {
  readonly state: TransferState;
  readonly error?: TransferErrorCode;
  on(event: 'stateChanged', listener: PropertyChangedEvent): void;
  off(event: 'stateChanged', listener: PropertyChangedEvent): void;
}

export interface TransferToParticipantLocator {
  targetParticipant:
    | CommunicationUserIdentifier
    | PhoneNumberIdentifier
    | MicrosoftTeamsUserIdentifier
    | MicrosoftTeamsAppIdentifier
    | UnknownIdentifier;
}
export interface TransferToCallLocator {
  targetCallId: string;
}
export interface TransferToVoicemailLocator {
  targetParticipantVoicemail: MicrosoftTeamsUserIdentifier;
}
export interface TransferToParticipantOptions {
  disableForwardingAndUnanswered?: boolean;
  customContext?: CustomContextOptions;
}
export interface TransferToCallOptions {
  customContext?: CustomContextOptions;
}
export interface TransferToVoicemailOptions {
  customContext?: CustomContextOptions;
}

export interface TransferEventArgs {
  readonly targetCall: Call | TeamsCall;
}
export type TransferAcceptedEvent = (args: TransferEventArgs) => void;
export type TransferAcceptedEventType = 'transferAccepted';

export interface TransferCallFeature extends CallFeature {
  transfer(target: TransferToParticipantLocator, options?: TransferToParticipantOptions): Transfer;
  transfer(target: TransferToCallLocator, options?: TransferToCallOptions): Transfer;
  transfer(target: TransferToVoicemailLocator, options?: TransferToVoicemailOptions): Transfer;
  on(event: TransferAcceptedEventType, listener: TransferAcceptedEvent): void;
  off(event: TransferAcceptedEventType, listener: TransferAcceptedEvent): void;
}
