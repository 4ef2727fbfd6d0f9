/** What sends data to participants. */

import type { CallDoor } from '../call/peer-door.js';
import { bindMethods, type Disposer } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import { rawIdOf } from '../identity.js';
import type { DataChannelSender } from '../types/features/data-channel.js';
import type { CommunicationIdentifier } from '../types/identifier.js';
import { MAX_MESSAGE, MAX_PARTICIPANTS, writeFrame, writeLabel } from './data-frame.js';
import type { Label } from './data-frame.js';
import { Allowance, broadcastRate, rateOf } from './data-rate.js';
import type { Meter } from './data-rate.js';

/** What may wait to be sent, in bytes. Lower: bursts are refused; higher: what arrives is older. */
export const MAX_QUEUED = 16 * MAX_MESSAGE;

/** How long a full buffer of the browser is given to empty, in milliseconds. */
const BUFFER_MS = 100;

/** Says that the sender is closed. */
export const CLOSE = 'close';

interface Waiting {
  sequence: number;
  data: Uint8Array;
  /** Raw ids; `undefined`: everybody. */
  participants: ReadonlySet<string> | undefined;
  resolve: () => void;
  reject: (error: Error) => void;
}

/** A sender. */
export class Sender implements DataChannelSender {
  readonly maxMessageSize = MAX_MESSAGE;
  private channel: RTCDataChannel | undefined;
  /** Whether the channel leads to the media processor: frames say for whom they are. */
  private isConference = false;
  private sequence = 0;
  private participants: ReadonlySet<string> | undefined;
  private isClosed = false;
  private readonly queue: Waiting[] = [];
  private queued = 0;
  private readonly allowance = new Allowance(performance.now());
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly stopOpening: Disposer;

  constructor(
    private readonly door: CallDoor,
    private readonly label: Label,
    private readonly isHigh: boolean,
    participants: CommunicationIdentifier[] | undefined,
    /** How fast this side receives data. */
    private readonly received: Meter,
    private readonly onClose: (sender: Sender) => void,
  ) {
    this.setParticipants(participants ?? []);
    const init: RTCDataChannelInit & { priority?: string } = {
      ...(label.reliability === 'Durable' ? { ordered: true } : { ordered: false, maxRetransmits: 0 }),
      ...(isHigh ? { priority: 'high' } : {}),
    };
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
    const ids = new Set(participants.map((participant) => rawIdOf(participant)));
    // Each device counts (B-DATA-8).
    if (this.placesOf(ids).length > MAX_PARTICIPANTS) {
      throw new CallingError(ErrorCodes.badArgument, `The participants of a data channel have at most ${MAX_PARTICIPANTS} devices in all.`);
    }
    this.participants = ids.size > 0 ? ids : undefined;
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
    if (!this.isForAnybody(this.participants)) {
      return;
    }
    if (this.queued + data.byteLength > MAX_QUEUED) {
      throw new CallingError(ErrorCodes.wrongState, 'Too much is waiting to be sent: slower.');
    }
    await new Promise<void>((resolve, reject) => {
      this.queue.push({ sequence, data: data.slice(), participants: this.participants, resolve, reject });
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

  private isForAnybody(participants: ReadonlySet<string> | undefined): boolean {
    const remote = this.door.remoteIdentifier;
    if (!participants || this.door.room.isConference) {
      return !participants || this.placesOf(participants).length > 0;
    }
    return remote !== undefined && participants.has(rawIdOf(remote));
  }

  /** Participant ids of the devices of these people. */
  private placesOf(rawIds: ReadonlySet<string>): string[] {
    return this.door.room.places.filter((place) => !place.isOwn && rawIds.has(place.rawId)).map((place) => place.participantId);
  }

  private opened(channel: RTCDataChannel): void {
    if (this.isClosed) {
      channel.close();
      return;
    }
    this.channel = channel;
    this.isConference = this.door.room.isConference;
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
    for (let next = this.queue[0]; next; next = this.queue[0]) {
      const wait = channel.bufferedAmount > MAX_QUEUED ? BUFFER_MS : this.takeAllowance(next);
      if (wait > 0) {
        this.timer = setTimeout(() => this.pump(), wait);
        return;
      }
      this.queue.shift();
      this.queued -= next.data.byteLength;
      try {
        const recipients = next.participants ? this.placesOf(next.participants).slice(0, MAX_PARTICIPANTS) : [];
        // Those it was for may have left; an empty list would be everybody.
        if (!this.isConference || !next.participants || recipients.length > 0) {
          channel.send(writeFrame(next.sequence, this.isConference ? recipients : undefined, next.data));
        }
        next.resolve();
      } catch (error) {
        next.reject(new CallingError(ErrorCodes.wrongState, 'The message could not be sent.', { cause: error }));
      }
    }
  }

  /** Milliseconds to wait; 0: it may go. */
  private takeAllowance({ data, participants }: Waiting): number {
    const now = performance.now();
    const isBroadcast = this.isConference && !participants;
    const most = rateOf(this.label.reliability, this.isHigh);
    const rate = isBroadcast ? broadcastRate(most, this.received.rate(now)) : most;
    return this.allowance.take(data.byteLength, rate, isBroadcast, now);
  }
}
