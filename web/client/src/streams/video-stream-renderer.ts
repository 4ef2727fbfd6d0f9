/** Putting pictures on the page. */

import { DOOR } from '../call/peer-door.js';
import { bindMethods, type Disposer } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import type { CreateViewOptions, RemoteVideoStream, ScalingMode, StreamSize, VideoStreamRendererView } from '../types/stream.js';
import type { LocalVideoStream } from './local-video-stream.js';
import type { RemoteVideo } from './remote-video-stream.js';

/**
 * How long the first frame of a remote stream may take, in milliseconds.
 *
 * Lower: pictures over slow relays are given up; higher: people wait for nothing.
 */
export const FIRST_FRAME_TIMEOUT = 20_000;

const FITS: Record<ScalingMode, string> = { Stretch: 'fill', Crop: 'cover', Fit: 'contain' };

/** Makes views of one stream. */
export class VideoStreamRenderer {
  private readonly views = new Set<RendererView>();
  private readonly stream: LocalVideoStream | RemoteVideo;
  private isDisposed = false;

  /** `stream`: one of either side. */
  constructor(stream: LocalVideoStream | RemoteVideoStream) {
    if (!(DOOR in Object(stream)) && !isRemote(stream)) {
      throw new CallingError(ErrorCodes.badArgument, 'A VideoStreamRenderer needs a LocalVideoStream or a RemoteVideoStream.');
    }
    this.stream = stream as LocalVideoStream | RemoteVideo;
    bindMethods(this);
  }

  /** Size of the picture in pixels; zeros before the first frame. */
  get size(): StreamSize {
    if (isRemote(this.stream)) {
      return this.stream.size;
    }
    const video = [...this.views][0]?.video;
    return { width: video?.videoWidth ?? 0, height: video?.videoHeight ?? 0 };
  }

  /** Resolves with the first frame. */
  async createView(options?: CreateViewOptions): Promise<VideoStreamRendererView> {
    if (this.isDisposed) {
      throw new CallingError(ErrorCodes.rendererDisposedTwice, 'The renderer was disposed; make a new one.');
    }
    const scalingMode = options?.scalingMode ?? 'Fit';
    const view = new RendererView(scalingMode, options?.isMirrored ?? false, () => this.views.delete(view));
    this.views.add(view);
    try {
      await (isRemote(this.stream) ? view.showRemote(this.stream) : view.showLocal(this.stream));
    } catch (error) {
      view.dispose();
      throw error;
    }
    return view;
  }

  dispose(): void {
    this.isDisposed = true;
    for (const view of [...this.views]) {
      view.dispose();
    }
  }
}

function isRemote(stream: unknown): stream is RemoteVideo {
  return typeof (stream as Partial<RemoteVideo>)?.sawFrame === 'function';
}

/** One picture in the page. Fills its parent. */
class RendererView implements VideoStreamRendererView {
  readonly target: HTMLElement;
  /** The element that shows; another one after each change of tracks. */
  video: HTMLVideoElement;
  /** Plays the next track until it has a frame. */
  private next: HTMLVideoElement | undefined;
  private mode: ScalingMode;
  private readonly ends: Disposer[] = [];
  private isDisposed = false;
  private abort: ((error: Error) => void) | undefined;

  constructor(
    scalingMode: ScalingMode,
    readonly isMirrored: boolean,
    private readonly onDispose: () => void,
  ) {
    this.mode = scalingMode;
    this.target = document.createElement('div');
    Object.assign(this.target.style, { width: '100%', height: '100%', overflow: 'hidden' });
    this.video = this.createVideo();
    this.target.append(this.video);
    bindMethods(this);
  }

  get scalingMode(): ScalingMode {
    return this.mode;
  }

  async updateScalingMode(scalingMode: ScalingMode): Promise<void> {
    if (!(scalingMode in FITS)) {
      throw new CallingError(ErrorCodes.badArgument, 'A scaling mode is Stretch, Crop or Fit.');
    }
    this.mode = scalingMode;
    [this.video, this.next].forEach((video) => video && (video.style.objectFit = FITS[scalingMode]));
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.isDisposed = true;
    this.abort?.(new CallingError(ErrorCodes.rendererDisposedMeanwhile, 'The view was disposed before the first frame.'));
    this.ends.splice(0).forEach((end) => end());
    this.video.srcObject = null;
    this.dropNext();
    this.target.remove();
    this.onDispose();
  }

  /** Shows a camera or screen of this side. */
  async showLocal(stream: LocalVideoStream): Promise<void> {
    const door = stream[DOOR];
    const track = await door.acquire();
    if (this.isDisposed) {
      door.release();
      throw new CallingError(ErrorCodes.rendererDisposedMeanwhile, 'The view was disposed before the first frame.');
    }
    this.ends.push(() => door.release());
    this.ends.push(door.onTrack((next) => this.show(next)));
    this.show(track);
  }

  /** Shows the other side; resolves with the first frame. */
  async showRemote(stream: RemoteVideo): Promise<void> {
    if (!stream.isAvailable) {
      throw new CallingError(
        stream.isEnded ? ErrorCodes.renderNoLongerAvailable : ErrorCodes.renderNotAvailable,
        'The other side does not send this stream.',
      );
    }
    this.ends.push(stream.watch('track', (track) => this.show(track)));
    this.ends.push(() => stream.unwatched());
    this.tellSize(stream);
    this.show(stream.currentTrack);
    await this.firstFrame(stream);
    this.countFrames(stream);
  }

  /**
   * Tells the stream how large it is shown: a conference sends what fits, and nothing to a view that is hidden.
   *
   * Before a view is in the page nobody knows; it counts as one of a likely size.
   */
  private tellSize(stream: RemoteVideo): void {
    stream.shownBy(this, { width: 0, height: 0 });
    this.ends.push(() => stream.shownBy(this, undefined));
    if (typeof ResizeObserver === 'undefined') {
      return;
    }
    const observer = new ResizeObserver(() => {
      const { clientWidth, clientHeight, isConnected } = this.target;
      const scale = globalThis.devicePixelRatio || 1;
      const size = { width: Math.round(clientWidth * scale), height: Math.round(clientHeight * scale) };
      const isHidden = isConnected && (size.width === 0 || size.height === 0);
      stream.shownBy(this, isHidden ? undefined : isConnected ? size : { width: 0, height: 0 });
    });
    observer.observe(this.target);
    this.ends.push(() => observer.disconnect());
  }

  private show(track: MediaStreamTrack | undefined): void {
    this.dropNext();
    if (track && this.video.srcObject && this.video.videoWidth > 0) {
      this.showNext(track);
    } else {
      play(this.video, track);
    }
  }

  /** The picture stays until the next one has a frame: a call that moves, or a slot that changes, is not seen. */
  private showNext(track: MediaStreamTrack): void {
    const next = this.createVideo();
    this.next = next;
    const hasFrame = (): void => {
      if (this.next === next) {
        const before = this.video;
        this.next = undefined;
        this.video = next;
        before.replaceWith(next);
        before.srcObject = null;
        this.ofFrames?.();
      }
    };
    next.addEventListener('loadeddata', hasFrame, { once: true });
    play(next, track);
  }

  private dropNext(): void {
    if (this.next) {
      this.next.srcObject = null;
      this.next = undefined;
    }
  }

  private createVideo(): HTMLVideoElement {
    const video = document.createElement('video');
    video.muted = true;
    video.autoplay = true;
    video.playsInline = true;
    video.disablePictureInPicture = true;
    Object.assign(video.style, {
      width: '100%',
      height: '100%',
      display: 'block',
      objectFit: FITS[this.mode] ?? 'contain',
      transform: this.isMirrored ? 'scaleX(-1)' : '',
    });
    return video;
  }

  private firstFrame(stream: RemoteVideo): Promise<void> {
    return new Promise((resolve, reject) => {
      const ends: Disposer[] = [];
      const done = (error?: Error): void => {
        ends.splice(0).forEach((end) => end());
        this.abort = undefined;
        if (error) {
          reject(error);
        } else {
          resolve();
        }
      };
      const arrived = (): void => {
        if (this.video.videoWidth > 0) {
          done();
        }
      };
      this.abort = done;
      const timer = setTimeout(
        () => done(new CallingError(ErrorCodes.renderNoFrames, 'No frame arrived in time.')),
        FIRST_FRAME_TIMEOUT,
      );
      ends.push(() => clearTimeout(timer));
      for (const event of ['loadeddata', 'resize']) {
        this.video.addEventListener(event, arrived);
        ends.push(() => this.video.removeEventListener(event, arrived));
      }
      const gone = (): void => done(new CallingError(ErrorCodes.renderNoLongerAvailable, 'The other side stopped sending.'));
      ends.push(stream.watch('available', (available) => !available && gone()));
      ends.push(stream.watch('end', gone));
      arrived();
    });
  }

  /** Tells the stream of every frame that is shown. */
  private countFrames(stream: RemoteVideo): void {
    const count = (): void => {
      const { video } = this;
      const told = (): void => {
        if (video === this.video) {
          stream.sawFrame(video.videoWidth, video.videoHeight);
        }
      };
      told();
      video.addEventListener('resize', told);
      if (typeof video.requestVideoFrameCallback === 'function') {
        const each = (): void => {
          if (!this.isDisposed && video === this.video) {
            told();
            video.requestVideoFrameCallback(each);
          }
        };
        video.requestVideoFrameCallback(each);
      } else {
        video.addEventListener('timeupdate', told);
      }
    };
    count();
    this.ofFrames = count;
  }

  /** Counts the frames of the element that shows now. */
  private ofFrames: (() => void) | undefined;
}

function play(video: HTMLVideoElement, track: MediaStreamTrack | undefined): void {
  video.srcObject = track ? new MediaStream([track]) : null;
  if (track) {
    // Rejected when another source came meanwhile; the element then plays that.
    void video.play().catch(() => undefined);
  }
}
