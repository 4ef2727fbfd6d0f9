/**
 * Small signs between the two sides of a call: raised hands, reactions, typed text, spotlights, diagnostics.
 *
 * They travel from peer to peer, on a data channel of their own that each side opens for what it says. Whoever keeps a state
 * says it again on every new connection, so that a reload of either page loses nothing.
 */

import { takeEarly } from '../call/early.js';
import type { CallDoor } from '../call/peer-door.js';
import type { Disposer } from '../emitter.js';

/** Label of the data channel. */
export const LABEL = 'signs';

/** The largest sign, in characters. Data channels carry more; nothing of ours needs it. */
export const LARGEST = 16_384;

/** How many signs wait for the connection; the oldest go first. Signs are for now, not for later. */
const WAITING = 32;

/** What one side says. */
export type Sign =
  | { kind: 'hand'; up: boolean }
  | { kind: 'lowerHand' }
  | { kind: 'reaction'; reaction: string }
  | { kind: 'text'; sequence: number; text: string; final: boolean }
  | { kind: 'spotlight'; ids: string[] }
  | { kind: 'diagnostic'; diagnostic: string; value: number | boolean };

/** One conversation of signs per call. */
export class Signs {
  private readonly open = new Set<RTCDataChannel>();
  private readonly waiting: string[] = [];
  private readonly listeners = new Set<(sign: Sign) => void>();
  private readonly greeters = new Set<() => void>();
  /** The last sign of each kind that tells a state: a feature that is made late must know. */
  private readonly states = new Map<Sign['kind'], Sign>();

  constructor(door: CallDoor) {
    const ends = [
      door.openDataChannel(LABEL, { ordered: true }, (channel) => this.opened(channel)),
      door.onDataChannel((channel) => {
        if (channel.label === LABEL) {
          takeEarly(channel).forEach((data) => this.received(data));
          channel.addEventListener('message', (event) => this.received(event.data));
        }
      }),
    ];
    door.onEnd(() => ends.forEach((end) => end()));
  }

  /** Says something; waits for the connection. */
  say(sign: Sign): void {
    const text = JSON.stringify(sign);
    const channel = [...this.open].find((candidate) => candidate.readyState === 'open');
    if (channel) {
      channel.send(text);
      return;
    }
    this.waiting.push(text);
    if (this.waiting.length > WAITING) {
      this.waiting.shift();
    }
  }

  /** Hears what the other side says; at once what it said of its state. */
  onSign(listener: (sign: Sign) => void): Disposer {
    this.states.forEach((sign) => listener(sign));
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Says a state again, whenever there is a new connection. */
  onConnection(greeter: () => void): Disposer {
    this.greeters.add(greeter);
    return () => this.greeters.delete(greeter);
  }

  private opened(channel: RTCDataChannel): void {
    this.open.add(channel);
    channel.addEventListener('close', () => this.open.delete(channel));
    const ready = (): void => {
      this.greeters.forEach((greet) => greet());
      this.waiting.splice(0).forEach((text) => channel.send(text));
    };
    if (channel.readyState === 'open') {
      ready();
    } else {
      channel.addEventListener('open', ready, { once: true });
    }
  }

  private received(data: unknown): void {
    const sign = parse(data);
    if (sign) {
      if (sign.kind === 'hand' || sign.kind === 'spotlight') {
        this.states.set(sign.kind, sign);
      }
      [...this.listeners].forEach((listener) => listener(sign));
    }
  }
}

const conversations = new WeakMap<CallDoor, Signs>();

/** The conversation of a call. */
export function signsOf(door: CallDoor): Signs {
  const known = conversations.get(door);
  if (known) {
    return known;
  }
  const made = new Signs(door);
  conversations.set(door, made);
  return made;
}

/** A sign, when it is one; whatever else arrives is dropped. */
export function parse(data: unknown): Sign | undefined {
  if (typeof data !== 'string' || data.length > LARGEST) {
    return undefined;
  }
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(data) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  switch (value?.kind) {
    case 'hand':
      return typeof value.up === 'boolean' ? { kind: 'hand', up: value.up } : undefined;
    case 'lowerHand':
      return { kind: 'lowerHand' };
    case 'reaction':
      return typeof value.reaction === 'string' ? { kind: 'reaction', reaction: value.reaction } : undefined;
    case 'text':
      return Number.isSafeInteger(value.sequence) && typeof value.text === 'string'
        ? { kind: 'text', sequence: value.sequence as number, text: value.text, final: value.final === true }
        : undefined;
    case 'spotlight':
      return Array.isArray(value.ids) && value.ids.length <= 16 && value.ids.every((id) => typeof id === 'string')
        ? { kind: 'spotlight', ids: value.ids as string[] }
        : undefined;
    case 'diagnostic':
      return typeof value.diagnostic === 'string' && (typeof value.value === 'number' || typeof value.value === 'boolean')
        ? { kind: 'diagnostic', diagnostic: value.diagnostic, value: value.value }
        : undefined;
    default:
      return undefined;
  }
}
