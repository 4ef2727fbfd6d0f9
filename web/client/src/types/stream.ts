/** What is seen and heard. */

import type { Disposable, PropertyChangedEvent } from './common.js';
import type { AudioDeviceInfo, VideoDeviceInfo } from './device.js';
import type { BaseFeature } from './feature.js';

export type MediaStreamType = 'Video' | 'ScreenSharing' | 'RawMedia' | 'LiveStream' | 'Audio';
export type ScalingMode = 'Stretch' | 'Crop' | 'Fit';
export type LocalStreamState = 'None' | 'Starting' | 'Started' | 'Stopping' | 'Stopped';
export type LocalStreamStopReason = 'Unknown' | 'Stopped' | 'DeviceLost' | 'CallEnded';

export interface StreamSize {
  readonly width: number;
  readonly height: number;
}

export interface CreateViewOptions {
  isMirrored?: boolean;
  scalingMode?: ScalingMode;
}

export interface LocalVideoStreamOptions {
  /** Whether the camera is let go when the call ends. Default true. */
  autoDisposeOnCallEnd?: boolean;
}

export interface LocalAudioStreamOptions {
  /** Whether the microphone is let go when the call ends. Default true. */
  autoDisposeOnCallEnd?: boolean;
}

export type VideoSourceChangedEvent = (args: { source: VideoDeviceInfo | MediaStream }) => void;
export type AudioSourceChangedEvent = (args: { source: AudioDeviceInfo | MediaStream }) => void;

/** How loud a stream is. */
export interface Volume {
  /** 0 to 100. */
  readonly level: number;
  on(event: 'levelChanged', listener: PropertyChangedEvent): void;
  off(event: 'levelChanged', listener: PropertyChangedEvent): void;
}

export interface RemoteVideoStreamCommon {
  /** Unique within the participant. */
  readonly id: number;
  readonly mediaStreamType: MediaStreamType;
  readonly isAvailable: boolean;
  readonly isReceiving: boolean;
  readonly size: StreamSize;
  on(event: 'isAvailableChanged' | 'isReceivingChanged' | 'sizeChanged', listener: PropertyChangedEvent): void;
  off(event: 'isAvailableChanged' | 'isReceivingChanged' | 'sizeChanged', listener: PropertyChangedEvent): void;
}

export interface RemoteVideoStream extends RemoteVideoStreamCommon {
  getMediaStream(): Promise<MediaStream>;
}

export interface RemoteAudioStream {
  getMediaStream(): Promise<MediaStream>;
  getVolume(): Promise<Volume>;
}

export interface VideoStreamRendererView extends Disposable {
  /** Put this into the page; it fills its parent. */
  readonly target: HTMLElement;
  readonly scalingMode: ScalingMode;
  readonly isMirrored: boolean;
  updateScalingMode(scalingMode: ScalingMode): Promise<void>;
}

/** What a feature of a local video stream is given when it is made. */
export interface VideoStreamFeatureContext {
  readonly stream: import('../streams/local-video-stream.js').LocalVideoStream;
}
export interface VideoStreamFeature extends BaseFeature {}
export type VideoStreamFeatureCtor<TFeature extends VideoStreamFeature> = new (context: VideoStreamFeatureContext) => TFeature;
export interface VideoStreamFeatureFactory<TFeature extends VideoStreamFeature> {
  videoStreamApiCtor: VideoStreamFeatureCtor<TFeature>;
}

/** What a feature of a local audio stream is given when it is made. */
export interface AudioStreamFeatureContext {
  readonly stream: import('../streams/local-audio-stream.js').LocalAudioStream;
}
export interface AudioStreamFeature extends BaseFeature {}
export type AudioStreamFeatureCtor<TFeature extends AudioStreamFeature> = new (context: AudioStreamFeatureContext) => TFeature;
export interface AudioStreamFeatureFactory<TFeature extends AudioStreamFeature> {
  audioStreamApiCtor: AudioStreamFeatureCtor<TFeature>;
}
