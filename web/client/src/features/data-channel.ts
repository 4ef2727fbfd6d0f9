/**
 * Bytes from participant to participant (B-DATA-1 to -10). In a call of two they go from peer to peer, in a group call through the media
 * processor.
 *
 * Each sender has an `RTCDataChannel` of its own, whose label names channel and session; each message begins with a sequence number of 32 bits.
 * A label seen again after a reconnection, or after a promotion, is the same session going on. A higher session on the same channel ends the
 * older.
 */

import { CallingError, ErrorCodes } from '../errors.js';
import { identifierOf, rawIdOf } from '../identity.js';
import type { CallFeatureContext } from '../types/feature.js';
import type {
  DataChannelCallFeature,
  DataChannelReceiver,
  DataChannelReceiverCreatedEvent,
  DataChannelSender,
  DataChannelSenderOpenOptions,
} from '../types/features/data-channel.js';
import type { CommunicationIdentifierKind } from '../types/identifier.js';
import { parseLabel } from './data-frame.js';
import { Meter } from './data-rate.js';
import { Receiver } from './data-receiver.js';
import { Sender } from './data-sender.js';
import { FeatureOfCall } from './feature.js';

/** At most this many channels wait for their senders to be known. */
const MAX_STRANGERS = 64;

/** Data channels of a call. */
export class DataChannels
  extends FeatureOfCall<{ dataChannelReceiverCreated: DataChannelReceiver }>
  implements DataChannelCallFeature
{
  readonly name = 'DataChannel';
  private readonly senders = new Map<number, Sender>();
  /** By the sender's device and the channel. */
  private readonly receivers = new Map<string, Receiver>();
  private readonly received = new Meter();
  /** Channels of senders who are not in the list of people yet. */
  private strangers: RTCDataChannel[] = [];
  /** Receivers that nobody has heard of yet; at most one per channel. */
  private untold: Receiver[] = [];
  private lastSession = 0;

  constructor(context: CallFeatureContext) {
    super(context);
    this.ends.push(
      this.door.onDataChannel((channel) => this.arrived(channel)),
      this.door.room.onChange((what) => what === 'people' && this.strangers.splice(0).forEach((channel) => this.arrived(channel))),
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
      this.received,
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
    if (!label) {
      return;
    }
    const sender = this.senderOf(label.sender);
    if (!sender) {
      // Of somebody the exchange has not told of yet: it will.
      if (label.sender && this.strangers.length < MAX_STRANGERS && !this.strangers.includes(channel)) {
        this.strangers.push(channel);
      }
      return;
    }
    // Between two and in a conference alike, so that a promotion is no new session.
    const key = `${sender.key}/${label.channelId}`;
    const known = this.receivers.get(key);
    if (known && known.label.session > label.session) {
      channel.close();
      return;
    }
    if (known && known.label.session === label.session) {
      known.take(channel);
      return;
    }
    known?.close();
    const receiver = new Receiver(label, { ...sender.identifier }, this.received, (closed) => {
      if (this.receivers.get(key) === closed) {
        this.receivers.delete(key);
      }
      this.untold = this.untold.filter((other) => other !== closed);
    });
    this.receivers.set(key, receiver);
    receiver.take(channel);
    if (this.emitter.count('dataChannelReceiverCreated') > 0) {
      this.emitter.emit('dataChannelReceiverCreated', receiver);
    } else {
      this.untold.push(receiver);
    }
  }

  /** Whose channel it is: of a device that the label names, or of the other side. */
  private senderOf(participantId: string | undefined): { key: string; identifier: CommunicationIdentifierKind } | undefined {
    const others = this.door.room.places.filter((place) => !place.isOwn);
    if (participantId !== undefined) {
      const place = others.find((one) => one.participantId === participantId);
      return place && { key: participantId, identifier: identifierOf(place.rawId) };
    }
    const identifier = this.door.remoteIdentifier;
    return identifier && { key: others[0]?.participantId ?? rawIdOf(identifier), identifier };
  }

  private closeAll(): void {
    [...this.senders.values()].forEach((sender) => sender.close());
    [...this.receivers.values()].forEach((receiver) => receiver.close());
  }
}
