/** Group calls through the media processor: ours, not the vendor's. */

import type { ReceiveMode } from '../agent.js';
import type { PropertyChangedEvent } from '../common.js';
import type { CallFeature } from '../feature.js';
import type { CommunicationIdentifierKind } from '../identifier.js';
import type { RemoteVideoStream } from '../stream.js';

/** How well somebody's device is connected: 5 best, 1 worst, 0 unknown. */
export interface ParticipantQualityInfo {
  readonly identifier: CommunicationIdentifierKind;
  readonly participantId: string;
  readonly send: number;
  readonly receive: number;
}

/** `call.feature(Conference)`. */
export interface ConferenceCallFeature extends CallFeature {
  /** Whether media goes through the media processor. */
  readonly isActive: boolean;
  /** Whether it is a group call: others can be muted and removed, hold is local. */
  readonly isGroup: boolean;
  /** How this side receives; `undefined` while that is not known. */
  readonly mode: 'forwarded' | 'mixed' | undefined;
  /** One picture with everybody in it; available while this side receives mixed. */
  readonly composition: RemoteVideoStream;
  /** Everybody's, this device's included; a new list each time. */
  readonly quality: ReadonlyArray<ParticipantQualityInfo>;
  /** Chooses how to receive. Takes effect within a moment, without an interruption. */
  receive(mode: ReceiveMode): Promise<void>;
  /** Moves a call between two to the media processor. */
  convene(): Promise<void>;
  on(event: 'isActiveChanged' | 'modeChanged' | 'qualityChanged', listener: PropertyChangedEvent): void;
  off(event: 'isActiveChanged' | 'modeChanged' | 'qualityChanged', listener: PropertyChangedEvent): void;
}
