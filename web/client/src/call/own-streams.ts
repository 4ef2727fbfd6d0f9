/** The streams of this side of a call as apps start and stop them: microphone, camera, screen, and whether the microphone is muted. */

import type { Devices } from '../devices/device-manager.js';
import type { Disposer } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import { LocalAudioStream } from '../streams/local-audio-stream.js';
import { LocalVideoStream } from '../streams/local-video-stream.js';
import type { Surroundings } from '../surroundings.js';
import type { AcceptCallOptions, CallConstraints } from '../types/call.js';
import type { AudioDeviceInfo } from '../types/device.js';
import type { Sending } from '../wire.js';
import { difference } from './changes.js';
import type { CollectionChange } from './changes.js';
import { LocalMedia } from './local-media.js';
import type { LocalStream } from './local-media.js';
import { DOOR } from './peer-door.js';
import type { Media } from './peer-door.js';

/** The microphone that the system chooses. */
const DEFAULT_MICROPHONE: AudioDeviceInfo = { id: '', name: '', isSystemDefault: true, deviceType: 'Microphone' };

/** How long the system takes to name another default microphone when one was pulled, in milliseconds. */
const REPLACED_MS = 500;

/** What the call hears, and is asked. */
export interface OwnStreamsListener {
  videosChanged(media: 'video' | 'screen', change: CollectionChange<LocalVideoStream>): void;
  audiosChanged(change: CollectionChange<LocalAudioStream>): void;
  mutedChanged(): void;
  /** What others are told is another. */
  sendingChanged(): void;
  /** Whether the call is over. */
  isOver(): boolean;
  /** Whether another call sends this stream. */
  isUsedElsewhere(stream: LocalStream): boolean;
}

/** The streams of this side. */
export class OwnStreams {
  readonly media: LocalMedia;
  private videoStreams: LocalVideoStream[] = [];
  private audioStreams: LocalAudioStream[] = [];
  private muted = false;
  private isOwnMicrophone = false;
  private readonly ends: Disposer[] = [];

  constructor(
    private readonly devices: Devices,
    private readonly surroundings: Surroundings,
    private readonly listener: OwnStreamsListener,
  ) {
    this.media = new LocalMedia((media, stream) => this.sourceEnded(media, stream));
    const follow = (): void => {
      const chosen = devices.selectedMicrophone;
      const stream = this.audioStreams[0];
      if (chosen && stream && this.isOwnMicrophone) {
        stream.switchSource(chosen).catch(() => {}); // the same one, or gone again
      }
    };
    devices.on('selectedMicrophoneChanged', follow);
    this.ends.push(() => devices.off('selectedMicrophoneChanged', follow));
  }

  get videos(): readonly LocalVideoStream[] {
    return this.videoStreams;
  }

  get audios(): readonly LocalAudioStream[] {
    return this.audioStreams;
  }

  get isMuted(): boolean {
    return this.muted;
  }

  get camera(): LocalVideoStream | undefined {
    return this.videoStreams.find((stream) => !isScreen(stream));
  }

  get screen(): LocalVideoStream | undefined {
    return this.videoStreams.find(isScreen);
  }

  /** What others are told. */
  get sending(): Sending {
    return {
      muted: this.muted,
      video: this.media.track('video') !== undefined,
      screen: this.media.track('screen') !== undefined,
    };
  }

  /** What the options say about media before any device is opened. */
  prepare(options: AcceptCallOptions | undefined): void {
    this.muted = options?.audioOptions?.muted === true;
    this.media.mute(this.muted);
    void this.media.constrain(options?.videoOptions?.constraints?.send);
    const video = options?.videoOptions?.localVideoStreams?.[0];
    if (video?.[DOOR]) {
      // The call does not wait for the camera, nor fail for want of one (B-CALL-15).
      void this.startPicture('video', video).catch(() => {});
    }
  }

  /** The call goes on without a microphone when there is none; diagnostics tell the user. */
  async openMicrophone(options: AcceptCallOptions | undefined): Promise<void> {
    const given = options?.audioOptions?.localAudioStreams?.[0];
    const stream = given ?? new LocalAudioStream(this.devices.selectedMicrophone ?? DEFAULT_MICROPHONE);
    this.isOwnMicrophone = given === undefined;
    try {
      await this.media.start('audio', stream);
      if (this.listener.isOver()) {
        this.release(this.media.close());
      } else {
        this.setAudioStreams([stream]);
      }
    } catch {
      this.setAudioStreams([]);
    }
  }

  /** Options for a call that takes the place of this one. */
  options(): AcceptCallOptions {
    const { camera } = this;
    return {
      audioOptions: { muted: this.muted, ...(this.isOwnMicrophone ? {} : { localAudioStreams: this.audioStreams }) },
      ...(camera ? { videoOptions: { localVideoStreams: [camera] } } : {}),
    };
  }

  /** Whether this stream is sent. */
  uses(stream: LocalStream): boolean {
    return [...this.videoStreams, ...this.audioStreams].some((one) => one[DOOR] === stream[DOOR]);
  }

  mute(isMuted: boolean): void {
    this.media.mute(isMuted);
    if (this.muted !== isMuted) {
      this.muted = isMuted;
      this.listener.mutedChanged();
      this.listener.sendingChanged();
    }
  }

  async constrain(constraints: CallConstraints): Promise<void> {
    await this.media.constrain(constraints?.video?.send);
  }

  async startVideo(stream: LocalVideoStream): Promise<void> {
    if (!stream?.[DOOR] || isScreen(stream)) {
      throw new CallingError(ErrorCodes.startVideoWrongStream, 'startVideo takes a LocalVideoStream of a camera or of a MediaStream.');
    }
    if (this.camera) {
      throw new CallingError(ErrorCodes.videoAlreadyStarted, 'Video was started already; stop it first.');
    }
    await this.startPicture('video', stream);
  }

  stopVideo(stream: LocalVideoStream): void {
    if (!this.camera) {
      throw new CallingError(ErrorCodes.videoAlreadyStopped, 'Video was stopped already.');
    }
    const sent = this.videoStreams.find((one) => !isScreen(one) && one[DOOR] === stream?.[DOOR]);
    if (!sent) {
      throw new CallingError(ErrorCodes.videoStreamNotSent, 'That stream is not sent in this call.');
    }
    this.stopPicture('video', sent);
  }

  async startScreen(given: LocalVideoStream | undefined): Promise<void> {
    if (this.screen) {
      throw new CallingError(ErrorCodes.screenShareAlreadyOn, 'A screen is shared already.');
    }
    const stream = given ?? (await LocalVideoStream.ofScreen());
    if (!isScreen(stream)) {
      stream.setMediaStreamType('ScreenSharing');
    }
    if (this.listener.isOver()) {
      stream.dispose();
      throw new CallingError(ErrorCodes.screenShareNotConnected, 'The call is over.');
    }
    await this.startPicture('screen', stream);
  }

  stopScreen(): void {
    const { screen } = this;
    if (!screen) {
      throw new CallingError(ErrorCodes.screenShareAlreadyOff, 'No screen is shared.');
    }
    this.stopPicture('screen', screen);
    this.release([screen]);
  }

  async startAudio(stream: LocalAudioStream): Promise<void> {
    await this.media.start('audio', stream);
    this.isOwnMicrophone = false;
    this.setAudioStreams([stream]);
  }

  stopAudio(): void {
    this.media.stop('audio');
    this.setAudioStreams([]);
  }

  /** The call is over. */
  close(): void {
    this.ends.splice(0).forEach((end) => end());
    this.release(this.media.close());
  }

  private async startPicture(media: 'video' | 'screen', stream: LocalVideoStream): Promise<void> {
    this.setVideoStreams(media, [...this.videoStreams, stream]);
    try {
      await this.media.start(media, stream);
    } catch (error) {
      this.stopPicture(media, stream);
      throw error;
    }
    if (this.listener.isOver()) {
      this.release(this.media.close());
    } else if (!this.videoStreams.includes(stream)) {
      this.media.stop(media); // stopped while its device was opening
    } else {
      this.listener.sendingChanged();
    }
  }

  private stopPicture(media: 'video' | 'screen', stream: LocalVideoStream): void {
    this.media.stop(media);
    this.setVideoStreams(media, this.videoStreams.filter((one) => one !== stream));
    this.listener.sendingChanged();
  }

  private setVideoStreams(media: 'video' | 'screen', streams: LocalVideoStream[]): void {
    const change = difference(this.videoStreams, streams);
    if (change) {
      this.videoStreams = streams;
      this.listener.videosChanged(media, change);
    }
  }

  private setAudioStreams(streams: LocalAudioStream[]): void {
    const change = difference(this.audioStreams, streams);
    if (change) {
      this.audioStreams = streams;
      this.listener.audiosChanged(change);
    }
  }

  /** A device was pulled, or sharing was stopped in the browser's own bar. */
  private sourceEnded(media: Media, stream: LocalStream): void {
    if (this.listener.isOver()) {
      return;
    }
    if (media !== 'audio') {
      this.stopPicture(media, stream as LocalVideoStream);
    } else if (this.isOwnMicrophone) {
      this.ends.push(this.surroundings.after(REPLACED_MS, () => void this.openMicrophone(undefined)));
    }
  }

  /** Streams that no other call sends are done with the call. */
  private release(streams: LocalStream[]): void {
    for (const stream of streams) {
      if (!this.listener.isUsedElsewhere(stream)) {
        stream[DOOR].callEnded();
      }
    }
  }
}

function isScreen(stream: LocalVideoStream): boolean {
  return stream.mediaStreamType === 'ScreenSharing';
}
