/** What is heard of the other side. Playing it is the call's work. */

import type { RemoteAudioDoor } from '../call/peer-door.js';
import { bindMethods } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import type { RemoteAudioStream, Volume } from '../types/stream.js';
import { TrackVolume } from './volume.js';

/** The sound of a remote participant. */
export class RemoteAudio implements RemoteAudioStream, RemoteAudioDoor {
  private media: MediaStream | undefined;
  private track: MediaStreamTrack | undefined;
  private volume: TrackVolume | undefined;
  private isOver = false;
  private waiting: { resolve: (stream: MediaStream) => void; reject: (error: Error) => void }[] = [];

  constructor() {
    bindMethods(this);
  }

  /** The sound as a stream; the same one for the whole call, whatever happens to connections. Waits until there is sound. */
  async getMediaStream(): Promise<MediaStream> {
    if (this.isOver) {
      throw new CallingError(ErrorCodes.renderNoLongerAvailable, 'The call is over.');
    }
    if (this.media) {
      return this.media;
    }
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  async getVolume(): Promise<Volume> {
    this.volume ??= new TrackVolume();
    this.volume.setTrack(this.track);
    return this.volume;
  }

  setTrack(track: MediaStreamTrack | undefined): void {
    if (this.isOver || track === this.track) {
      return;
    }
    this.track = track;
    this.volume?.setTrack(track);
    if (this.media) {
      this.media.getTracks().forEach((old) => this.media?.removeTrack(old));
    }
    if (track) {
      this.media ??= new MediaStream();
      this.media.addTrack(track);
      const media = this.media;
      this.waiting.splice(0).forEach(({ resolve }) => resolve(media));
    }
  }

  end(): void {
    this.setTrack(undefined);
    this.isOver = true;
    this.volume?.dispose();
    const error = new CallingError(ErrorCodes.renderNoLongerAvailable, 'The call is over.');
    this.waiting.splice(0).forEach(({ reject }) => reject(error));
  }
}
