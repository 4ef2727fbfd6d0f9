/**
 * What a local camera, screen or microphone stream has in common: when its device is open, which track is sent, what changes it.
 *
 * The device opens when the first call, view or application wants it, and closes when the last one let go. A track that the
 * application brought is never stopped by us.
 */

import type { LocalStreamDoor } from '../call/peer-door.js';
import { Emitter, type Disposer } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import { isMediaStream } from '../devices/device-info.js';
import { TROUBLE, type SourceKind } from '../devices/open.js';

/** Changes a track on its way out, and lets go again. */
export interface TrackProcessor {
  /** Makes the track that is sent out of the device's. */
  process(track: MediaStreamTrack): Promise<MediaStreamTrack>;
  /** Lets go of what `process` made. */
  stop(): void | Promise<void>;
}

/** A source that has one track, and knows who uses it. */
export class LocalSource<Info extends { id: string }> implements LocalStreamDoor {
  private raw: MediaStreamTrack | undefined;
  private sent: MediaStreamTrack | undefined;
  private opening: Promise<MediaStreamTrack> | undefined;
  private users = 0;
  private isHeld = false;
  private isDisposed = false;
  private processor: TrackProcessor | undefined;
  private readonly tracks = new Emitter<{ track: MediaStreamTrack | undefined }>();
  /** Counts sources, so that one that opens late is known to be late. */
  private generation = 0;

  /** What `getMediaStream` gave out; its tracks follow the source. */
  private media: MediaStream | undefined;

  constructor(
    private readonly kind: () => SourceKind,
    private current: Info | MediaStream,
    private readonly open: (info: Info) => Promise<MediaStreamTrack>,
    /** What ends with the last call: disposes the stream. */
    private readonly onCallEnded: () => void,
    /** A track that is open already and is ours to stop. */
    own?: MediaStreamTrack,
  ) {
    if (own) {
      this.adopt(own);
    }
  }

  /** The device or stream that tracks come from. */
  get source(): Info | MediaStream {
    return this.current;
  }

  /** The track that is sent now, effects included; `undefined` while closed. */
  get track(): MediaStreamTrack | undefined {
    return this.sent;
  }

  /** The device's own track, before effects. */
  get deviceTrack(): MediaStreamTrack | undefined {
    return this.raw;
  }

  async acquire(): Promise<MediaStreamTrack> {
    this.users += 1;
    try {
      return await this.ready();
    } catch (error) {
      this.users -= 1;
      throw error;
    }
  }

  release(): void {
    this.users = Math.max(0, this.users - 1);
    this.closeWhenUnused();
  }

  onTrack(listener: (track: MediaStreamTrack | undefined) => void): Disposer {
    return this.tracks.subscribe('track', listener);
  }

  callEnded(): void {
    this.onCallEnded();
  }

  /** The track inside a stream that stays the same while sources change. Keeps the device open until the stream is disposed. */
  async mediaStream(): Promise<MediaStream> {
    this.isHeld = true;
    const track = await this.ready();
    if (!this.media) {
      this.media = new MediaStream([track]);
      this.onTrack((next) => this.fillMedia(next));
    }
    return this.media;
  }

  /** Takes another device. */
  async switchDevice(info: Info): Promise<void> {
    this.assertLiving();
    const old = this.current;
    this.current = info;
    if (!this.raw && !this.opening) {
      return;
    }
    try {
      await this.reopen(info);
    } catch (error) {
      if (this.current === info) {
        this.current = old;
      }
      throw error;
    }
  }

  /** Takes a stream of the application. */
  async switchMedia(stream: MediaStream, track: MediaStreamTrack): Promise<void> {
    this.assertLiving();
    this.generation += 1;
    const wasOpen = this.raw !== undefined;
    this.letGo();
    this.current = stream;
    if (wasOpen) {
      await this.use(track, false);
    }
  }

  /** Puts an effect between device and call, or takes it away. */
  async setProcessor(processor: TrackProcessor | undefined): Promise<void> {
    const old = this.processor;
    this.processor = processor;
    if (this.raw) {
      try {
        await this.process(this.raw);
      } catch (error) {
        this.processor = undefined;
        await this.process(this.raw);
        throw error;
      }
    }
    await old?.stop();
  }

  /** Lets go of everything for good. */
  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this.isDisposed = true;
    this.generation += 1;
    const hadTrack = this.sent !== undefined;
    this.letGo();
    void this.processor?.stop();
    if (hadTrack) {
      this.tracks.emit('track', undefined);
    }
    this.tracks.clear();
  }

  private assertLiving(): void {
    if (this.isDisposed) {
      throw new CallingError(ErrorCodes.disposed, 'The stream was disposed; make a new one.');
    }
  }

  private async ready(): Promise<MediaStreamTrack> {
    this.assertLiving();
    if (this.sent && this.sent.readyState !== 'ended') {
      return this.sent;
    }
    this.opening ??= this.start().finally(() => {
      this.opening = undefined;
    });
    return this.opening;
  }

  private async start(): Promise<MediaStreamTrack> {
    const generation = this.generation;
    const source = this.current;
    if (isMediaStream(source)) {
      const track = this.kind() === 'microphone' ? source.getAudioTracks()[0] : source.getVideoTracks()[0];
      if (!track) {
        throw new CallingError(ErrorCodes.cameraNoDevice, 'The media stream has no track of the right kind.');
      }
      return this.use(track, false);
    }
    const track = await this.open(source);
    if (generation !== this.generation) {
      track.stop();
      return this.ready();
    }
    const sent = await this.use(track, true);
    // Everybody may have let go while the device was opening.
    queueMicrotask(() => this.closeWhenUnused());
    return sent;
  }

  /** The new one first, so that nothing is dark in between; the old one first where the browser cannot have both. */
  private async reopen(info: Info): Promise<void> {
    const generation = ++this.generation;
    let track: MediaStreamTrack;
    try {
      track = await this.open(info);
    } catch (error) {
      if (!(error instanceof CallingError) || error.subCode !== ErrorCodes.cameraInUse[1]) {
        throw error;
      }
      this.letGo();
      track = await this.open(info);
    }
    if (generation !== this.generation) {
      track.stop();
      return;
    }
    this.letGo();
    await this.use(track, true);
    this.closeWhenUnused();
  }

  private adopt(track: MediaStreamTrack): void {
    this.raw = track;
    this.sent = track;
    this.watch(track);
  }

  private async use(track: MediaStreamTrack, isOurs: boolean): Promise<MediaStreamTrack> {
    this.raw = track;
    this.isRawOurs = isOurs;
    this.watch(track);
    return this.process(track);
  }

  private isRawOurs = true;

  private async process(raw: MediaStreamTrack): Promise<MediaStreamTrack> {
    const sent = this.processor ? await this.processor.process(raw) : raw;
    const changed = sent !== this.sent;
    this.sent = sent;
    if (changed) {
      this.tracks.emit('track', sent);
    }
    return sent;
  }

  private watch(track: MediaStreamTrack): void {
    track.addEventListener?.('ended', () => {
      if (this.raw === track) {
        this.raw = undefined;
        this.sent = undefined;
        TROUBLE.emit('trouble', { source: this.kind(), trouble: 'stoppedUnexpectedly' });
        this.tracks.emit('track', undefined);
      }
    });
    for (const trouble of ['muted', 'unmuted'] as const) {
      track.addEventListener?.(trouble.slice(0, -1), () => {
        if (this.raw === track) {
          TROUBLE.emit('trouble', { source: this.kind(), trouble });
        }
      });
    }
  }

  private fillMedia(track: MediaStreamTrack | undefined): void {
    for (const old of this.media?.getTracks() ?? []) {
      this.media?.removeTrack(old);
    }
    if (track) {
      this.media?.addTrack(track);
    }
  }

  private closeWhenUnused(): void {
    if (this.users === 0 && !this.isHeld && !isMediaStream(this.current)) {
      this.letGo();
    }
  }

  private letGo(): void {
    const track = this.raw;
    this.raw = undefined;
    this.sent = undefined;
    if (track && this.isRawOurs) {
      track.stop();
    }
  }
}
