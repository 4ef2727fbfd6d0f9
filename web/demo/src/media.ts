/** Own camera and microphone before and in calls: what is on, what is chosen, the preview. */

import { LocalAudioStream, LocalVideoStream, VideoStreamRenderer } from '/sdk/calling.js';
import type { AudioDeviceInfo, DeviceManager, VideoDeviceInfo, VideoStreamRendererView } from '/sdk/calling.js';
import { byId, drawing, make, notice, show } from './dom.js';
import { deviceTrouble } from './words.js';

/** What people want to send. */
export class Media {
  isMicOn = true;
  camera: LocalVideoStream | undefined;
  private chosenCamera: VideoDeviceInfo | undefined;
  private view: VideoStreamRendererView | undefined;
  private meter: { stream: LocalAudioStream; stop: () => void } | undefined;
  /** Called when something changed. */
  onChange: () => void = () => undefined;
  private busy = false;

  constructor(private readonly devices: DeviceManager) {
    devices.on('videoDevicesUpdated', () => void this.fillLists());
    devices.on('audioDevicesUpdated', () => void this.fillLists());
    byId('pick-cam').addEventListener('change', (event) => void this.pickCamera((event.target as HTMLSelectElement).value));
    byId('pick-mic').addEventListener('change', (event) => void this.pickAudio('Microphone', (event.target as HTMLSelectElement).value));
    byId('pick-speaker').addEventListener('change', (event) => void this.pickAudio('Speaker', (event.target as HTMLSelectElement).value));
  }

  /** Makes a stream of the chosen camera, or of the first one. `undefined`, with a notice, when there is none. */
  async startCamera(): Promise<LocalVideoStream | undefined> {
    if (this.camera) {
      return this.camera;
    }
    let cameras = await this.devices.getCameras();
    if (cameras.length === 0) {
      const answered = waiting('camera');
      const access = await this.devices
        .askDevicePermission({ audio: false, video: true })
        .catch(() => ({ video: false }))
        .finally(answered);
      cameras = await this.devices.getCameras();
      if (!access.video || cameras.length === 0) {
        notice(deviceTrouble({ subCode: access.video ? 43013 : 43001 }, 'camera'));
        return undefined;
      }
    }
    const camera = cameras.find((device) => device.id === this.chosenCamera?.id) ?? cameras[0];
    if (camera) {
      this.chosenCamera = camera;
      this.camera = new LocalVideoStream(camera, { autoDisposeOnCallEnd: false });
    }
    return this.camera;
  }

  stopCamera(): void {
    this.hidePreview();
    this.camera?.dispose();
    this.camera = undefined;
  }

  /** Camera on or off in the lobby. */
  async toggleCamera(): Promise<void> {
    if (this.busy) {
      return;
    }
    this.busy = true;
    try {
      if (this.camera) {
        this.stopCamera();
      } else {
        await this.showPreview();
      }
    } finally {
      this.busy = false;
      this.paint();
    }
  }

  /** Shows oneself in the lobby. */
  async showPreview(): Promise<void> {
    const camera = await this.startCamera();
    if (!camera) {
      return;
    }
    try {
      this.hidePreview();
      this.view = await new VideoStreamRenderer(camera).createView({ isMirrored: true, scalingMode: 'Crop' });
      byId('preview').append(this.view.target);
      notice(undefined);
    } catch (error) {
      this.stopCamera();
      notice(deviceTrouble(error, 'camera'));
    }
    this.paint();
    void this.fillLists();
  }

  hidePreview(): void {
    this.view?.dispose();
    this.view = undefined;
  }

  /** Moves the level meter of the lobby with the microphone. */
  async startMeter(): Promise<void> {
    const microphone = this.devices.selectedMicrophone;
    if (this.meter || !microphone || !this.isMicOn) {
      return;
    }
    const stream = new LocalAudioStream(microphone);
    this.meter = { stream, stop: () => undefined };
    try {
      const volume = await stream.getVolume();
      const moved = (): void => byId('lobby-meter').style.setProperty('--level', String(volume.level / 100));
      volume.on('levelChanged', moved);
      this.meter.stop = () => volume.off('levelChanged', moved);
    } catch (error) {
      this.stopMeter();
      notice(deviceTrouble(error, 'microphone'));
    }
  }

  stopMeter(): void {
    this.meter?.stop();
    this.meter?.stream.dispose();
    this.meter = undefined;
    byId('lobby-meter').style.setProperty('--level', '0');
  }

  /** Asks for the microphone; true when calls may use it. */
  async askMicrophone(): Promise<boolean> {
    try {
      const { audio } = await this.devices.askDevicePermission({ audio: true, video: false }).finally(waiting('microphone'));
      if (!audio) {
        const known = await this.devices.getMicrophones();
        notice(deviceTrouble({ subCode: known.length === 0 ? await noMicrophone() : 40613 }, 'microphone'));
      } else {
        notice(undefined);
      }
      void this.fillLists();
      return audio;
    } catch (error) {
      notice(deviceTrouble(error, 'microphone'));
      return false;
    }
  }

  /** Fills the lists of the settings. */
  async fillLists(): Promise<void> {
    const [cameras, microphones, speakers] = await Promise.all([
      this.devices.getCameras(),
      this.devices.getMicrophones(),
      this.devices.isSpeakerSelectionAvailable ? this.devices.getSpeakers() : Promise.resolve([]),
    ]);
    fill(byId<HTMLSelectElement>('pick-cam'), cameras, this.chosenCamera?.id, 'No camera found');
    fill(byId<HTMLSelectElement>('pick-mic'), microphones, this.devices.selectedMicrophone?.id, 'No microphone found');
    const without = this.devices.isSpeakerSelectionAvailable ? 'No speaker found' : 'Chosen by the system';
    fill(byId<HTMLSelectElement>('pick-speaker'), speakers, this.devices.selectedSpeaker?.id, without);
    const isHidden = cameras.length + microphones.length === 0;
    byId('settings-hint').textContent = isHidden ? 'Devices appear once the page may use them.' : '';
    show(byId('settings-hint'), isHidden);
  }

  /** Draws the buttons of the lobby. */
  paint(): void {
    const mic = byId('lobby-mic');
    mic.toggleAttribute('data-off', !this.isMicOn);
    mic.setAttribute('aria-pressed', String(this.isMicOn));
    drawing(mic, this.isMicOn ? 'mic' : 'mic-off');
    const cam = byId('lobby-cam');
    const isOn = this.camera !== undefined;
    cam.setAttribute('aria-pressed', String(isOn));
    show(byId('lobby-meter'), this.isMicOn);
    drawing(cam, isOn ? 'cam' : 'cam-off');
    this.onChange();
  }

  private async pickCamera(id: string): Promise<void> {
    const camera = (await this.devices.getCameras()).find((device) => device.id === id);
    if (!camera) {
      return;
    }
    this.chosenCamera = camera;
    try {
      await this.camera?.switchSource(camera);
    } catch (error) {
      if ((error as { subCode?: number }).subCode !== 43005) {
        notice(deviceTrouble(error, 'camera'));
      }
    }
  }

  private async pickAudio(type: 'Microphone' | 'Speaker', id: string): Promise<void> {
    const known: AudioDeviceInfo[] = await (type === 'Microphone' ? this.devices.getMicrophones() : this.devices.getSpeakers());
    const device = known.find((candidate) => candidate.id === id);
    if (device) {
      await (type === 'Microphone' ? this.devices.selectMicrophone(device) : this.devices.selectSpeaker(device));
      if (type === 'Microphone' && this.meter) {
        this.stopMeter();
        await this.startMeter();
      }
    }
  }
}

/** Says what the browser's question is about, when people take a moment to answer it. */
function waiting(what: 'camera' | 'microphone'): () => void {
  const timer = setTimeout(() => notice(`Your browser is asking about the ${what}. Allow it, so that the other side can ${what === 'camera' ? 'see' : 'hear'} you.`), 700);
  return () => {
    clearTimeout(timer);
    notice(undefined);
  };
}

async function noMicrophone(): Promise<number> {
  const found = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return found.some((device) => device.kind === 'audioinput') ? 40613 : 43013;
}

function fill(list: HTMLSelectElement, devices: { id: string; name: string }[], chosen: string | undefined, without: string): void {
  const options = devices.map((device) => {
    const option = make('option', { value: device.id }, device.name);
    option.selected = device.id === chosen;
    return option;
  });
  list.replaceChildren(...(options.length > 0 ? options : [make('option', {}, without)]));
  list.disabled = options.length === 0;
}
