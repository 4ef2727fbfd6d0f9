/** A camera, a screen or a stream of the application, on its way into calls and previews. */

import { DOOR, type LocalStreamDoor } from '../call/peer-door.js';
import { deviceIdOf, isMediaStream } from '../devices/device-info.js';
import { openCamera, openScreen, type SourceKind } from '../devices/open.js';
import { Emitter, bindMethods } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import type { VideoDeviceInfo } from '../types/device.js';
import type {
  LocalVideoStreamOptions,
  MediaStreamType,
  VideoSourceChangedEvent,
  VideoStreamFeature,
  VideoStreamFeatureFactory,
} from '../types/stream.js';
import { LocalSource } from './local-stream.js';

/** Where a screen's stream says it comes from. */
const SCREEN: VideoDeviceInfo = Object.freeze({ id: 'screen:', name: 'Screen', deviceType: 'ScreenSharing' });

/** A video stream of this side. */
export class LocalVideoStream {
  private readonly emitter = new Emitter<{ videoSourceChanged: { source: VideoDeviceInfo | MediaStream } }>();
  private readonly features = new Map<unknown, VideoStreamFeature>();
  private readonly input: LocalSource<VideoDeviceInfo>;
  private type: MediaStreamType;

  /** What calls and renderers ask of the stream. */
  readonly [DOOR]: LocalStreamDoor;

  /**
   * `source`: one of `getCameras()`, or a stream whose first video track is sent.
   *
   * Throws a `CallingError` 430xx when it is neither.
   */
  constructor(source: VideoDeviceInfo | MediaStream, options?: LocalVideoStreamOptions, screen?: MediaStreamTrack) {
    if (!isMediaStream(source) && typeof source?.id !== 'string') {
      throw new CallingError(ErrorCodes.cameraNoDevice, 'A LocalVideoStream needs a camera of getCameras() or a MediaStream.');
    }
    this.type = isMediaStream(source) ? 'RawMedia' : source.deviceType === 'ScreenSharing' ? 'ScreenSharing' : 'Video';
    this.input = new LocalSource<VideoDeviceInfo>(
      () => this.kindOfSource(),
      source,
      (device) => (device.deviceType === 'ScreenSharing' ? openScreen() : openCamera(device)),
      () => {
        if (options?.autoDisposeOnCallEnd !== false) {
          this.dispose();
        }
      },
      screen,
    );
    this[DOOR] = this.input;
    bindMethods(this);
  }

  /** Asks which screen to show and makes a stream of it. Rejects with a `CallingError` when people choose none. */
  static async ofScreen(): Promise<LocalVideoStream> {
    return new LocalVideoStream(SCREEN, {}, await openScreen());
  }

  get source(): VideoDeviceInfo | MediaStream {
    return this.input.source;
  }

  get mediaStreamType(): MediaStreamType {
    return this.type;
  }

  /** Says what the stream is used as, when it was made from a `MediaStream`: a call keeps one of each type. */
  setMediaStreamType(type: 'Video' | 'ScreenSharing' | 'RawMedia'): void {
    this.type = type;
  }

  async switchSource(source: VideoDeviceInfo): Promise<void> {
    if (isMediaStream(source) || typeof source?.id !== 'string') {
      throw new CallingError(ErrorCodes.switchSourceWrongType, 'switchSource takes a camera; for a MediaStream use setMediaStream.');
    }
    const now = this.input.source;
    if (!isMediaStream(now) && deviceIdOf(now) === deviceIdOf(source) && now.deviceType === source.deviceType) {
      throw new CallingError(ErrorCodes.switchSourceSameDevice, 'That camera is the source already.');
    }
    await this.input.switchDevice(source);
    this.type = source.deviceType === 'ScreenSharing' ? 'ScreenSharing' : 'Video';
    this.emitter.emit('videoSourceChanged', { source });
  }

  async getMediaStream(): Promise<MediaStream> {
    return this.input.mediaStream();
  }

  async setMediaStream(mediaStream: MediaStream): Promise<void> {
    const track = isMediaStream(mediaStream) ? mediaStream.getVideoTracks()[0] : undefined;
    if (!track) {
      throw new CallingError(ErrorCodes.switchSourceWrongType, 'setMediaStream takes a MediaStream with a video track.');
    }
    await this.input.switchMedia(mediaStream, track);
    if (this.type === 'Video') {
      this.type = 'RawMedia';
    }
    this.emitter.emit('videoSourceChanged', { source: mediaStream });
  }

  feature<TFeature extends VideoStreamFeature>(factory: VideoStreamFeatureFactory<TFeature>): TFeature {
    const known = this.features.get(factory) as TFeature | undefined;
    if (known) {
      return known;
    }
    const made = new factory.videoStreamApiCtor({ stream: this });
    this.features.set(factory, made);
    return made;
  }

  on(event: 'videoSourceChanged', listener: VideoSourceChangedEvent): void {
    this.emitter.on(event, listener);
  }

  off(event: 'videoSourceChanged', listener: VideoSourceChangedEvent): void {
    this.emitter.off(event, listener);
  }

  /** Closes the camera and ends the stream. */
  dispose(): void {
    for (const feature of this.features.values()) {
      feature.dispose();
    }
    this.input.dispose();
  }

  private kindOfSource(): SourceKind {
    return this.type === 'ScreenSharing' ? 'screen' : 'camera';
  }
}

/** The effects' way to a stream's track. */
export function videoSourceOf(stream: LocalVideoStream): LocalSource<VideoDeviceInfo> {
  return stream[DOOR] as LocalSource<VideoDeviceInfo>;
}

/** A whiteboard on its way into calls: a stream of drawings, sent as a screen. */
export class WbLocalVideoStream extends LocalVideoStream {
  constructor(source: MediaStream, options?: LocalVideoStreamOptions) {
    super(source, options);
    this.setMediaStreamType('ScreenSharing');
  }
}
