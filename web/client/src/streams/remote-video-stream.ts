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

/** What views of the stream, and its call, hear. */
interface ViewEvents {
  track: MediaStreamTrack | undefined;
  available: boolean;
  /** The size at which it is shown changed, or whether it is. */
  shown: undefined;
  end: undefined;
}

/** What somebody who takes the raw stream gets, in pixels: nobody knows what for. */
const RAW_SIZE: StreamSize = Object.freeze({ width: 1280, height: 720 });

/** How long a raw stream waits for a slot of a conference, in milliseconds: as long as views wait for a frame. */
const SLOT_TIMEOUT = 20_000;

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
  /** Sizes at which views show it, in pixels of the device; zeros while a view does not know its own. */
  private readonly shows = new Map<object, StreamSize>();

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

  /** The largest size at which it is shown; zeros while no view knows its own; `undefined` while nobody looks. */
  get shownAt(): StreamSize | undefined {
    const sizes = [...this.shows.values()];
    return sizes.reduce<StreamSize | undefined>(
      (largest, size) => (largest && largest.width * largest.height >= size.width * size.height ? largest : size),
      undefined,
    );
  }

  /**
   * The picture as a stream, the same one for the whole call. In a conference it is asked for from then on, and waited for.
   *
   * Rejects: 43200 while the other side sends none, 43203 when none comes.
   */
  async getMediaStream(): Promise<MediaStream> {
    if (!this.available) {
      throw this.missing();
    }
    this.shownBy(this, RAW_SIZE);
    const track = this.track ?? (await this.nextTrack());
    this.media ??= new MediaStream([track]);
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
    if (!value) {
      this.shownBy(this, undefined);
    }
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
    this.shows.clear();
    this.views.emit('end');
    this.views.clear();
  }

  /** For views: how large one shows it, in pixels of the device; zeros while it does not know; `undefined` when it does no more. */
  shownBy(view: object, size: StreamSize | undefined): void {
    const before = this.shows.get(view);
    if (size && !this.isOver) {
      this.shows.set(view, size);
    } else {
      this.shows.delete(view);
    }
    if (before?.width !== size?.width || before?.height !== size?.height) {
      this.views.emit('shown');
    }
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

  /** The track that a slot gives next. */
  private nextTrack(): Promise<MediaStreamTrack> {
    return new Promise((resolve, reject) => {
      const ends: Disposer[] = [];
      const done = (settle: () => void): void => {
        ends.splice(0).forEach((end) => end());
        settle();
      };
      const timer = setTimeout(
        () => done(() => reject(new CallingError(ErrorCodes.renderNoFrames, 'The picture did not come in time.'))),
        SLOT_TIMEOUT,
      );
      ends.push(
        () => clearTimeout(timer),
        this.watch('track', (track) => track && done(() => resolve(track))),
        this.watch('available', (isAvailable) => !isAvailable && done(() => reject(this.missing()))),
      );
    });
  }

  private missing(): CallingError {
    return new CallingError(
      this.isOver ? ErrorCodes.renderNoLongerAvailable : ErrorCodes.renderNotAvailable,
      'The other side does not send this stream; wait for isAvailable.',
    );
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
