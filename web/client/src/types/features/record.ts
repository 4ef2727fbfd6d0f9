/** Recording, transcription and captions. */

import type { CollectionUpdatedEvent, ParticipantInfo, PropertyChangedEvent } from '../common.js';
import type { RecordingState } from '../enums.js';
import type { CallFeature } from '../feature.js';

export interface RecordingInfo {
  readonly state: RecordingState;
  on(event: 'recordingStateChanged', listener: PropertyChangedEvent): void;
  off(event: 'recordingStateChanged', listener: PropertyChangedEvent): void;
}

export interface RecordingCallFeature extends CallFeature {
  readonly isRecordingActive: boolean;
  readonly recordings: ReadonlyArray<RecordingInfo>;
  readonly isTeamsConsentRequired: boolean;
  grantTeamsConsent(): void;
  on(event: 'isRecordingActiveChanged', listener: PropertyChangedEvent): void;
  on(event: 'recordingsUpdated', listener: CollectionUpdatedEvent<RecordingInfo>): void;
  off(event: 'isRecordingActiveChanged', listener: PropertyChangedEvent): void;
  off(event: 'recordingsUpdated', listener: CollectionUpdatedEvent<RecordingInfo>): void;
}

export type TranscriptionPropertyChangedEventType = 'isTranscriptionActiveChanged';

export interface TranscriptionCallFeature extends CallFeature {
  readonly isTranscriptionActive: boolean;
  readonly isTeamsConsentRequired: boolean;
  grantTeamsConsent(): void;
  on(event: TranscriptionPropertyChangedEventType, listener: PropertyChangedEvent): void;
  off(event: TranscriptionPropertyChangedEventType, listener: PropertyChangedEvent): void;
}

export type CaptionsKind = 'Captions' | 'TeamsCaptions';
export type CaptionsResultType = 'Partial' | 'Final';
export type CaptionsReceivedEventType = 'CaptionsReceived';
export type CaptionsPropertyChangedEventType = 'CaptionsActiveChanged';
export type CaptionsKindChangedEventType = 'CaptionsKindChanged';
export type SpokenLanguageChangedEventType = 'SpokenLanguageChanged';
export type CaptionLanguageChangedEventType = 'CaptionLanguageChanged';

export interface StartCaptionsOptions {
  spokenLanguage?: string;
}

export interface CaptionsInfo {
  readonly resultType: CaptionsResultType;
  readonly speaker: ParticipantInfo;
  readonly spokenLanguage: string;
  readonly spokenText: string;
  readonly timestamp: Date;
}
export interface TeamsCaptionsInfo extends Omit<CaptionsInfo, 'spokenText'> {
  readonly spokenText?: string;
  readonly captionText: string;
  readonly captionLanguage: string;
}
export type CaptionsHandler = (info: CaptionsInfo) => void;
export type TeamsCaptionsHandler = (info: TeamsCaptionsInfo) => void;

export interface CaptionsCommon {
  readonly kind: CaptionsKind;
  readonly isCaptionsFeatureActive: boolean;
  readonly activeSpokenLanguage: string;
  readonly supportedSpokenLanguages: string[];
  startCaptions(options?: StartCaptionsOptions): Promise<void>;
  stopCaptions(): Promise<void>;
  setSpokenLanguage(language: string): Promise<void>;
}

export interface Captions extends CaptionsCommon {
  readonly kind: 'Captions';
  on(event: CaptionsReceivedEventType, listener: CaptionsHandler): void;
  on(event: CaptionsPropertyChangedEventType | SpokenLanguageChangedEventType, listener: PropertyChangedEvent): void;
  off(event: CaptionsReceivedEventType, listener: CaptionsHandler): void;
  off(event: CaptionsPropertyChangedEventType | SpokenLanguageChangedEventType, listener: PropertyChangedEvent): void;
}

export interface TeamsCaptions extends CaptionsCommon {
  readonly kind: 'TeamsCaptions';
  readonly activeCaptionLanguage: string;
  readonly supportedCaptionLanguages: string[];
  setCaptionLanguage(language: string): Promise<void>;
  on(event: CaptionsReceivedEventType, listener: TeamsCaptionsHandler): void;
  on(
    event: CaptionsPropertyChangedEventType | SpokenLanguageChangedEventType | CaptionLanguageChangedEventType,
    listener: PropertyChangedEvent,
  ): void;
  off(event: CaptionsReceivedEventType, listener: TeamsCaptionsHandler): void;
  off(
    event: CaptionsPropertyChangedEventType | SpokenLanguageChangedEventType | CaptionLanguageChangedEventType,
    listener: PropertyChangedEvent,
  ): void;
}

export interface CaptionsCallFeature extends CallFeature {
  readonly captions: Captions | TeamsCaptions;
  on(event: CaptionsKindChangedEventType, listener: PropertyChangedEvent): void;
  off(event: CaptionsKindChangedEventType, listener: PropertyChangedEvent): void;
}
