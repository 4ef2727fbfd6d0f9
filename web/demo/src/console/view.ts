/** The console: how the node is, which calls there were, why they went the way they did, and what was used. */

import { byId, make, show, toast } from '../dom.js';
import { nameOf } from '../names.js';
import { bytes, clock, duration } from '../words.js';
import { story } from './story.js';
import { ask, devKey, keyOf, Refused } from './sign.js';
import type { CallSummary, EndReason, Explanation, Status, Usage, UsageRecord } from './shapes.js';

/** How often an open console reads, in milliseconds. */
const READ_EVERY = 5_000;

let key: string | undefined;
let isWired = false;
let timer: ReturnType<typeof setInterval> | undefined;
/** The call whose story is shown. */
let chosen: string | undefined;
/** Whether it was still going on when it was told. */
let isChosenLive = false;
/** What each part shows, so that nothing is drawn anew under somebody's fingers. */
const drawn = new Map<string, string>();

function draw(id: string, of: unknown, make: () => HTMLElement[]): void {
  const text = JSON.stringify(of);
  if (drawn.get(id) !== text) {
    drawn.set(id, text);
    byId(id).replaceChildren(...make());
  }
}

/** Called whenever the address changes: opens or rests. */
export function openConsole(): void {
  wire();
  clearInterval(timer);
  if (!location.hash.startsWith('#console')) {
    return;
  }
  chosen = location.hash.split('/')[1] || chosen;
  if (key) {
    void read();
    timer = setInterval(() => document.visibilityState === 'visible' && void read(), READ_EVERY);
  } else {
    byId('access-key').focus({ preventScroll: true });
  }
}

function wire(): void {
  if (isWired) {
    return;
  }
  isWired = true;
  byId('key-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const field = byId<HTMLInputElement>('access-key');
    try {
      key = keyOf(field.value);
      field.value = '';
      openConsole();
    } catch (error) {
      refuse((error as Error).message);
    }
  });
  byId('dev-key').addEventListener('click', () => {
    key = devKey();
    openConsole();
  });
  byId('refresh').addEventListener('click', () => void read());
  byId('forget-key').addEventListener('click', () => {
    forget();
    byId('access-key').focus();
  });
}

function forget(): void {
  key = undefined;
  clearInterval(timer);
  show(byId('console-body'), false);
  show(byId('key-form'), true);
  for (const id of ['status-tiles', 'calls', 'usage', 'explain-body']) {
    byId(id).replaceChildren();
    drawn.delete(id);
  }
}

function refuse(words: string): void {
  const problem = byId('key-error');
  problem.textContent = words;
  show(problem, true);
}

async function read(): Promise<void> {
  if (!key) {
    return;
  }
  const results = await Promise.allSettled([
    ask<Status>(key, '/admin/status'),
    ask<{ value?: CallSummary[] }>(key, '/admin/calls?top=50'),
    ask<Usage>(key, '/admin/usage?top=100'),
  ]);
  const refused = results.find((result) => result.status === 'rejected' && result.reason instanceof Refused);
  if (refused?.status === 'rejected') {
    forget();
    refuse((refused.reason as Error).message);
    return;
  }
  const [status, calls, usage] = results;
  show(byId('key-error'), false);
  show(byId('key-form'), false);
  show(byId('console-body'), true);
  byId('console-at').textContent = `Read at ${new Date().toLocaleTimeString()}`;
  draw('status-tiles', status, () => (status.status === 'fulfilled' ? statusTiles(status.value) : [failure(status.reason)]));
  draw('calls', calls, () => [calls.status === 'fulfilled' ? callTable(calls.value.value ?? []) : failure(calls.reason)]);
  draw('usage', usage, () => (usage.status === 'fulfilled' ? usageView(usage.value) : [failure(usage.reason)]));
  if (chosen && (isChosenLive || byId('explain').dataset.call !== chosen)) {
    await explain(chosen, false);
  }
}

async function explain(callId: string, withFocus: boolean): Promise<void> {
  if (!key) {
    return;
  }
  chosen = callId;
  try {
    const told = await ask<Explanation>(key, `/admin/calls/${encodeURIComponent(callId)}/explain`);
    const section = byId('explain');
    section.dataset.call = callId;
    isChosenLive = told.call !== undefined && told.call.ended === undefined;
    draw('explain-body', told, () => [story(told)]);
    show(section, true);
    document.querySelectorAll('#calls tr[data-call]').forEach((row) => {
      row.setAttribute('aria-current', String((row as HTMLElement).dataset.call === callId));
    });
    if (withFocus) {
      section.focus({ preventScroll: true });
      section.scrollIntoView({ behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
    }
  } catch (error) {
    toast((error as Error).message);
  }
}

function failure(reason: unknown): HTMLElement {
  return make('p', { class: 'empty' }, `Not available: ${(reason as Error).message}`);
}

function tile(label: string, value: string): HTMLElement {
  return make('div', { class: 'figure' }, make('span', {}, label), make('strong', {}, value));
}

function statusTiles(status: Status): HTMLElement[] {
  return [
    tile('State', status.draining ? 'Draining' : 'Running'),
    tile('Started as', status.dev ? 'centrale dev' : 'centrale serve'),
    tile('Up for', status.uptimeSeconds === undefined ? '–' : uptime(status.uptimeSeconds)),
    tile('Users', String(status.users ?? '–')),
    tile('Relay', status.relayEnabled === undefined ? '–' : status.relayEnabled ? 'On' : 'Off'),
    tile('Limits', status.limits === undefined ? '–' : status.limits ? 'On' : 'Off'),
    tile('Version', status.version ?? '–'),
  ];
}

function uptime(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  return days > 0 ? `${days} d ${Math.floor(seconds / 3600) % 24} h` : clock(seconds);
}

/** A call in a cell: the beginning of its id, which leads to its story. */
function callLink(callId: string | undefined): HTMLElement {
  return callId
    ? make('a', { href: `#console/${callId}`, title: callId, 'aria-label': `Explain the call ${callId}` }, callId.slice(0, 8))
    : make('span', {}, '–');
}

/** A person in a cell: a name that can be told apart, and the id for those who need it. */
export function person(rawId: string | undefined): HTMLElement {
  return make('span', { title: rawId ?? '' }, rawId?.startsWith('8:acs:') ? nameOf(rawId) : (rawId ?? '–'));
}

export function reasonBadge(reason: EndReason | undefined, isLive: boolean): HTMLElement {
  if (isLive) {
    return make('span', { class: 'badge' }, 'in progress');
  }
  const { code = 0, subCode = 0 } = reason ?? {};
  const kind = code === 0 ? '' : [487, 603, 486].includes(code) ? 'warn' : 'bad';
  return make('span', { class: `badge ${kind}`, title: `${code}/${subCode}` }, reason ? reasonWords(code, subCode) : 'over');
}

/** An end reason in two words, seen from outside. */
export function reasonWords(code: number, subCode: number): string {
  const words: Record<string, string> = {
    '0/0': 'hung up',
    '487/0': 'cancelled',
    '603/0': 'declined',
    '486/0': 'busy',
    '487/10003': 'answered elsewhere',
    '487/10004': 'no answer',
    '487/10024': 'declined',
    '480/10037': 'nobody there',
    '0/4521': 'vanished',
    '0/4097': 'ended for all',
    '0/7015': 'transferred',
    '410/3100': 'no path',
    '410/3101': 'network lost',
    '410/3112': 'no path, no relay',
    '410/301004': 'no path',
    '410/301005': 'path lost',
  };
  return words[`${code}/${subCode}`] ?? `${code}/${subCode}`;
}

function callTable(calls: CallSummary[]): HTMLElement {
  if (calls.length === 0) {
    return make('p', { class: 'empty' }, 'No calls yet.');
  }
  const rows = calls.map((call) => {
    const isLive = call.ended === undefined;
    const button = make('button', { type: 'button', class: 'text-button', 'aria-label': `Explain the call of ${when(call.started)}` }, 'Explain');
    button.addEventListener('click', () => void explain(call.callId, true));
    return make(
      'tr',
      { 'data-call': call.callId, 'aria-current': String(call.callId === chosen) },
      make('td', {}, when(call.started)),
      make('td', {}, person(call.caller)),
      make('td', {}, ...(call.targets ?? []).map((target) => person(target))),
      make('td', { class: 'number' }, isLive || call.started === undefined ? '–' : clock(((call.ended ?? 0) - call.started) / 1000)),
      make('td', {}, reasonBadge(call.endReason, isLive)),
      make('td', {}, button),
    );
  });
  return table(['When', 'From', 'To', '#Length', 'End', ''], rows);
}

function when(milliseconds: number | undefined): string {
  if (milliseconds === undefined) {
    return '–';
  }
  const date = new Date(milliseconds);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? date.toLocaleTimeString() : date.toLocaleString([], { dateStyle: 'short', timeStyle: 'short' });
}

/** A table; heads that begin with `#` are of numbers. */
export function table(heads: string[], rows: HTMLElement[]): HTMLElement {
  return make(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': heads.filter(Boolean).join(', ').replaceAll('#', '') },
    make(
      'table',
      {},
      make('thead', {}, make('tr', {}, ...heads.map((head) => make('th', { scope: 'col', class: head.startsWith('#') ? 'number' : '' }, head.replace('#', ''))))),
      make('tbody', {}, ...rows),
    ),
  );
}

export function quantity(unit: string | undefined, amount: number | undefined): string {
  if (amount === undefined) {
    return '–';
  }
  return unit === 'bytes' ? bytes(amount) : unit === 'milliseconds' ? duration(amount) : `${amount} ${unit ?? ''}`;
}

const KINDS: Record<string, string> = { VoIP: 'Call time', NAT: 'Relayed' };

function usageView(usage: Usage): HTMLElement[] {
  const totals = (usage.totals ?? []).map((total) =>
    tile(`${KINDS[total.kind ?? ''] ?? total.kind ?? ''}${total.direction ? `, ${total.direction}` : ''} · ${total.records ?? 0} records`, quantity(total.unit, total.quantity)),
  );
  const records = [...(usage.value ?? [])].reverse();
  if (records.length === 0) {
    return [make('p', { class: 'empty' }, 'Nothing was used yet. STUN is free and never appears here.')];
  }
  return [make('div', { class: 'figures' }, ...totals), usageTable(records, true)];
}

/** - `withCalls`: whether each line says which call it is of, and leads to its story. */
export function usageTable(records: UsageRecord[], withCalls = false): HTMLElement {
  return table(
    ['When', 'What', 'Who', ...(withCalls ? ['Call'] : []), 'How', '#Quantity'],
    records.map((record) =>
      make(
        'tr',
        {},
        make('td', {}, when(record.ended ?? record.started)),
        make('td', {}, KINDS[record.kind ?? ''] ?? record.kind),
        make('td', {}, person(record.identity)),
        withCalls && make('td', {}, callLink(record.callId)),
        make('td', {}, [record.transport, record.direction].filter(Boolean).join(', ') || '–'),
        make('td', { class: 'number' }, quantity(record.unit, record.quantity)),
      ),
    ),
  );
}
