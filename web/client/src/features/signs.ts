/**
 * Small signs between the people in a call: raised hands, reactions, typed text, spotlights, diagnostics.
 *
 * Between two they travel from peer to peer, on a data channel of their own that each side opens for what it says. Whoever keeps a state
 * says it again on every new connection, so that a reload of either page loses nothing. In a group call they are messages to everybody
 * through the media processor; the states of hands and spotlights are kept by the exchange.
 */

import { takeEarly } from '../call/early.js';
import type { CallDoor } from '../call/peer-door.js';
import type { Disposer } from '../emitter.js';
import { readFrame, signsSender, writeFrame, writeSignsLabel } from './data-frame.js';

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

/** Hears signs; `from`: whose device it was, in a group call. */
export type SignListener = (sign: Sign, from: string | undefined) => void;

/** One conversation of signs per call. */
export class Signs {
  /** Channels to say something on, newest last, and whether they lead to the media processor. */
  private readonly open = new Map<RTCDataChannel, boolean>();
  private readonly waiting: string[] = [];
  private sequence = 0;
  private readonly listeners = new Set<SignListener>();
  private readonly greeters = new Set<() => void>();
  /** The last sign of each kind that tells a state: a feature that is made late must know. */
  private readonly states = new Map<Sign['kind'], Sign>();

  constructor(door: CallDoor) {
    const ends = [
      door.openDataChannel(LABEL, { ordered: true }, (channel) => this.opened(channel, false)),
      door.onDataChannel((channel) => this.arrived(channel)),
      door.room.onChange(() => confer()),
    ];
    let hasConferred = false;
    const confer = (): void => {
      if (door.room.isConference && !hasConferred) {
        hasConferred = true;
        ends.push(door.openDataChannel(writeSignsLabel(Date.now()), { ordered: true }, (channel) => door.room.isConference && this.opened(channel, true)));
      }
    };
    confer();
    door.onEnd(() => ends.forEach((end) => end()));
  }

  /** Says something; waits for the connection. */
  say(sign: Sign): void {
    const text = JSON.stringify(sign);
    const [channel, isConference] = [...this.open].reverse().find(([candidate]) => candidate.readyState === 'open') ?? [];
    if (channel) {
      this.send(channel, isConference === true, text);
      return;
    }
    this.waiting.push(text);
    if (this.waiting.length > WAITING) {
      this.waiting.shift();
    }
  }

  /** Hears what the other side says; at once what it said of its state. */
  onSign(listener: SignListener): Disposer {
    this.states.forEach((sign) => listener(sign, undefined));
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Says a state again, whenever there is a new connection. */
  onConnection(greeter: () => void): Disposer {
    this.greeters.add(greeter);
    return () => this.greeters.delete(greeter);
  }

  private opened(channel: RTCDataChannel, isConference: boolean): void {
    this.open.set(channel, isConference);
    channel.addEventListener('close', () => this.open.delete(channel));
    const ready = (): void => {
      this.greeters.forEach((greet) => greet());
      this.waiting.splice(0).forEach((text) => this.send(channel, isConference, text));
    };
    if (channel.readyState === 'open') {
      ready();
    } else {
      channel.addEventListener('open', ready, { once: true });
    }
  }

  private send(channel: RTCDataChannel, isConference: boolean, text: string): void {
    if (isConference) {
      channel.send(writeFrame(this.sequence++, [], new TextEncoder().encode(text)));
    } else {
      channel.send(text);
    }
  }

  private arrived(channel: RTCDataChannel): void {
    const sender = signsSender(channel.label);
    if (channel.label !== LABEL && !sender) {
      return;
    }
    const hear = (data: unknown): void => {
      const said = sender ? readFrame(data)?.data : data;
      this.received(said instanceof Uint8Array ? new TextDecoder().decode(said) : said, sender);
    };
    takeEarly(channel).forEach(hear);
    channel.addEventListener('message', (event) => hear(event.data));
  }

  private received(data: unknown, from: string | undefined): void {
    const sign = parse(data);
    if (sign) {
      if (from === undefined && (sign.kind === 'hand' || sign.kind === 'spotlight')) {
        this.states.set(sign.kind, sign);
      }
      [...this.listeners].forEach((listener) => listener(sign, from));
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
