/** Changing what is sent: backgrounds, echoes, noise. */

import type { AudioStreamFeature, VideoStreamFeature } from '../stream.js';

export type VideoEffectName = 'BackgroundBlur' | 'BackgroundReplacement';
export type NoiseSuppressionEffectName = 'BrowserNoiseSuppression' | 'DeepNoiseSuppression';
export type EchoCancellationEffectName = 'BrowserEchoCancellation' | 'EchoCancellation';

/** Turns the camera's track into the one that is sent. */
export type VideoEffectProcessor = (track: MediaStreamTrack) => Promise<MediaStreamTrack>;

export interface VideoEffectConfig {
  /** After how many milliseconds of starting `timeForEffectsWarningReached` fires. */
  effectInitTimeThresholdInMs?: number;
  /** Below how many frames per second `fpsWarningThresholdReached` fires. */
  fpsWarningThreshold?: number;
}

/** An effect: `process` makes the new track, `stop` lets go. */
export interface VideoEffect {
  readonly name: VideoEffectName;
  readonly config?: VideoEffectConfig;
  configure?(config: VideoEffectConfig): void | Promise<void>;
  isSupported?(): Promise<boolean>;
  /** Our own contract between an effect and a stream. */
  process?: VideoEffectProcessor;
  stop?(): void | Promise<void>;
}

export type BackgroundBlurConfig = VideoEffectConfig;
export interface BackgroundReplacementConfig extends VideoEffectConfig {
  backgroundImageUrl: string;
}
export interface BackgroundBlurEffect extends VideoEffect {
  readonly name: 'BackgroundBlur';
}
export interface BackgroundReplacementEffect extends VideoEffect {
  readonly name: 'BackgroundReplacement';
}

export type VideoEffectError = {
  readonly code: number;
  readonly subCode?: number;
  readonly message: string;
};
export type VideoEffectErrorPayload = {
  readonly effects: VideoEffectName[];
  readonly error: VideoEffectError;
};
export type VideoEffectsFeatureEvent = 'effectsStarted' | 'effectsStopped';
export type VideoEffectsFeatureListener = (effects: VideoEffectName[]) => void;
export type VideoEffectsFeatureErrorListener = (payload: VideoEffectErrorPayload) => void;

export interface VideoEffectsFeature extends VideoStreamFeature {
  readonly activeEffects: VideoEffectName[];
  isSupported(effect: VideoEffect): Promise<boolean>;
  startEffects(effect: VideoEffect): Promise<void>;
  stopEffects(): Promise<void>;
  on(
    event: VideoEffectsFeatureEvent | 'fpsWarningThresholdReached' | 'timeForEffectsWarningReached',
    listener: VideoEffectsFeatureListener,
  ): void;
  on(event: 'effectsError', listener: VideoEffectsFeatureErrorListener): void;
  off(
    event: VideoEffectsFeatureEvent | 'fpsWarningThresholdReached' | 'timeForEffectsWarningReached',
    listener: VideoEffectsFeatureListener,
  ): void;
  off(event: 'effectsError', listener: VideoEffectsFeatureErrorListener): void;
}

/** An effect on sound. */
export interface AudioEffect {
  readonly name: NoiseSuppressionEffectName | EchoCancellationEffectName;
  isSupported?(): Promise<boolean>;
  process?(track: MediaStreamTrack): Promise<MediaStreamTrack>;
  stop?(): void | Promise<void>;
}
export interface DeepNoiseSuppressionEffect extends AudioEffect {
  readonly name: 'DeepNoiseSuppression';
}
export interface EchoCancellationEffect extends AudioEffect {
  readonly name: 'EchoCancellation';
}

export interface ActiveAudioEffects {
  readonly echoCancellation?: EchoCancellationEffectName[];
  readonly noiseSuppression?: NoiseSuppressionEffectName[];
}

export interface AudioEffectsStartConfig {
  echoCancellation?: EchoCancellationEffect | 'BrowserEchoCancellation';
  noiseSuppression?: DeepNoiseSuppressionEffect | 'BrowserNoiseSuppression';
}
export interface AudioEffectsStopConfig {
  echoCancellation?: boolean;
  noiseSuppression?: boolean;
}

export type AudioEffectsFeatureEvent = 'effectsStarted' | 'effectsStopped';
export type AudioEffectsFeatureListener = (effects: ActiveAudioEffects) => void;
export type AudioEffectsFeatureErrorListener = (payload: {
  readonly effects: ActiveAudioEffects;
  readonly error: VideoEffectError;
}) => void;

export interface AudioEffectsFeature extends AudioStreamFeature {
  readonly activeEffects: ActiveAudioEffects;
  isSupported(effect: AudioEffect | 'BrowserEchoCancellation' | 'BrowserNoiseSuppression'): Promise<boolean>;
  startEffects(config: AudioEffectsStartConfig): Promise<void>;
  stopEffects(config: AudioEffectsStopConfig): Promise<void>;
  on(event: AudioEffectsFeatureEvent, listener: AudioEffectsFeatureListener): void;
  on(event: 'effectsError', listener: AudioEffectsFeatureErrorListener): void;
  off(event: AudioEffectsFeatureEvent, listener: AudioEffectsFeatureListener): void;
  off(event: 'effectsError', listener: AudioEffectsFeatureErrorListener): void;
}
