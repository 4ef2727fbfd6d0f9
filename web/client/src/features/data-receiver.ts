/** What hears data of a participant. */

import { takeEarly } from '../call/early.js';
import { Emitter, bindMethods } from '../emitter.js';
import type { DataChannelMessage, DataChannelReceiver } from '../types/features/data-channel.js';
import type { CommunicationIdentifierKind } from '../types/identifier.js';
import { readFrame } from './data-frame.js';
import type { Label } from './data-frame.js';
import type { Meter } from './data-rate.js';
import { CLOSE } from './data-sender.js';

/** After how long without a message a receiver closes, in milliseconds (B-DATA-6). */
export const SILENCE = 120_000;
/** What may wait to be read, in bytes; the oldest goes first and leaves a gap in the sequence numbers. */
export const MAX_UNREAD = 8 * 1024 * 1024;
/** How long a closed channel may be a reconnection rather than an end, in milliseconds. */
const GRACE = 2_000;

/** A receiver: what one sender says on one channel in one session. */
export class Receiver implements DataChannelReceiver {
  private readonly emitter = new Emitter<{ messageReady: undefined; close: undefined }>();
  private readonly unread: DataChannelMessage[] = [];
  private unreadBytes = 0;
  private isClosed = false;
  private channel: RTCDataChannel | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly label: Label,
    readonly senderParticipantIdentifier: CommunicationIdentifierKind,
    /** How fast this side receives data. */
    private readonly received: Meter,
    private readonly onClose: (receiver: Receiver) => void,
  ) {
    bindMethods(this);
    this.listenFor();
  }

  get channelId(): number {
    return this.label.channelId;
  }

  readMessage(): DataChannelMessage | undefined {
    const message = this.unread.shift();
    this.unreadBytes -= message?.data.byteLength ?? 0;
    return message;
  }

  on(event: 'messageReady' | 'close', listener: () => void): void {
    this.emitter.on(event, listener);
  }

  off(event: 'messageReady' | 'close', listener: () => void): void {
    this.emitter.off(event, listener);
  }

  /** Hears a channel: the first, or the one after a reconnection. */
  take(channel: RTCDataChannel): void {
    this.channel = channel;
    channel.binaryType = 'arraybuffer';
    takeEarly(channel).forEach((data) => this.hear(channel, data));
    channel.addEventListener('message', (event) => this.hear(channel, event.data));
    channel.addEventListener('close', () => {
      // A closing notice may have been lost; a new connection brings a new channel soon.
      setTimeout(() => {
        if (this.channel === channel) {
          this.close();
        }
      }, GRACE);
    });
    this.listenFor();
  }

  close(): void {
    if (!this.isClosed) {
      this.isClosed = true;
      clearTimeout(this.silence);
      this.channel = undefined;
      this.onClose(this);
      this.emitter.emit('close');
    }
  }

  private listenFor(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.close(), SILENCE);
    (this.silence as { unref?: () => void }).unref?.();
  }

  private hear(channel: RTCDataChannel, data: unknown): void {
    if (this.isClosed || this.channel !== channel) {
      return;
    }
    if (data === CLOSE) {
      this.close();
      return;
    }
    const message = readFrame(data);
    if (!message) {
      return;
    }
    this.listenFor();
    this.received.take(message.data.byteLength, performance.now());
    this.unread.push(message);
    this.unreadBytes += message.data.byteLength;
    while (this.unreadBytes > MAX_UNREAD || this.unread.length > 4096) {
      this.readMessage();
    }
    this.emitter.emit('messageReady');
  }
}

