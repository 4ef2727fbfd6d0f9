/**
 * Cameras, microphones and speakers: what there is, what is chosen, what is allowed.
 *
 * Lists are empty until the page may use devices; the browser hides their names before. Nothing of the page is touched until the
 * first question.
 */

import type { DevicesDoor } from '../call/peer-door.js';
import { Emitter, bindMethods, type Listener } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import type {
  AudioDeviceInfo,
  DeviceAccess,
  DeviceManager,
  PermissionConstraints,
  StartPreheatDeviceParameters,
  StopPreheatDeviceParameters,
  VideoDeviceInfo,
} from '../types/device.js';
import { audioDevicesOf, camerasOf } from './device-info.js';
import { mediaDevices, permissionOf } from './open.js';

interface DeviceEvents {
  videoDevicesUpdated: { added: VideoDeviceInfo[]; removed: VideoDeviceInfo[] };
  audioDevicesUpdated: { added: AudioDeviceInfo[]; removed: AudioDeviceInfo[] };
  selectedMicrophoneChanged: undefined;
  selectedSpeakerChanged: undefined;
}

interface Lists {
  cameras: VideoDeviceInfo[];
  microphones: AudioDeviceInfo[];
  speakers: AudioDeviceInfo[];
}

/** How long preheated devices stay open when nothing else is said, in seconds. Longer: the camera's light stays on for nothing. */
const PREHEAT_SECONDS = 30;

/** The devices of this browser. */
export class Devices implements DeviceManager, DevicesDoor {
  private readonly emitter = new Emitter<DeviceEvents>();
  private lists: Lists | undefined;
  private refreshing: Promise<Lists> | undefined;
  private microphone: AudioDeviceInfo | undefined;
  private speaker: AudioDeviceInfo | undefined;
  private watching = false;
  private readonly warm = new Map<'audio' | 'video', { stream: MediaStream; timer: ReturnType<typeof setTimeout> }>();

  constructor() {
    bindMethods(this);
  }

  get isSpeakerSelectionAvailable(): boolean {
    return typeof HTMLMediaElement !== 'undefined' && 'setSinkId' in HTMLMediaElement.prototype;
  }

  get selectedMicrophone(): AudioDeviceInfo | undefined {
    return this.microphone;
  }

  get selectedSpeaker(): AudioDeviceInfo | undefined {
    return this.speaker;
  }

  async getCameras(): Promise<VideoDeviceInfo[]> {
    return [...(await this.refresh()).cameras];
  }

  async getMicrophones(): Promise<AudioDeviceInfo[]> {
    return [...(await this.refresh()).microphones];
  }

  async getSpeakers(): Promise<AudioDeviceInfo[]> {
    if (!this.isSpeakerSelectionAvailable) {
      throw new CallingError(ErrorCodes.speakersUnavailable, 'This browser plays on the default speaker only.');
    }
    return [...(await this.refresh()).speakers];
  }

  async selectMicrophone(microphoneDevice: AudioDeviceInfo): Promise<void> {
    const known = (await this.refresh()).microphones.find((device) => device.id === microphoneDevice?.id);
    if (!known) {
      throw new CallingError(ErrorCodes.badArgument, 'No such microphone; take one of getMicrophones().');
    }
    this.chooseMicrophone(known);
  }

  async selectSpeaker(speakerDevice: AudioDeviceInfo): Promise<void> {
    const known = (await this.getSpeakers()).find((device) => device.id === speakerDevice?.id);
    if (!known) {
      throw new CallingError(ErrorCodes.badArgument, 'No such speaker; take one of getSpeakers().');
    }
    this.chooseSpeaker(known);
  }

  async askDevicePermission(permissionConstraints: PermissionConstraints): Promise<DeviceAccess> {
    if (!mediaDevices()) {
      throw new CallingError(
        ErrorCodes.permissionFailed,
        'This page has no access to devices: it must be served over HTTPS or from localhost.',
      );
    }
    const wanted = { audio: Boolean(permissionConstraints?.audio), video: Boolean(permissionConstraints?.video) };
    const access = await this.ask(wanted);
    await this.refresh();
    return access;
  }

  async startPreheatDevices(parameters: StartPreheatDeviceParameters): Promise<void> {
    for (const kind of ['audio', 'video'] as const) {
      const wish = parameters?.[kind];
      if (wish?.preheat && !this.warm.has(kind)) {
        const stream = await open({ [kind]: true });
        if (stream) {
          const seconds = wish.timeoutInSec ?? PREHEAT_SECONDS;
          const timer = setTimeout(() => this.cool(kind), seconds * 1000);
          this.warm.set(kind, { stream, timer });
        }
      }
    }
  }

  async stopPreheatDevices(parameters: StopPreheatDeviceParameters): Promise<void> {
    for (const kind of ['audio', 'video'] as const) {
      if (parameters?.[kind]) {
        this.cool(kind);
      }
    }
  }

  on<Name extends keyof DeviceEvents>(event: Name, listener: Listener<DeviceEvents[Name]>): void {
    this.watch();
    this.emitter.on(event, listener);
  }

  off<Name extends keyof DeviceEvents>(event: Name, listener: Listener<DeviceEvents[Name]>): void {
    this.emitter.off(event, listener);
  }

  dispose(): void {
    if (this.watching) {
      mediaDevices()?.removeEventListener('devicechange', this.deviceChange);
      this.watching = false;
    }
    this.cool('audio');
    this.cool('video');
    this.emitter.clear();
  }

  /** Both at once, so that people are asked once; one by one when that fails, because one missing device fails both. */
  private async ask(wanted: PermissionConstraints): Promise<DeviceAccess> {
    const has = {
      audio: wanted.audio && (await permissionOf('microphone')) === 'granted',
      video: wanted.video && (await permissionOf('camera')) === 'granted',
    };
    const missing = { audio: wanted.audio && !has.audio, video: wanted.video && !has.video };
    if (missing.audio && missing.video) {
      const both = await open({ audio: true, video: true });
      if (both) {
        stop(both);
        return { audio: true, video: true };
      }
    }
    for (const kind of ['audio', 'video'] as const) {
      if (missing[kind]) {
        const stream = await open({ [kind]: true });
        stop(stream);
        has[kind] = stream !== undefined;
      }
    }
    return has;
  }

  private readonly deviceChange = (): void => {
    void this.refresh();
  };

  private watch(): void {
    const devices = mediaDevices();
    if (!this.watching && devices) {
      this.watching = true;
      devices.addEventListener('devicechange', this.deviceChange);
      void this.refresh();
    }
  }

  /** Reads the lists anew and tells what changed; the first reading tells nothing. */
  private refresh(): Promise<Lists> {
    this.watch();
    this.refreshing ??= this.read().finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  private async read(): Promise<Lists> {
    const found = (await mediaDevices()?.enumerateDevices().catch(() => [])) ?? [];
    const before = this.lists;
    const now: Lists = {
      cameras: keep(before?.cameras, camerasOf(found)),
      microphones: keep(before?.microphones, audioDevicesOf(found, 'Microphone')),
      speakers: keep(before?.speakers, this.isSpeakerSelectionAvailable ? audioDevicesOf(found, 'Speaker') : []),
    };
    this.lists = now;
    this.chooseAgain(now);
    if (before) {
      const video = changes(before.cameras, now.cameras);
      const audio = changes([...before.microphones, ...before.speakers], [...now.microphones, ...now.speakers]);
      if (video) {
        this.emitter.emit('videoDevicesUpdated', video);
      }
      if (audio) {
        this.emitter.emit('audioDevicesUpdated', audio);
      }
    }
    return now;
  }

  /** What was chosen stays chosen while it is there; else the system's default. */
  private chooseAgain(lists: Lists): void {
    this.chooseMicrophone(remaining(lists.microphones, this.microphone));
    this.chooseSpeaker(remaining(lists.speakers, this.speaker));
  }

  private chooseMicrophone(device: AudioDeviceInfo | undefined): void {
    if (device?.id !== this.microphone?.id) {
      this.microphone = device;
      this.emitter.emit('selectedMicrophoneChanged');
    }
  }

  private chooseSpeaker(device: AudioDeviceInfo | undefined): void {
    if (device?.id !== this.speaker?.id) {
      this.speaker = device;
      this.emitter.emit('selectedSpeakerChanged');
    }
  }

  private cool(kind: 'audio' | 'video'): void {
    const warm = this.warm.get(kind);
    if (warm) {
      clearTimeout(warm.timer);
      stop(warm.stream);
      this.warm.delete(kind);
    }
  }
}

function remaining(devices: AudioDeviceInfo[], chosen: AudioDeviceInfo | undefined): AudioDeviceInfo | undefined {
  return devices.find((device) => device.id === chosen?.id) ?? devices.find((device) => device.isSystemDefault) ?? devices[0];
}

/** The same objects for the same devices: applications keep them and compare. */
function keep<Info extends { id: string }>(before: Info[] | undefined, now: Info[]): Info[] {
  return now.map((device) => {
    const known = before?.find((other) => other.id === device.id);
    return known && JSON.stringify(known) === JSON.stringify(device) ? known : device;
  });
}

function changes<Info extends { id: string }>(before: Info[], now: Info[]): { added: Info[]; removed: Info[] } | undefined {
  const added = now.filter((device) => !before.some((other) => other.id === device.id));
  const removed = before.filter((device) => !now.some((other) => other.id === device.id));
  return added.length + removed.length > 0 ? { added, removed } : undefined;
}

async function open(constraints: MediaStreamConstraints): Promise<MediaStream | undefined> {
  try {
    return await mediaDevices()?.getUserMedia(constraints);
  } catch {
    return undefined;
  }
}

function stop(stream: MediaStream | undefined): void {
  stream?.getTracks().forEach((track) => track.stop());
}
