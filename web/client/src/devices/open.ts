/**
 * Opening devices: the browser's answers put into the numbers that applications know, and every failure told to whoever
 * diagnoses calls (`TROUBLE`).
 */

import { Emitter } from '../emitter.js';
import { CallingError, ErrorCodes, type ErrorNumbers } from '../errors.js';
import type { AudioDeviceInfo, VideoDeviceInfo } from '../types/device.js';
import { deviceIdOf } from './device-info.js';

/** What kind of source. */
export type SourceKind = 'camera' | 'microphone' | 'screen';

/** What may happen to a source. */
export type Trouble = 'started' | 'permissionDenied' | 'startFailed' | 'startTimedOut' | 'stoppedUnexpectedly' | 'muted' | 'unmuted';

/**
 * Troubles of sources, page-wide: a device that cannot be opened has no call yet.
 *
 * Told by streams; heard by the user-facing diagnostics of every call.
 */
export const TROUBLE = new Emitter<{ trouble: { source: SourceKind; trouble: Trouble } }>();

/**
 * How long a device may take to open, permission prompt not counted, in milliseconds.
 *
 * Lower: slow USB cameras fail; higher: people wait for a dead one.
 */
export const OPEN_TIMEOUT = 20_000;

/** The picture that is asked for; the browser comes as close as the camera can. */
const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };

/** Opens a camera. Rejects with a `CallingError` 430xx. */
export async function openCamera(device: VideoDeviceInfo): Promise<MediaStreamTrack> {
  const id = deviceIdOf(device);
  const video: MediaTrackConstraints = id === undefined ? CAMERA : { ...CAMERA, deviceId: { exact: id } };
  return opened('camera', request({ video }));
}

/** Opens a microphone. Rejects with a `CallingError`. */
export async function openMicrophone(device: AudioDeviceInfo): Promise<MediaStreamTrack> {
  const id = deviceIdOf(device);
  const audio: MediaTrackConstraints = {
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
    ...(id === undefined ? {} : { deviceId: { exact: id } }),
  };
  return opened('microphone', request({ audio }));
}

/** Asks which screen, window or tab to show. Rejects with a `CallingError`. */
export async function openScreen(): Promise<MediaStreamTrack> {
  const devices = mediaDevices();
  if (!devices?.getDisplayMedia) {
    throw failed('screen', new CallingError(ErrorCodes.cameraUnsupported, 'This browser cannot share a screen.'), 'startFailed');
  }
  return opened('screen', devices.getDisplayMedia({ video: { frameRate: { max: 30 } } }), Number.POSITIVE_INFINITY);
}

/** The browser's device list, or nothing outside of browsers and of secure pages. */
export function mediaDevices(): MediaDevices | undefined {
  return (globalThis as { navigator?: { mediaDevices?: MediaDevices } }).navigator?.mediaDevices;
}

async function request(constraints: MediaStreamConstraints): Promise<MediaStream> {
  const devices = mediaDevices();
  if (!devices?.getUserMedia) {
    throw new CallingError(
      ErrorCodes.cameraUnsupported,
      'This page has no access to devices: it must be served over HTTPS or from localhost.',
    );
  }
  return devices.getUserMedia(constraints);
}

async function opened(kind: SourceKind, request: Promise<MediaStream>, timeout = OPEN_TIMEOUT): Promise<MediaStreamTrack> {
  let stream: MediaStream;
  try {
    stream = await inTime(request, timeout, kind);
  } catch (error) {
    const trouble = isDenied(error) ? 'permissionDenied' : isTimeout(error) ? 'startTimedOut' : 'startFailed';
    throw failed(kind, explain(kind, error), trouble);
  }
  const track = kind === 'microphone' ? stream.getAudioTracks()[0] : stream.getVideoTracks()[0];
  if (!track) {
    throw failed(kind, new CallingError(ErrorCodes.cameraNoDevice, `The ${kind} gave no track.`), 'startFailed');
  }
  TROUBLE.emit('trouble', { source: kind, trouble: 'started' });
  return track;
}

function failed(source: SourceKind, error: CallingError, trouble: Trouble): CallingError {
  TROUBLE.emit('trouble', { source, trouble });
  return error;
}

/** Gives up after a while, unless a permission prompt may be what takes so long; lets go of a device that comes too late. */
function inTime(request: Promise<MediaStream>, timeout: number, kind: SourceKind): Promise<MediaStream> {
  if (!Number.isFinite(timeout)) {
    return request;
  }
  return new Promise((resolve, reject) => {
    let over = false;
    const timer = setTimeout(() => {
      void isPrompting(kind).then((prompting) => {
        if (!prompting) {
          over = true;
          reject(new CallingError(ErrorCodes.cameraTimedOut, `The ${kind} did not start in time.`));
        }
      });
    }, timeout);
    request.then(
      (stream) => {
        clearTimeout(timer);
        if (over) {
          stream.getTracks().forEach((track) => track.stop());
        } else {
          resolve(stream);
        }
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error as Error);
      },
    );
  });
}

/** What the browser knows about a permission: `granted`, `denied`, `prompt`, or `undefined` when it does not say. */
export async function permissionOf(kind: SourceKind): Promise<PermissionState | undefined> {
  try {
    const status = await navigator.permissions.query({ name: kind as PermissionName });
    return status.state;
  } catch {
    return undefined;
  }
}

async function isPrompting(kind: SourceKind): Promise<boolean> {
  return (await permissionOf(kind)) === 'prompt';
}

function nameOf(error: unknown): string {
  return (error as { name?: string } | undefined)?.name ?? '';
}

function isDenied(error: unknown): boolean {
  return nameOf(error) === 'NotAllowedError' || nameOf(error) === 'SecurityError';
}

function isTimeout(error: unknown): boolean {
  return error instanceof CallingError && error.subCode === ErrorCodes.cameraTimedOut[1];
}

/** The number for what the browser said. */
export function explain(kind: SourceKind, error: unknown): CallingError {
  if (error instanceof CallingError) {
    return error;
  }
  const message = (error as Error | undefined)?.message ?? '';
  const [numbers, words] = numbersOf(kind, nameOf(error), message);
  return new CallingError(numbers, words, { cause: error });
}

function numbersOf(kind: SourceKind, name: string, message: string): [ErrorNumbers, string] {
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      if (/system/i.test(message)) {
        return [ErrorCodes.cameraDeniedBySystem, `The operating system does not let the browser use the ${kind}.`];
      }
      return kind === 'microphone'
        ? [ErrorCodes.permissionDenied, 'The use of the microphone was denied.']
        : [ErrorCodes.cameraPermissionMissing, `The use of the ${kind} was denied.`];
    case 'NotFoundError':
      return [ErrorCodes.cameraNotFound, `No ${kind} was found.`];
    case 'NotReadableError':
    case 'AbortError':
      return [ErrorCodes.cameraInUse, `The ${kind} cannot be read; another program may be using it.`];
    case 'OverconstrainedError':
      return [ErrorCodes.cameraConstraints, `That ${kind} is gone or cannot do what was asked.`];
    case 'TypeError':
      return [ErrorCodes.cameraUnsupported, `This browser cannot open a ${kind}.`];
    default:
      return [ErrorCodes.cameraRequestFailed, `The ${kind} could not be opened.`];
  }
}
