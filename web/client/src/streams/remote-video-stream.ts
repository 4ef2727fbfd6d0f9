/** What is seen of the other side: a camera or a screen. */

import type { RemoteVideoDoor } from '../call/peer-door.js';
import { Emitter, bindMethods, type Disposer } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import type { PropertyChangedEvent } from '../types/common.js';
import type { MediaStreamType, RemoteVideoStream, StreamSize } from '../types/stream.js';

interface RemoteVideoEvents {
  isAvailableChanged: undefined;
  isReceivingChanged: undefined;
  sizeChanged: undefined;
}

/** What views of the stream hear. */
interface ViewEvents {
  track: MediaStreamTrack | undefined;
  available: boolean;
  end: undefined;
}

/**
 * After how long without a frame a shown camera counts as not receiving, in milliseconds (B-NET-3: a freeze of cameras is 5 s).
 *
 * Lower: the spinner flickers on bad networks; higher: people look at a frozen picture and do not know it.
 */
export const FROZEN_AFTER = 5_000;

/** A video stream of a remote participant. */
export class RemoteVideo implements RemoteVideoStream, RemoteVideoDoor {
  private readonly emitter = new Emitter<RemoteVideoEvents>();
  private readonly views = new Emitter<ViewEvents>();
  private track: MediaStreamTrack | undefined;
  private media: MediaStream | undefined;
  private available = false;
  private receiving = false;
  private isOver = false;
  private dimensions: StreamSize = Object.freeze({ width: 0, height: 0 });
  private frozenTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly id: number,
    readonly mediaStreamType: MediaStreamType,
  ) {
    bindMethods(this);
  }

  get isAvailable(): boolean {
    return this.available;
  }

  get isReceiving(): boolean {
    return this.receiving;
  }

  get size(): StreamSize {
    return this.dimensions;
  }

  /** Whether the call is over. */
  get isEnded(): boolean {
    return this.isOver;
  }

  /** The track that views show; `undefined` while there is none. */
  get currentTrack(): MediaStreamTrack | undefined {
    return this.track;
  }

  /** The picture as a stream. Rejects (43200) while the other side sends none. */
  async getMediaStream(): Promise<MediaStream> {
    if (!this.available || !this.track) {
      throw new CallingError(
        this.isOver ? ErrorCodes.renderNoLongerAvailable : ErrorCodes.renderNotAvailable,
        'The other side does not send this stream; wait for isAvailable.',
      );
    }
    this.media ??= new MediaStream([this.track]);
    return this.media;
  }

  on(event: keyof RemoteVideoEvents, listener: PropertyChangedEvent): void {
    this.emitter.on(event, listener);
  }

  off(event: keyof RemoteVideoEvents, listener: PropertyChangedEvent): void {
    this.emitter.off(event, listener);
  }

  setTrack(track: MediaStreamTrack | undefined): void {
    if (this.isOver || track === this.track) {
      return;
    }
    this.track?.removeEventListener?.('mute', this.trackChanged);
    this.track?.removeEventListener?.('unmute', this.trackChanged);
    this.track = track;
    track?.addEventListener?.('mute', this.trackChanged);
    track?.addEventListener?.('unmute', this.trackChanged);
    if (this.media) {
      this.media.getTracks().forEach((old) => this.media?.removeTrack(old));
      if (track) {
        this.media.addTrack(track);
      }
    }
    this.views.emit('track', track);
    this.trackChanged();
  }

  setAvailable(isAvailable: boolean): void {
    const value = isAvailable && !this.isOver;
    if (value === this.available) {
      return;
    }
    this.available = value;
    this.emitter.emit('isAvailableChanged');
    this.views.emit('available', value);
    this.trackChanged();
  }

  end(): void {
    if (this.isOver) {
      return;
    }
    this.setAvailable(false);
    this.setTrack(undefined);
    this.isOver = true;
    clearTimeout(this.frozenTimer);
    this.views.emit('end');
    this.views.clear();
  }

  /** For views: hears of tracks, availability and the end. */
  watch<Name extends keyof ViewEvents>(event: Name, listener: (payload: ViewEvents[Name]) => void): Disposer {
    return this.views.subscribe(event, listener);
  }

  /** For views: a frame was shown. */
  sawFrame(width: number, height: number): void {
    if (this.isOver || !this.available) {
      return;
    }
    if (width > 0 && height > 0 && (width !== this.dimensions.width || height !== this.dimensions.height)) {
      this.dimensions = { width, height };
      this.emitter.emit('sizeChanged');
    }
    this.setReceiving(true);
    if (this.mediaStreamType === 'Video') {
      clearTimeout(this.frozenTimer);
      this.frozenTimer = setTimeout(() => this.looksFrozen(), FROZEN_AFTER);
    }
  }

  /** For views: nobody looks any more, so that missing frames mean nothing. */
  unwatched(): void {
    clearTimeout(this.frozenTimer);
  }

  private looksFrozen(): void {
    // A hidden page shows no frames, whatever arrives.
    if (typeof document === 'undefined' || document.visibilityState === 'visible') {
      this.setReceiving(false);
    }
  }

  private readonly trackChanged = (): void => {
    this.setReceiving(this.available && this.track !== undefined && !this.track.muted);
  };

  private setReceiving(value: boolean): void {
    if (value !== this.receiving) {
      this.receiving = value;
      this.emitter.emit('isReceivingChanged');
    }
  }
}
