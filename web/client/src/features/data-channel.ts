/**
 * Bytes from participant to participant (B-DATA-1 to -10). In a call of two they go from peer to peer.
 *
 * Each sender has an `RTCDataChannel` of its own, whose label names channel and session; each message begins with a sequence number of 32 bits.
 * A label seen again after a reconnection is the same session going on. A higher session on the same channel ends the older.
 */

import { takeEarly } from '../call/early.js';
import type { CallDoor } from '../call/peer-door.js';
import { Emitter, bindMethods, type Disposer } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import { rawIdOf } from '../identity.js';
import type { CallFeatureContext } from '../types/feature.js';
import type {
  DataChannelCallFeature,
  DataChannelMessage,
  DataChannelReceiver,
  DataChannelReceiverCreatedEvent,
  DataChannelReliability,
  DataChannelSender,
  DataChannelSenderOpenOptions,
} from '../types/features/data-channel.js';
import type { CommunicationIdentifier, CommunicationIdentifierKind } from '../types/identifier.js';
import { FeatureOfCall } from './feature.js';

/** The largest message, in bytes (B-DATA-2). */
export const MAX_MESSAGE = 32 * 1024;
/** The most participants in a list (B-DATA-8). */
export const MAX_PARTICIPANTS = 64;
/** After how long without a message a receiver closes, in milliseconds (B-DATA-6). */
export const SILENCE = 120_000;
/** What may wait to be sent, in bytes. Lower: bursts are refused; higher: what arrives is older. */
export const MAX_QUEUED = 16 * MAX_MESSAGE;
/** What may wait to be read, in bytes; the oldest goes first and leaves a gap in the sequence numbers. */
export const MAX_UNREAD = 8 * 1024 * 1024;
/** What may be sent at once before the rate counts, in bytes: two of the largest messages. */
const BURST = 2 * MAX_MESSAGE;
/** How long a closed channel may be a reconnection rather than an end, in milliseconds. */
const GRACE = 2_000;
const HEADER = 4;
const PREFIX = 'data';
const CLOSE = 'close';

/** Bytes per second (B-DATA-9). */
export function rateOf(reliability: DataChannelReliability, isHigh: boolean): number {
  const kilobits = reliability === 'Durable' ? 64 : isHigh ? 200 : 512;
  return (kilobits * 1000) / 8;
}

/** What a label says. */
export interface Label {
  channelId: number;
  session: number;
  reliability: DataChannelReliability;
}

export function writeLabel({ channelId, session, reliability }: Label): string {
  return `${PREFIX}/${channelId}/${session}/${reliability}`;
}

/** A label of ours; `undefined` for others and for nonsense. */
export function parseLabel(label: string): Label | undefined {
  const match = /^data\/(\d{1,5})\/(\d{1,15})\/(Durable|Lossy)$/.exec(label);
  const channelId = Number(match?.[1]);
  if (!match || channelId < 1 || channelId > 65_535) {
    return undefined;
  }
  return { channelId, session: Number(match[2]), reliability: match[3] as DataChannelReliability };
}

interface Waiting {
  frame: Uint8Array<ArrayBuffer>;
  resolve: () => void;
  reject: (error: Error) => void;
}

class Sender implements DataChannelSender {
  readonly maxMessageSize = MAX_MESSAGE;
  private channel: RTCDataChannel | undefined;
  private sequence = 0;
  private participants: Set<string> | undefined;
  private isClosed = false;
  private readonly queue: Waiting[] = [];
  private queued = 0;
  /** What may be sent now, in bytes, and since when. */
  private allowance = BURST;
  private allowanceAt = performance.now();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly stopOpening: Disposer;

  constructor(
    private readonly door: CallDoor,
    private readonly label: Label,
    private readonly isHigh: boolean,
    participants: CommunicationIdentifier[] | undefined,
    private readonly onClose: (sender: Sender) => void,
  ) {
    this.setParticipants(participants ?? []);
    const init: RTCDataChannelInit =
      label.reliability === 'Durable' ? { ordered: true } : { ordered: false, maxRetransmits: 0 };
    this.stopOpening = door.openDataChannel(writeLabel(label), init, (channel) => this.opened(channel));
    bindMethods(this);
  }

  get channelId(): number {
    return this.label.channelId;
  }

  setParticipants(participants: CommunicationIdentifier[]): void {
    if (!Array.isArray(participants) || participants.length > MAX_PARTICIPANTS) {
      throw new CallingError(ErrorCodes.badArgument, `A data channel has at most ${MAX_PARTICIPANTS} participants in its list.`);
    }
    this.participants = participants.length > 0 ? new Set(participants.map((participant) => rawIdOf(participant))) : undefined;
  }

  async sendMessage(data: Uint8Array): Promise<void> {
    if (this.isClosed) {
      throw new CallingError(ErrorCodes.wrongState, 'The data channel sender is closed.');
    }
    if (!(data instanceof Uint8Array) || data.byteLength > MAX_MESSAGE) {
      throw new CallingError(ErrorCodes.badArgument, `A message is a Uint8Array of at most ${MAX_MESSAGE} bytes.`);
    }
    const sequence = this.sequence;
    this.sequence = (this.sequence + 1) >>> 0;
    if (!this.isForRemote()) {
      return;
    }
    if (this.queued + data.byteLength > MAX_QUEUED) {
      throw new CallingError(ErrorCodes.wrongState, 'Too much is waiting to be sent: slower.');
    }
    const frame = new Uint8Array(HEADER + data.byteLength);
    new DataView(frame.buffer).setUint32(0, sequence);
    frame.set(data, HEADER);
    await new Promise<void>((resolve, reject) => {
      this.queue.push({ frame, resolve, reject });
      this.queued += data.byteLength;
      this.pump();
    });
  }

  close(): void {
    if (this.isClosed) {
      return;
    }
    this.isClosed = true;
    clearTimeout(this.timer);
    if (this.channel?.readyState === 'open') {
      this.channel.send(CLOSE);
      this.channel.close();
    }
    this.stopOpening();
    const error = new CallingError(ErrorCodes.wrongState, 'The data channel sender was closed before this message left.');
    this.queue.splice(0).forEach(({ reject }) => reject(error));
    this.queued = 0;
    this.onClose(this);
  }

  private isForRemote(): boolean {
    const remote = this.door.remoteIdentifier;
    return !this.participants || (remote !== undefined && this.participants.has(rawIdOf(remote)));
  }

  private opened(channel: RTCDataChannel): void {
    if (this.isClosed) {
      channel.close();
      return;
    }
    this.channel = channel;
    channel.binaryType = 'arraybuffer';
    channel.addEventListener('open', () => this.pump());
    this.pump();
  }

  /** Sends what the rate allows and comes back for the rest. */
  private pump(): void {
    clearTimeout(this.timer);
    const channel = this.channel;
    if (this.isClosed || channel?.readyState !== 'open') {
      return;
    }
    const rate = rateOf(this.label.reliability, this.isHigh);
    const now = performance.now();
    this.allowance = Math.min(BURST, this.allowance + ((now - this.allowanceAt) / 1000) * rate);
    this.allowanceAt = now;
    for (let next = this.queue[0]; next; next = this.queue[0]) {
      if (next.frame.byteLength > this.allowance || channel.bufferedAmount > MAX_QUEUED) {
        const missing = Math.max(next.frame.byteLength - this.allowance, rate / 10);
        this.timer = setTimeout(() => this.pump(), Math.ceil((missing / rate) * 1000));
        return;
      }
      this.queue.shift();
      this.queued -= next.frame.byteLength - HEADER;
      this.allowance -= next.frame.byteLength;
      try {
        channel.send(next.frame);
        next.resolve();
      } catch (error) {
        next.reject(new CallingError(ErrorCodes.wrongState, 'The message could not be sent.', { cause: error }));
      }
    }
  }
}

class Receiver implements DataChannelReceiver {
  private readonly emitter = new Emitter<{ messageReady: undefined; close: undefined }>();
  private readonly unread: DataChannelMessage[] = [];
  private unreadBytes = 0;
  private isClosed = false;
  private channel: RTCDataChannel | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly label: Label,
    readonly senderParticipantIdentifier: CommunicationIdentifierKind,
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
    takeEarly(channel).forEach((data) => this.received(channel, data));
    channel.addEventListener('message', (event) => this.received(channel, event.data));
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

  private received(channel: RTCDataChannel, data: unknown): void {
    if (this.isClosed || this.channel !== channel) {
      return;
    }
    if (data === CLOSE) {
      this.close();
      return;
    }
    if (!(data instanceof ArrayBuffer) || data.byteLength < HEADER || data.byteLength > HEADER + MAX_MESSAGE) {
      return;
    }
    this.listenFor();
    const sequenceNumber = new DataView(data).getUint32(0);
    const message = { sequenceNumber, data: new Uint8Array(data.slice(HEADER)) };
    this.unread.push(message);
    this.unreadBytes += message.data.byteLength;
    while (this.unreadBytes > MAX_UNREAD || this.unread.length > 4096) {
      this.readMessage();
    }
    this.emitter.emit('messageReady');
  }
}

/** Data channels of a call. */
export class DataChannels
  extends FeatureOfCall<{ dataChannelReceiverCreated: DataChannelReceiver }>
  implements DataChannelCallFeature
{
  readonly name = 'DataChannel';
  private readonly senders = new Map<number, Sender>();
  private readonly receivers = new Map<number, Receiver>();
  /** Receivers that nobody has heard of yet; at most one per channel. */
  private untold: Receiver[] = [];
  private lastSession = 0;

  constructor(context: CallFeatureContext) {
    super(context);
    this.ends.push(
      this.door.onDataChannel((channel) => this.arrived(channel)),
      () => this.closeAll(),
    );
    this.door.onEnd(() => this.closeAll());
  }

  override on(event: 'dataChannelReceiverCreated', listener: DataChannelReceiverCreatedEvent): void {
    super.on(event, listener);
    // The sender may have been first. A moment later, so that whoever subscribes has subscribed.
    queueMicrotask(() => this.untold.splice(0).forEach((receiver) => this.emitter.emit('dataChannelReceiverCreated', receiver)));
  }

  createDataChannelSender(options: DataChannelSenderOpenOptions = {}): DataChannelSender {
    const channelId = options.channelId ? options.channelId : this.freeId();
    if (!Number.isInteger(channelId) || channelId < 1 || channelId > 65_535) {
      throw new CallingError(ErrorCodes.badArgument, 'A channel id is a whole number from 1 to 65535.');
    }
    if (this.call.state === 'Disconnected') {
      throw new CallingError(ErrorCodes.wrongState, 'The call is over.');
    }
    this.senders.get(channelId)?.close();
    // Milliseconds, so that a page that was reloaded is newer than before.
    this.lastSession = Math.max(this.lastSession + 1, Date.now());
    const sender = new Sender(
      this.door,
      { channelId, session: this.lastSession, reliability: options.reliability ?? 'Lossy' },
      options.priority === 'High',
      options.participants,
      (closed) => {
        if (this.senders.get(channelId) === closed) {
          this.senders.delete(channelId);
        }
      },
    );
    this.senders.set(channelId, sender);
    return sender;
  }

  private freeId(): number {
    // From the top, where applications that choose rarely look.
    for (let id = 65_535; id >= 1; id -= 1) {
      if (!this.senders.has(id)) {
        return id;
      }
    }
    throw new CallingError(ErrorCodes.wrongState, 'All channel ids are in use.');
  }

  private arrived(channel: RTCDataChannel): void {
    const label = parseLabel(channel.label);
    const sender = this.door.remoteIdentifier;
    if (!label || !sender) {
      return;
    }
    const known = this.receivers.get(label.channelId);
    if (known && known.label.session > label.session) {
      channel.close();
      return;
    }
    if (known && known.label.session === label.session) {
      known.take(channel);
      return;
    }
    known?.close();
    const receiver = new Receiver(label, { ...sender }, (closed) => {
      if (this.receivers.get(label.channelId) === closed) {
        this.receivers.delete(label.channelId);
      }
      this.untold = this.untold.filter((other) => other !== closed);
    });
    this.receivers.set(label.channelId, receiver);
    receiver.take(channel);
    if (this.emitter.count('dataChannelReceiverCreated') > 0) {
      this.emitter.emit('dataChannelReceiverCreated', receiver);
    } else {
      this.untold.push(receiver);
    }
  }

  private closeAll(): void {
    [...this.senders.values()].forEach((sender) => sender.close());
    [...this.receivers.values()].forEach((receiver) => receiver.close());
  }
}
