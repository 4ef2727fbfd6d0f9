/** Cameras, microphones, speakers. */

import type { CollectionUpdatedEvent, PropertyChangedEvent } from './common.js';

export type VideoDeviceType = 'Unknown' | 'UsbCamera' | 'CaptureAdapter' | 'Virtual' | 'ScreenSharing';
export type AudioDeviceType = 'Microphone' | 'Speaker' | 'CompositeAudioDevice' | 'Virtual';
export type CompositeAudioDeviceType = 'Speaker' | 'Microphone';
export type DeviceType = VideoDeviceType | AudioDeviceType;

export interface VideoDeviceInfo {
  readonly id: string;
  readonly name: string;
  readonly deviceType: VideoDeviceType;
}

export interface AudioDeviceInfo {
  readonly id: string;
  readonly name: string;
  readonly isSystemDefault: boolean;
  readonly deviceType: AudioDeviceType;
}

/** A headset: one thing, two devices. */
export interface CompositeAudioDeviceInfo extends AudioDeviceInfo {
  readonly microphone?: AudioDeviceInfo;
  readonly speaker?: AudioDeviceInfo;
}

export interface DeviceAccess {
  audio: boolean;
  video: boolean;
}

export interface PermissionConstraints {
  audio: boolean;
  video: boolean;
}

export interface StartPreheatDeviceParameters {
  audio?: { preheat: boolean; timeoutInSec?: number };
  video?: { preheat: boolean; timeoutInSec?: number };
}

export interface StopPreheatDeviceParameters {
  audio?: boolean;
  video?: boolean;
}

export interface DeviceManager {
  readonly isSpeakerSelectionAvailable: boolean;
  readonly selectedMicrophone?: AudioDeviceInfo;
  readonly selectedSpeaker?: AudioDeviceInfo;
  getCameras(): Promise<VideoDeviceInfo[]>;
  getMicrophones(): Promise<AudioDeviceInfo[]>;
  getSpeakers(): Promise<AudioDeviceInfo[]>;
  selectMicrophone(microphoneDevice: AudioDeviceInfo): Promise<void>;
  selectSpeaker(speakerDevice: AudioDeviceInfo): Promise<void>;
  askDevicePermission(permissionConstraints: PermissionConstraints): Promise<DeviceAccess>;
  startPreheatDevices(parameters: StartPreheatDeviceParameters): Promise<void>;
  stopPreheatDevices(parameters: StopPreheatDeviceParameters): Promise<void>;
  on(event: 'videoDevicesUpdated', listener: CollectionUpdatedEvent<VideoDeviceInfo>): void;
  on(event: 'audioDevicesUpdated', listener: CollectionUpdatedEvent<AudioDeviceInfo>): void;
  on(event: 'selectedMicrophoneChanged' | 'selectedSpeakerChanged', listener: PropertyChangedEvent): void;
  off(event: 'videoDevicesUpdated', listener: CollectionUpdatedEvent<VideoDeviceInfo>): void;
  off(event: 'audioDevicesUpdated', listener: CollectionUpdatedEvent<AudioDeviceInfo>): void;
  off(event: 'selectedMicrophoneChanged' | 'selectedSpeakerChanged', listener: PropertyChangedEvent): void;
}
