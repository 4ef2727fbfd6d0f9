/**
 * How data messages look on the wire (B-DATA): labels of channels, frames of messages. Pure.
 *
 * ```text
 *   between two            data/<channel id>/<session>/<reliability>                   u32 sequence | payload
 *   to the media processor data/<channel id>/<session>/<reliability>                   u32 sequence | u8 n | n x 16 bytes | payload
 *   from it                data/<channel id>/<session>/<reliability>/<participant id>  u32 sequence | payload
 * ```
 *
 * Numbers are big-endian, participant ids are GUIDs as their 16 bytes; n = 0 is everybody else.
 */

import type { DataChannelReliability } from '../types/features/data-channel.js';

/** The largest message, in bytes (B-DATA-2). */
export const MAX_MESSAGE = 32 * 1024;
/** The most devices in a list (B-DATA-8). */
export const MAX_PARTICIPANTS = 64;
/** Where our own signs go in a conference: a session that no application's is called like, since theirs are numbers. */
const SIGNS = /^data\/65535\/signs-\d{1,15}\/Durable(?:\/([0-9a-f-]{36}))$/;

const SEQUENCE = 4;
const ID = 16;

/** What a label says. */
export interface Label {
  channelId: number;
  session: number;
  reliability: DataChannelReliability;
}

export function writeLabel({ channelId, session, reliability }: Label): string {
  return `data/${channelId}/${session}/${reliability}`;
}

/** A label of ours; `undefined` for others and for nonsense. `sender`: a participant id, in a conference. */
export function parseLabel(label: string): (Label & { sender?: string }) | undefined {
  const match = /^data\/(\d{1,5})\/(\d{1,15})\/(Durable|Lossy)(?:\/([0-9a-f-]{36}))?$/.exec(label);
  const channelId = Number(match?.[1]);
  if (!match || channelId < 1 || channelId > 65_535) {
    return undefined;
  }
  const sender = match[4];
  return { channelId, session: Number(match[2]), reliability: match[3] as DataChannelReliability, ...(sender ? { sender } : {}) };
}

/** The label of the channel on which this side says signs. */
export function writeSignsLabel(session: number): string {
  return `data/65535/signs-${session}/Durable`;
}

/** Whose signs come on a channel: a participant id; `undefined` for other channels. */
export function signsSender(label: string): string | undefined {
  return SIGNS.exec(label)?.[1];
}

/**
 * Writes a message.
 *
 * - `recipients`: participant ids, at most 64, to the media processor; `undefined` between two, where there is nobody else.
 */
export function writeFrame(sequence: number, recipients: readonly string[] | undefined, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const list = recipients ? 1 + ID * recipients.length : 0;
  const frame = new Uint8Array(SEQUENCE + list + payload.byteLength);
  new DataView(frame.buffer).setUint32(0, sequence);
  if (recipients) {
    frame[SEQUENCE] = recipients.length;
    recipients.forEach((id, index) => frame.set(bytesOf(id), SEQUENCE + 1 + ID * index));
  }
  frame.set(payload, SEQUENCE + list);
  return frame;
}

/** Reads what another client, or the media processor, sent; `undefined` for nonsense. */
export function readFrame(data: unknown): { sequenceNumber: number; data: Uint8Array } | undefined {
  if (!(data instanceof ArrayBuffer) || data.byteLength < SEQUENCE || data.byteLength > SEQUENCE + MAX_MESSAGE) {
    return undefined;
  }
  return { sequenceNumber: new DataView(data).getUint32(0), data: new Uint8Array(data.slice(SEQUENCE)) };
}

/** A GUID as its 16 bytes. */
function bytesOf(id: string): Uint8Array {
  const hex = id.replaceAll('-', '').padEnd(2 * ID, '0');
  return Uint8Array.from({ length: ID }, (_, index) => Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16));
}
