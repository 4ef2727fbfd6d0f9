/** Recording, transcription and captions: calls of two have none of them, and these features say so. */

import { Emitter, bindMethods } from '../emitter.js';
import type { CaptionsCallFeature, Captions as CaptionsShape, CaptionsInfo, RecordingCallFeature, RecordingInfo, TranscriptionCallFeature } from '../types/features/record.js';
import { FeatureOfCall, notSupported } from './feature.js';

/** Whether the call is recorded. It is not. */
export class Recording
  extends FeatureOfCall<{ isRecordingActiveChanged: undefined; recordingsUpdated: { added: RecordingInfo[]; removed: RecordingInfo[] } }>
  implements RecordingCallFeature
{
  readonly name = 'Recording';
  readonly isRecordingActive = false;
  readonly recordings: ReadonlyArray<RecordingInfo> = [];
  readonly isTeamsConsentRequired = false;

  /** Nothing asks for consent, so there is none to give. */
  grantTeamsConsent(): void {}
}

/** Whether the call is transcribed. It is not. */
export class Transcription extends FeatureOfCall<{ isTranscriptionActiveChanged: undefined }> implements TranscriptionCallFeature {
  readonly name = 'Transcription';
  readonly isTranscriptionActive = false;
  readonly isTeamsConsentRequired = false;

  /** Nothing asks for consent, so there is none to give. */
  grantTeamsConsent(): void {}
}

interface CaptionsEvents {
  CaptionsReceived: CaptionsInfo;
  CaptionsActiveChanged: undefined;
  SpokenLanguageChanged: undefined;
}

class InactiveCaptions implements CaptionsShape {
  readonly kind = 'Captions' as const;
  readonly isCaptionsFeatureActive = false;
  readonly activeSpokenLanguage = '';
  readonly supportedSpokenLanguages: string[] = [];
  private readonly emitter = new Emitter<CaptionsEvents>();

  constructor() {
    bindMethods(this);
  }

  async startCaptions(): Promise<void> {
    throw notSupported('Captions');
  }

  async stopCaptions(): Promise<void> {
    throw notSupported('Captions');
  }

  async setSpokenLanguage(): Promise<void> {
    throw notSupported('Captions');
  }

  on<Name extends keyof CaptionsEvents>(event: Name, listener: (payload: CaptionsEvents[Name]) => void): void {
    this.emitter.on(event, listener);
  }

  off<Name extends keyof CaptionsEvents>(event: Name, listener: (payload: CaptionsEvents[Name]) => void): void {
    this.emitter.off(event, listener);
  }
}

/** Captions of the call: of the kind that this service has, and off. */
export class Captions extends FeatureOfCall<{ CaptionsKindChanged: undefined }> implements CaptionsCallFeature {
  readonly name = 'Captions';
  readonly captions: CaptionsShape = new InactiveCaptions();
}
