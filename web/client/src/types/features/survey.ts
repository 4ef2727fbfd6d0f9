/** What people thought of the call. */

import type { CallFeature } from '../feature.js';

export type OverallIssue = 'CallCannotJoin' | 'CallCannotInvite' | 'HadToRejoin' | 'CallEndedUnexpectedly' | 'OtherIssues';
export type AudioIssue =
  | 'NoLocalAudio'
  | 'NoRemoteAudio'
  | 'Echo'
  | 'AudioNoise'
  | 'LowVolume'
  | 'AudioStoppedUnexpectedly'
  | 'DistortedSpeech'
  | 'AudioInterruption'
  | 'OtherIssues';
export type VideoIssue =
  | 'NoVideoReceived'
  | 'NoVideoSent'
  | 'LowQuality'
  | 'Freezes'
  | 'StoppedUnexpectedly'
  | 'DarkVideoReceived'
  | 'AudioVideoOutOfSync'
  | 'OtherIssues';
export type ScreenshareIssue =
  | 'NoContentLocal'
  | 'NoContentRemote'
  | 'CannotPresent'
  | 'LowQuality'
  | 'Freezes'
  | 'StoppedUnexpectedly'
  | 'LargeDelay'
  | 'OtherIssues';

/** All between 0 and 100. */
export interface RatingScale {
  lowerBound: number;
  upperBound: number;
  lowScoreThreshold: number;
}

export interface CallRating<TIssue> {
  score: number;
  issues?: TIssue[];
  /** Default: 1 to 5, low up to 2. */
  scale?: RatingScale;
}

export interface CallSurvey {
  overallRating?: CallRating<OverallIssue>;
  audioRating?: CallRating<AudioIssue>;
  videoRating?: CallRating<VideoIssue>;
  screenshareRating?: CallRating<ScreenshareIssue>;
}

export interface CallSurveyResponse extends CallSurvey {
  /** Of the survey. */
  readonly id: string;
  readonly callId: string;
  readonly localParticipantId: string;
}

export interface SubmitSurveyOptions {
  readonly applicationData?: string;
}

export interface CallSurveyFeature extends CallFeature {
  submitSurvey(survey: CallSurvey, options?: SubmitSurveyOptions): Promise<CallSurveyResponse>;
}
