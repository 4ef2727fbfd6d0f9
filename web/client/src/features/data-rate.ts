/** How much of data may be sent when (B-DATA-9). Pure: time is an argument, in milliseconds. */

import type { DataChannelReliability } from '../types/features/data-channel.js';
import { MAX_MESSAGE } from './data-frame.js';

/** What may be sent at once before the rate counts, in bytes: two of the largest messages. */
const BURST = 2 * MAX_MESSAGE;

/** Messages to everybody: packets per second, and bytes that make one. */
const BROADCAST_PACKETS = 80;
const PACKET = 1_200;

/** How much of what is received counts against what is sent to everybody. */
const RECEIVED_SHARE = 0.8;

/** What is left of the rate however much is received: a sender shall not starve. */
const LEAST_SHARE = 0.1;

/** Over how long the rate of what is received is measured, in milliseconds. */
const WINDOW_MS = 1_000;

/** Bytes per second (B-DATA-9). */
export function rateOf(reliability: DataChannelReliability, isHigh: boolean): number {
  const kilobits = reliability === 'Durable' ? 64 : isHigh ? 200 : 512;
  return (kilobits * 1000) / 8;
}

/** Bytes per second of messages to everybody in a conference, where much is received. */
export function broadcastRate(most: number, received: number): number {
  return Math.max(most * LEAST_SHARE, most - RECEIVED_SHARE * received);
}

/** How fast something comes in. */
export class Meter {
  private amounts: { at: number; amount: number }[] = [];

  take(amount: number, now: number): void {
    this.amounts = [...this.amounts.filter(({ at }) => now - at < WINDOW_MS), { at: now, amount }];
  }

  /** Per second. */
  rate(now: number): number {
    return this.amounts.reduce((sum, { at, amount }) => (now - at < WINDOW_MS ? sum + amount : sum), 0) / (WINDOW_MS / 1000);
  }
}

/** What one sender may send. */
export class Allowance {
  private bytes = BURST;
  private packets = BROADCAST_PACKETS;

  constructor(private at: number) {}

  /**
   * Takes a message out, or gives how long to wait, in milliseconds.
   *
   * - `rate`: bytes per second. `isBroadcast`: packets count as well.
   */
  take(size: number, rate: number, isBroadcast: boolean, now: number): number {
    const seconds = Math.max(0, now - this.at) / 1000;
    this.at = now;
    this.bytes = Math.min(BURST, this.bytes + seconds * rate);
    this.packets = Math.min(BROADCAST_PACKETS, this.packets + seconds * BROADCAST_PACKETS);
    const packets = isBroadcast ? Math.ceil(size / PACKET) : 0;
    const wait = Math.max((size - this.bytes) / rate, (packets - this.packets) / BROADCAST_PACKETS);
    if (wait > 0) {
      return Math.ceil(wait * 1000);
    }
    this.bytes -= size;
    this.packets -= packets;
    return 0;
  }
}
