/** What this side sends in one call: a microphone, a camera, a screen, and whether they may flow. */

import type { Disposer } from '../emitter.js';
import type { VideoSendConstraints } from '../types/call.js';
import type { LocalAudioStream } from '../streams/local-audio-stream.js';
import type { LocalVideoStream } from '../streams/local-video-stream.js';
import { DOOR } from './peer-door.js';
import type { LocalStreamDoor, Media } from './peer-door.js';
import { MEDIA } from './peer.js';
import type { Peer } from './peer.js';

/** A local stream of either kind. */
export type LocalStream = LocalAudioStream | LocalVideoStream;

interface Slot {
  stream: LocalStream;
  door: LocalStreamDoor;
  /** The stream's track; `undefined` while its source has ended. */
  track: MediaStreamTrack | undefined;
  /** What is sent: the track, or for audio a copy of it, so that muting one call mutes nothing else. */
  sent: MediaStreamTrack | undefined;
  stopListening: Disposer;
}

/** What this side sends. */
export class LocalMedia {
  private readonly slots = new Map<Media, Slot>();
  private peer: Peer | undefined;
  private isAllowed = true;
  private isMuted = false;
  private constraints: VideoSendConstraints | undefined;
  /** One replacement of a track after the other, per m-line. */
  private readonly work = new Map<Media, Promise<void>>();

  /** - `onEnded`: a source ended by itself (device pulled, sharing stopped in the browser's own bar). */
  constructor(private readonly onEnded: (media: Media, stream: LocalStream) => void) {}

  /** The stream that is sent on an m-line. */
  stream(media: Media): LocalStream | undefined {
    return this.slots.get(media)?.stream;
  }

  /** The track of an m-line's stream, not the muted copy. */
  track(media: Media): MediaStreamTrack | undefined {
    return this.slots.get(media)?.track;
  }

  /** Sends a stream on an m-line, in place of the one before. Rejects when its device cannot be opened. */
  async start(media: Media, stream: LocalStream): Promise<void> {
    const door = stream[DOOR];
    const track = await door.acquire();
    this.release(media);
    const slot: Slot = { stream, door, track: undefined, sent: undefined, stopListening: () => {} };
    this.slots.set(media, slot);
    slot.stopListening = door.onTrack((next) => {
      this.use(media, slot, next);
      if (!next) {
        this.onEnded(media, stream);
      }
    });
    this.use(media, slot, track);
  }

  /** Sends nothing on an m-line. */
  stop(media: Media): void {
    this.release(media);
    void this.apply(media);
  }

  /** Whether media may flow: not while either side holds. */
  allow(isAllowed: boolean): void {
    if (this.isAllowed !== isAllowed) {
      this.isAllowed = isAllowed;
      MEDIA.forEach((media) => void this.apply(media));
    }
  }

  /** Whether silence is sent instead of the microphone. */
  mute(isMuted: boolean): void {
    this.isMuted = isMuted;
    const sent = this.slots.get('audio')?.sent;
    if (sent) {
      sent.enabled = !isMuted;
    }
  }

  /** The peer connection to send on. */
  async attach(peer: Peer | undefined): Promise<void> {
    this.peer = peer;
    await Promise.all(MEDIA.map((media) => this.apply(media)));
  }

  /** Limits what is sent of the camera. */
  async constrain(constraints: VideoSendConstraints | undefined): Promise<void> {
    this.constraints = constraints;
    await this.applyConstraints();
  }

  /** Lets go of everything. Gives the streams that were used. */
  close(): LocalStream[] {
    const streams = [...this.slots.values()].map((slot) => slot.stream);
    [...this.slots.keys()].forEach((media) => this.release(media));
    this.peer = undefined;
    return streams;
  }

  private release(media: Media): void {
    const slot = this.slots.get(media);
    if (slot) {
      this.slots.delete(media);
      slot.stopListening();
      dropCopy(slot);
      slot.door.release();
    }
  }

  private use(media: Media, slot: Slot, track: MediaStreamTrack | undefined): void {
    if (this.slots.get(media) !== slot) {
      return;
    }
    dropCopy(slot);
    slot.track = track;
    slot.sent = media === 'audio' ? track?.clone() : track;
    if (slot.sent && media === 'audio') {
      slot.sent.enabled = !this.isMuted;
    }
    if (slot.sent && media === 'screen' && 'contentHint' in slot.sent && slot.sent.contentHint === '') {
      slot.sent.contentHint = 'detail';
    }
    void this.apply(media);
  }

  private apply(media: Media): Promise<void> {
    const done = (this.work.get(media) ?? Promise.resolve()).then(() => this.replace(media));
    this.work.set(media, done);
    return done;
  }

  private async replace(media: Media): Promise<void> {
    const sender = this.peer?.transceiver(media)?.sender;
    const track = this.isAllowed ? (this.slots.get(media)?.sent ?? null) : null;
    if (!sender || sender.track === track) {
      return;
    }
    try {
      await sender.replaceTrack(track);
      if (media === 'video' && track) {
        await this.applyConstraints();
      }
    } catch {
      // The peer connection was closed meanwhile; the next one gets the track.
    }
  }

  private async applyConstraints(): Promise<void> {
    const sender = this.peer?.transceiver('video')?.sender;
    const limits = this.constraints;
    if (!sender || !limits) {
      return;
    }
    const parameters = sender.getParameters();
    const height = sender.track?.getSettings().height;
    for (const encoding of parameters.encodings ?? []) {
      encoding.maxBitrate = limits.bitrate?.max;
      encoding.maxFramerate = limits.frameRate?.max;
      const most = limits.frameHeight?.max;
      encoding.scaleResolutionDownBy = most && height && height > most ? height / most : 1;
      dropUndefined(encoding);
    }
    await sender.setParameters(parameters);
  }
}

function dropCopy(slot: Slot): void {
  if (slot.sent !== slot.track) {
    slot.sent?.stop();
  }
  slot.sent = undefined;
}

function dropUndefined(encoding: RTCRtpEncodingParameters): void {
  for (const key of Object.keys(encoding) as (keyof RTCRtpEncodingParameters)[]) {
    if (encoding[key] === undefined) {
      delete encoding[key];
    }
  }
}
