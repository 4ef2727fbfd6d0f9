/** A microphone or a stream of the application, on its way into calls. */

import { DOOR, type LocalStreamDoor } from '../call/peer-door.js';
import { deviceIdOf, isMediaStream } from '../devices/device-info.js';
import { openMicrophone } from '../devices/open.js';
import { Emitter, bindMethods } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import type { AudioDeviceInfo } from '../types/device.js';
import type {
  AudioSourceChangedEvent,
  AudioStreamFeature,
  AudioStreamFeatureFactory,
  LocalAudioStreamOptions,
  MediaStreamType,
  Volume,
} from '../types/stream.js';
import { LocalSource } from './local-stream.js';
import { TrackVolume } from './volume.js';

/** An audio stream of this side. */
export class LocalAudioStream {
  private readonly emitter = new Emitter<{ audioSourceChanged: { source: AudioDeviceInfo | MediaStream } }>();
  private readonly features = new Map<unknown, AudioStreamFeature>();
  private readonly input: LocalSource<AudioDeviceInfo>;
  private volume: TrackVolume | undefined;
  private type: MediaStreamType;

  /** What calls ask of the stream. */
  readonly [DOOR]: LocalStreamDoor;

  /**
   * `source`: one of `getMicrophones()`, or a stream whose first audio track is sent.
   *
   * Throws a `CallingError` when it is neither.
   */
  constructor(source: AudioDeviceInfo | MediaStream, options?: LocalAudioStreamOptions) {
    if (!isMediaStream(source) && typeof source?.id !== 'string') {
      throw new CallingError(ErrorCodes.badArgument, 'A LocalAudioStream needs a microphone of getMicrophones() or a MediaStream.');
    }
    this.type = isMediaStream(source) ? 'RawMedia' : 'Audio';
    this.input = new LocalSource<AudioDeviceInfo>(
      () => 'microphone',
      source,
      openMicrophone,
      () => {
        if (options?.autoDisposeOnCallEnd !== false) {
          this.dispose();
        }
      },
    );
    this[DOOR] = this.input;
    bindMethods(this);
  }

  get source(): AudioDeviceInfo | MediaStream {
    return this.input.source;
  }

  get mediaStreamType(): MediaStreamType {
    return this.type;
  }

  async switchSource(source: AudioDeviceInfo): Promise<void> {
    if (isMediaStream(source) || typeof source?.id !== 'string') {
      throw new CallingError(ErrorCodes.switchSourceWrongType, 'switchSource takes a microphone; for a MediaStream use setMediaStream.');
    }
    const now = this.input.source;
    if (!isMediaStream(now) && deviceIdOf(now) === deviceIdOf(source)) {
      throw new CallingError(ErrorCodes.switchSourceSameDevice, 'That microphone is the source already.');
    }
    await this.input.switchDevice(source);
    this.type = 'Audio';
    this.emitter.emit('audioSourceChanged', { source });
  }

  async getMediaStream(): Promise<MediaStream> {
    return this.input.mediaStream();
  }

  async setMediaStream(mediaStream: MediaStream): Promise<void> {
    const track = isMediaStream(mediaStream) ? mediaStream.getAudioTracks()[0] : undefined;
    if (!track) {
      throw new CallingError(ErrorCodes.switchSourceWrongType, 'setMediaStream takes a MediaStream with an audio track.');
    }
    await this.input.switchMedia(mediaStream, track);
    this.type = 'RawMedia';
    this.emitter.emit('audioSourceChanged', { source: mediaStream });
  }

  /** How loud the source is. Opens the microphone, which stays open until the stream is disposed. */
  async getVolume(): Promise<Volume> {
    if (!this.volume) {
      await this.input.mediaStream();
      const volume = new TrackVolume();
      this.volume = volume;
      volume.setTrack(this.input.track);
      this.input.onTrack((track) => volume.setTrack(track));
    }
    return this.volume;
  }

  feature<TFeature extends AudioStreamFeature>(factory: AudioStreamFeatureFactory<TFeature>): TFeature {
    const known = this.features.get(factory) as TFeature | undefined;
    if (known) {
      return known;
    }
    const made = new factory.audioStreamApiCtor({ stream: this });
    this.features.set(factory, made);
    return made;
  }

  on(event: 'audioSourceChanged', listener: AudioSourceChangedEvent): void {
    this.emitter.on(event, listener);
  }

  off(event: 'audioSourceChanged', listener: AudioSourceChangedEvent): void {
    this.emitter.off(event, listener);
  }

  /** Closes the microphone and ends the stream. */
  dispose(): void {
    for (const feature of this.features.values()) {
      feature.dispose();
    }
    this.volume?.dispose();
    this.input.dispose();
  }
}

/** The effects' way to a stream's track. */
export function audioSourceOf(stream: LocalAudioStream): LocalSource<AudioDeviceInfo> {
  return stream[DOOR] as LocalSource<AudioDeviceInfo>;
}
