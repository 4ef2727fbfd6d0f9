/**
 * What a device is called here.
 *
 * Ids carry their kind (`camera:…`, `microphone:…`, `speaker:…`), because the browser's own ids are only unique within a kind: `default`
 * is a microphone and a speaker.
 */

import type { AudioDeviceInfo, VideoDeviceInfo, VideoDeviceType } from '../types/device.js';

/** The microphone that the browser prefers, for pages that never listed devices. */
export const DEFAULT_MICROPHONE: AudioDeviceInfo = Object.freeze({
  id: 'microphone:default',
  name: 'Default',
  isSystemDefault: true,
  deviceType: 'Microphone',
});

/** The browser's own id; `undefined` for whatever the browser prefers. */
export function deviceIdOf(device: { id: string }): string | undefined {
  const id = device.id.replace(/^(camera|microphone|speaker):/, '');
  return id === '' || id === 'default' ? undefined : id;
}

/** Whether a source is a stream that the application made. */
export function isMediaStream(source: unknown): source is MediaStream {
  return typeof source === 'object' && source !== null && typeof (source as MediaStream).getTracks === 'function';
}

/** Cameras among what the browser lists; none before permission, when all names are empty. */
export function camerasOf(devices: readonly MediaDeviceInfo[]): VideoDeviceInfo[] {
  return devices
    .filter((device) => device.kind === 'videoinput' && device.label !== '')
    .map((device) => ({ id: `camera:${device.deviceId}`, name: device.label, deviceType: videoTypeOf(device.label) }));
}

/** Microphones or speakers among what the browser lists, without the doubles named `default` and `communications`. */
export function audioDevicesOf(devices: readonly MediaDeviceInfo[], deviceType: 'Microphone' | 'Speaker'): AudioDeviceInfo[] {
  const kind = deviceType === 'Microphone' ? 'audioinput' : 'audiooutput';
  const named = devices.filter((device) => device.kind === kind && device.label !== '');
  const preferred = named.find((device) => device.deviceId === 'default');
  const real = named.filter((device) => device.deviceId !== 'default' && device.deviceId !== 'communications');
  const double = preferred && real.find((device) => isSameDevice(preferred, device));
  const listed = preferred && !double ? [preferred, ...real] : real;
  const systemDefault = double ?? preferred ?? listed[0];
  return listed.map((device) => ({
    id: `${deviceType.toLowerCase()}:${device.deviceId}`,
    name: device.label,
    isSystemDefault: device === systemDefault,
    deviceType,
  }));
}

function isSameDevice(preferred: MediaDeviceInfo, device: MediaDeviceInfo): boolean {
  return preferred.label.endsWith(device.label) || (preferred.groupId !== '' && preferred.groupId === device.groupId);
}

function videoTypeOf(label: string): VideoDeviceType {
  return /virtual|obs|snap camera|manycam/i.test(label) ? 'Virtual' : 'UsbCamera';
}
