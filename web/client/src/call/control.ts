/**
 * The control channel of a conference: reading what the media processor says, and choosing what to ask of it. Pure.
 *
 * What cannot be understood is dropped: the next message of its kind is the whole state again.
 */

import type { ControlNews, ParticipantQuality, Slot, Want } from '../wire.js';

/** The largest message, in characters: no conference says more at once. */
const LARGEST = 64 * 1024;

/** Bounds of lists, well above the largest call (350 participants). */
const MOST_SLOTS = 64;
const MOST_PEOPLE = 512;

/** At most this many pictures are asked for: nine cameras and a screen. */
export const MOST_WANTS = 10;

/** What a view that is not in the page yet is likely to be shown at, in pixels. */
const LIKELY = { width: 320, height: 180 };

/** A picture that somebody looks at. */
export interface Wish {
  participant: string;
  source: 'camera' | 'screen';
  /** In pixels of the device; zero while it is not known. */
  width: number;
  height: number;
}

/** A message of the media processor; `undefined` for what makes no sense. */
export function parseControl(data: unknown): ControlNews | undefined {
  if (typeof data !== 'string' || data.length > LARGEST) {
    return undefined;
  }
  let said: Record<string, unknown> | null;
  try {
    said = JSON.parse(data) as Record<string, unknown> | null;
  } catch {
    return undefined;
  }
  switch (said?.['type']) {
    case 'slots':
      return { type: 'slots', slots: list(said['slots'], MOST_SLOTS).flatMap(slot) };
    case 'speakers':
      return { type: 'speakers', dominant: texts(said['dominant']), speaking: texts(said['speaking']) };
    case 'quality':
      return { type: 'quality', participants: list(said['participants'], MOST_PEOPLE).flatMap(quality) };
    case 'mode': {
      const { mode } = said;
      return mode === 'forwarded' || mode === 'mixed' ? { type: 'mode', mode } : undefined;
    }
    default:
      return undefined;
  }
}

/**
 * What to ask for: screens first, then whoever is larger on the page, then whoever spoke last.
 *
 * - `dominant`: participant ids, newest first.
 */
export function choose(wishes: readonly Wish[], dominant: readonly string[]): Want[] {
  const rank = (wish: Wish): number => {
    const place = dominant.indexOf(wish.participant);
    return place < 0 ? dominant.length : place;
  };
  return wishes
    .map((wish) => (wish.width > 0 && wish.height > 0 ? wish : { ...wish, ...LIKELY }))
    .map((wish) => ({ ...wish, width: Math.round(wish.width), height: Math.round(wish.height) }))
    .sort(
      (one, other) =>
        Number(other.source === 'screen') - Number(one.source === 'screen') ||
        other.width * other.height - one.width * one.height ||
        rank(one) - rank(other),
    )
    .slice(0, MOST_WANTS);
}

function slot(said: unknown): Slot[] {
  const { mid, participant, source } = fields(said);
  if (typeof mid !== 'string') {
    return [];
  }
  if (source === 'mix' || source === 'composition') {
    return [{ mid, source }];
  }
  const isTrack = source === 'microphone' || source === 'camera' || source === 'screen';
  return isTrack && typeof participant === 'string' ? [{ mid, participant, source }] : [];
}

function quality(said: unknown): ParticipantQuality[] {
  const { participant, send, receive } = fields(said);
  return typeof participant === 'string' ? [{ participant, send: grade(send), receive: grade(receive) }] : [];
}

function grade(value: unknown): number {
  return typeof value === 'number' && value >= 0 && value <= 5 ? Math.round(value) : 0;
}

function fields(said: unknown): Record<string, unknown> {
  return typeof said === 'object' && said !== null ? (said as Record<string, unknown>) : {};
}

function list(said: unknown, most: number): unknown[] {
  return Array.isArray(said) ? said.slice(0, most) : [];
}

function texts(said: unknown): string[] {
  return list(said, MOST_PEOPLE).filter((one) => typeof one === 'string');
}
