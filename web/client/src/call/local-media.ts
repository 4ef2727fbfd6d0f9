/** What this side sends in one call: a microphone, a camera, a screen, and whether they may flow. */

import type { Disposer } from '../emitter.js';
import type { VideoSendConstraints } from '../types/call.js';
import type { LocalAudioStream } from '../streams/local-audio-stream.js';
import type { LocalVideoStream } from '../streams/local-video-stream.js';
import { DOOR } from './peer-door.js';
import type { LocalStreamDoor, Media } from './peer-door.js';
import { MEDIA } from './peer.js';
import type { Peer } from './peer.js';
import { LAYERS } from './slots.js';

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
  private peers: readonly Peer[] = [];
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

  /** The peer connections to send on: one, and while a call moves to another also that. */
  async attach(peers: readonly Peer[]): Promise<void> {
    this.peers = peers;
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
    this.peers = [];
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
    const track = this.isAllowed ? (this.slots.get(media)?.sent ?? null) : null;
    await Promise.all(
      this.peers.map(async (peer) => {
        const sender = peer.transceiver(media)?.sender;
        if (!sender || sender.track === track) {
          return;
        }
        try {
          await sender.replaceTrack(track);
          if (media === 'video' && track) {
            await this.limit(sender);
          }
        } catch {
          // The peer connection was closed meanwhile; the next one gets the track.
        }
      }),
    );
  }

  private async applyConstraints(): Promise<void> {
    const senders = this.peers.flatMap((peer) => peer.transceiver('video')?.sender ?? []);
    await Promise.all(senders.map((sender) => this.limit(sender)));
  }

  /** Puts the limits on what a sender encodes: each layer is a fraction of the whole, which is limited. */
  private async limit(sender: RTCRtpSender): Promise<void> {
    const limits = this.constraints;
    if (!limits) {
      return;
    }
    const parameters = sender.getParameters();
    const height = sender.track?.getSettings().height;
    const most = limits.frameHeight?.max;
    const whole = most && height && height > most ? height / most : 1;
    const encodings = parameters.encodings ?? [];
    // Of layers that the other end did not take one is left, which is the whole picture.
    const hasLayers = encodings.filter(({ active }) => active !== false).length > 1;
    for (const encoding of encodings) {
      const layer = hasLayers ? LAYERS.find(({ rid }) => rid === encoding.rid) : undefined;
      const rates = [limits.bitrate?.max, layer?.maxBitrate].filter((rate) => rate !== undefined);
      encoding.maxBitrate = rates.length > 0 ? Math.min(...rates) : undefined;
      encoding.maxFramerate = limits.frameRate?.max;
      encoding.scaleResolutionDownBy = whole * (layer?.scaleResolutionDownBy ?? 1);
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
