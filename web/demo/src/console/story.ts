/** The story of a call, readable. */

import { make } from '../dom.js';
import { nameOf } from '../names.js';
import { bytes, clock, duration } from '../words.js';
import type { Candidate, Explanation, Leg, Pair } from './shapes.js';
import { person, reasonBadge, table, usageTable } from './view.js';

/** Puts an explanation on the page. */
export function story(told: Explanation): HTMLElement {
  const legs = told.legs ?? [];
  const { call } = told;
  const facts = [
    call?.started !== undefined && `Placed ${new Date(call.started).toLocaleString()}`,
    call?.started !== undefined && call.ended !== undefined && `lasted ${clock((call.ended - call.started) / 1000)}`,
    `relayed ${bytes(told.relayedBytes ?? 0)}`,
  ].filter(Boolean);
  return make(
    'div',
    { class: 'story' },
    make(
      'div',
      { class: 'card story-head' },
      make('p', { class: 'path' }, told.path || 'No path is known.'),
      make('p', { class: 'hint' }, `${facts.join(', ')}. `, reasonBadge(call?.endReason, call !== undefined && call.ended === undefined)),
      make('p', { class: 'hint' }, 'Call ', make('code', {}, call?.callId ?? '–')),
    ),
    make('div', { class: 'card' }, timeline(told, legs)),
    make('div', { class: 'legs' }, ...legs.map(legCard)),
    (told.usage ?? []).length > 0 && usageTable(told.usage ?? []),
    told.text ? make('details', {}, make('summary', {}, 'All of it as text'), make('pre', {}, make('code', {}, told.text))) : undefined,
  );
}

/** Words with names instead of ids. */
function named(words: string, legs: Leg[]): string {
  return legs.reduce((text, { identity }) => (identity ? text.replaceAll(identity, nameOf(identity)) : text), words);
}

function who(leg: number | undefined, legs: Leg[]): string {
  const known = legs.find((candidate) => candidate.leg === leg);
  return known ? (known.identity ? nameOf(known.identity) : (known.role ?? `Leg ${leg}`)) : '';
}

function timeline(told: Explanation, legs: Leg[]): HTMLElement {
  const steps = told.steps ?? [];
  if (steps.length === 0) {
    return make('p', { class: 'hint' }, 'Nothing was recorded.');
  }
  return make(
    'ol',
    { class: 'timeline' },
    ...steps.map((step) => {
      const name = step.leg === undefined ? '' : who(step.leg, legs);
      return make(
        'li',
        { 'data-leg': step.leg === undefined ? undefined : String(step.leg) },
        make('time', {}, `+${duration(step.atMs ?? 0)}`),
        make('span', { class: 'mark', 'aria-hidden': 'true' }),
        make('span', {}, name ? make('strong', {}, `${name} `) : undefined, named(step.what ?? '', legs)),
      );
    }),
  );
}

function candidateWords(candidate: Candidate | undefined): string {
  if (!candidate) {
    return '–';
  }
  const over = candidate.relayProtocol ? `/${candidate.relayProtocol}` : '';
  const address = candidate.address ? ` ${candidate.address}${candidate.port === undefined ? '' : `:${candidate.port}`}` : '';
  return `${candidate.type ?? '?'}${over} ${candidate.protocol ?? ''}${address}`;
}

function pairRow(pair: Pair, isChosen: boolean): HTMLElement {
  return make(
    'tr',
    { 'aria-current': String(isChosen) },
    make('td', {}, candidateWords(pair.local)),
    make('td', {}, candidateWords(pair.remote)),
    make('td', {}, isChosen ? 'chosen' : (pair.state ?? '–')),
    make('td', { class: 'number' }, `${pair.responsesReceived ?? 0}/${pair.requestsSent ?? 0}`),
    make('td', { class: 'number' }, pair.rttMs === undefined ? '–' : `${pair.rttMs} ms`),
  );
}

function isSame(one: Pair, other: Pair | undefined): boolean {
  return other !== undefined && JSON.stringify([one.local, one.remote]) === JSON.stringify([other.local, other.remote]);
}

function legCard(leg: Leg): HTMLElement {
  const pairs = leg.pairs ?? [];
  const shown = pairs.length === 0 && leg.selected ? [leg.selected] : pairs;
  const streams = leg.streams ?? [];
  const candidates = leg.candidates ?? [];
  const times = [
    leg.setupMs !== undefined && `path after ${duration(leg.setupMs)}`,
    leg.connectedMs !== undefined && `connected ${clock(leg.connectedMs / 1000)}`,
  ].filter(Boolean);
  return make(
    'div',
    { class: 'card leg', 'data-leg': String(leg.leg ?? 0) },
    make('h3', {}, person(leg.identity), make('span', { class: 'hint' }, [leg.role, ...times].filter(Boolean).join(' · '))),
    leg.endReason ? make('p', {}, reasonBadge(leg.endReason, false)) : undefined,
    (leg.whyNotBetter ?? []).length > 0 &&
      make('div', {}, make('p', { class: 'hint' }, 'Why nothing better'), make('ul', {}, ...(leg.whyNotBetter ?? []).map((why) => make('li', {}, why)))),
    shown.length > 0 && table(['Own', 'Other side', 'State', '#Answers', '#RTT'], shown.map((pair) => pairRow(pair, isSame(pair, leg.selected)))),
    candidates.length > 0 &&
      make(
        'details',
        {},
        make('summary', {}, `${candidates.length} candidates sent`),
        make('ul', {}, ...candidates.map((candidate) => make('li', {}, make('code', {}, candidateWords(candidate))))),
      ),
    streams.length > 0 &&
      table(
        ['Stream', 'Codec', '#Packets', '#Lost', '#Jitter', '#Size'],
        streams.map((stream) =>
          make(
            'tr',
            {},
            make('td', {}, `${stream.media ?? ''} ${stream.direction ?? ''}`),
            make('td', {}, stream.codec ?? '–'),
            make('td', { class: 'number' }, String(stream.packets ?? '–')),
            make('td', { class: 'number' }, String(stream.packetsLost ?? '–')),
            make('td', { class: 'number' }, stream.jitterMs === undefined ? '–' : `${stream.jitterMs} ms`),
            make('td', { class: 'number' }, bytes(stream.bytes ?? 0)),
          ),
        ),
      ),
  );
}
