/** Bytes from participant to participant. */

import type { CallFeature } from '../feature.js';
import type { CommunicationIdentifier, CommunicationIdentifierKind } from '../identifier.js';

/** Lossy may drop and reorder; durable arrives in order or the sender is told. */
export type DataChannelReliability = 'Lossy' | 'Durable';
export type DataChannelPriority = 'High' | 'Normal';

export type DataChannelSenderOpenOptions = {
  /** 1 to 65535; 0 or absent: chosen. */
  channelId?: number;
  reliability?: DataChannelReliability;
  priority?: DataChannelPriority;
  /** A hint, in kilobits per second. */
  bitrateInKbps?: number;
  /** At most 64; empty or absent: everybody. */
  participants?: CommunicationIdentifier[];
};

export interface DataChannelMessage {
  /** 32 bits, counted at the sender per channel. */
  readonly sequenceNumber: number;
  readonly data: Uint8Array;
}

export type DataChannelReceiverMessageReadyEvent = () => void;
export type DataChannelReceiverCloseEvent = () => void;
export type DataChannelReceiverCreatedEvent = (receiver: DataChannelReceiver) => void;

export interface DataChannelReceiver {
  readonly channelId: number;
  readonly senderParticipantIdentifier: CommunicationIdentifierKind;
  /** The oldest unread message. */
  readMessage(): DataChannelMessage | undefined;
  on(event: 'messageReady', listener: DataChannelReceiverMessageReadyEvent): void;
  on(event: 'close', listener: DataChannelReceiverCloseEvent): void;
  off(event: 'messageReady', listener: DataChannelReceiverMessageReadyEvent): void;
  off(event: 'close', listener: DataChannelReceiverCloseEvent): void;
}

export interface DataChannelSender {
  readonly channelId: number;
  /** In bytes. */
  readonly maxMessageSize: number;
  setParticipants(participants: CommunicationIdentifier[]): void;
  sendMessage(data: Uint8Array): Promise<void>;
  close(): void;
}

export interface DataChannelCallFeature extends CallFeature {
  createDataChannelSender(options?: DataChannelSenderOpenOptions): DataChannelSender;
  on(event: 'dataChannelReceiverCreated', listener: DataChannelReceiverCreatedEvent): void;
  off(event: 'dataChannelReceiverCreated', listener: DataChannelReceiverCreatedEvent): void;
}
