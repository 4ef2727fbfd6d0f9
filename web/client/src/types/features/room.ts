/** Who speaks, who raises a hand, who stands in the light. */

import type { CollectionUpdatedEvent, PropertyChangedEvent } from '../common.js';
import type { CallFeature } from '../feature.js';
import type { CommunicationIdentifier, CommunicationIdentifierKind } from '../identifier.js';
import type { ParticipantInfo } from '../common.js';

export interface DominantSpeakersInfo {
  /** Loudest and latest first. */
  readonly speakersList: CommunicationIdentifierKind[];
  readonly timestamp: Date;
}

export interface DominantSpeakersCallFeature extends CallFeature {
  readonly dominantSpeakers: DominantSpeakersInfo;
  on(event: 'dominantSpeakersChanged', listener: PropertyChangedEvent): void;
  off(event: 'dominantSpeakersChanged', listener: PropertyChangedEvent): void;
}

export interface RaisedHand {
  readonly identifier: CommunicationIdentifierKind;
  /** 1 for the first hand that is up. */
  readonly order: number;
}
export interface RaisedHandChangedEvent {
  readonly identifier: CommunicationIdentifierKind;
}
export type RaisedHandEventType = 'raisedHandEvent';
export type LoweredHandEventType = 'loweredHandEvent';
export type RaisedHandListener = (event: RaisedHandChangedEvent) => void;
export type LoweredHandListener = (event: RaisedHandChangedEvent) => void;

export interface RaiseHandCallFeature extends CallFeature {
  raiseHand(): Promise<void>;
  lowerHand(): Promise<void>;
  lowerHands(participants: CommunicationIdentifier[]): Promise<void>;
  lowerAllHands(): Promise<void>;
  getRaisedHands(): RaisedHand[];
  on(event: RaisedHandEventType, listener: RaisedHandListener): void;
  on(event: LoweredHandEventType, listener: LoweredHandListener): void;
  off(event: RaisedHandEventType, listener: RaisedHandListener): void;
  off(event: LoweredHandEventType, listener: LoweredHandListener): void;
}

export type Reaction = 'like' | 'heart' | 'laugh' | 'surprised' | 'applause';
export interface ReactionMessage {
  readonly reactionType: Reaction;
}
export interface ReactionEventPayload {
  readonly identifier: CommunicationIdentifierKind;
  readonly reactionMessage: ReactionMessage;
}
export type ReactionListener = (event: ReactionEventPayload) => void;

export interface ReactionCallFeature extends CallFeature {
  sendReaction(reactionMessage: ReactionMessage): Promise<void>;
  on(event: 'reaction', listener: ReactionListener): void;
  off(event: 'reaction', listener: ReactionListener): void;
}

export interface SpotlightedParticipant {
  readonly identifier: CommunicationIdentifierKind;
  readonly order?: number;
}
export type SpotlightChangedEventType = 'spotlightChanged';

export interface SpotlightCallFeature extends CallFeature {
  readonly maxParticipantsToSpotlight: number;
  startSpotlight(participants?: CommunicationIdentifier[]): Promise<void>;
  stopSpotlight(participants?: CommunicationIdentifier[]): Promise<void>;
  stopAllSpotlight(): Promise<void>;
  getSpotlightedParticipants(): SpotlightedParticipant[];
  on(event: SpotlightChangedEventType, listener: CollectionUpdatedEvent<SpotlightedParticipant>): void;
  off(event: SpotlightChangedEventType, listener: CollectionUpdatedEvent<SpotlightedParticipant>): void;
}

export type RealTimeTextResultType = 'Partial' | 'Final';
export type RealTimeTextReceivedEventType = 'realTimeTextReceived';
export interface RealTimeTextInfo {
  readonly sequenceId: number;
  readonly sender: ParticipantInfo;
  readonly text: string;
  readonly resultType: RealTimeTextResultType;
  readonly receivedTimestamp: Date;
  readonly updatedTimestamp: Date;
  readonly isLocal: boolean;
}
export type RealTimeTextReceivedEventHandler = (info: RealTimeTextInfo) => void;

export interface RealTimeTextFeature extends CallFeature {
  sendRealTimeText(text: string, finalized?: boolean): Promise<void>;
  on(event: RealTimeTextReceivedEventType, listener: RealTimeTextReceivedEventHandler): void;
  off(event: RealTimeTextReceivedEventType, listener: RealTimeTextReceivedEventHandler): void;
}

export type OvcChangeReason = 'bandwidth' | 'performance' | 'externalLimit' | 'unknown';

export interface OptimalVideoCountCallFeature extends CallFeature {
  readonly optimalVideoCount: number;
  readonly lastOvcChangeReason: OvcChangeReason;
  on(event: 'optimalVideoCountChanged', listener: PropertyChangedEvent): void;
  off(event: 'optimalVideoCountChanged', listener: PropertyChangedEvent): void;
}
