/** Turns `getStats` into what the exchange is told of a media path. */

import type { CandidateReport, MediaReport, PairReport, StreamReport } from '../wire.js';
import type { Media } from './peer-door.js';

/** At most this many pairs and streams in one report. */
const MAX_PAIRS = 64;
const MAX_STREAMS = 16;

/** One entry of a stats report; its fields depend on the browser. */
type Entry = Record<string, unknown> & { id: string; type: string };

/** Figures of one moment. */
export interface Figures {
  report: Omit<MediaReport, 'state' | 'setupMs'>;
  /** Grows when anything comes in, connectivity checks included. */
  received: number;
  /** Grows when media or data comes in. */
  bytesReceived: number;
  /** Whether the pair in use goes through a relay, on either side; `undefined` when there is none. */
  isRelayed: boolean | undefined;
}

/**
 * Reads a stats report.
 *
 * - `mediaOf`: what the m-line with a mid carries.
 */
export function figures(stats: RTCStatsReport, mediaOf: (mid: string | null) => Media | undefined): Figures {
  const entries = new Map<string, Entry>();
  (stats as unknown as Map<string, Entry>).forEach((entry) => entries.set(entry.id, entry));
  const all = [...entries.values()];
  const pairs = all.filter((entry) => entry.type === 'candidate-pair');
  const selected = selectedPair(all, pairs, entries);
  const told = pairs.map((pair) => pairReport(pair, entries)).filter((pair) => pair !== undefined);
  const inUse = selected && pairReport(selected, entries);
  const bytesReceived = sum(pairs, 'bytesReceived');
  return {
    report: {
      ...(inUse ? { selected: inUse } : {}),
      pairs: told.sort(byInterest).slice(0, MAX_PAIRS),
      streams: streams(all, entries, mediaOf, inUse?.rttMs).slice(0, MAX_STREAMS),
    },
    received: bytesReceived + sum(pairs, 'responsesReceived') + sum(pairs, 'requestsReceived'),
    bytesReceived,
    isRelayed: inUse && (inUse.local.type === 'relay' || inUse.remote.type === 'relay'),
  };
}

function selectedPair(all: Entry[], pairs: Entry[], entries: Map<string, Entry>): Entry | undefined {
  const transport = all.find((entry) => entry.type === 'transport' && entry['selectedCandidatePairId']);
  // Firefox has no transport entries, and marks the pair itself.
  return (
    entries.get(String(transport?.['selectedCandidatePairId'])) ??
    pairs.find((pair) => pair['selected'] === true) ??
    pairs.find((pair) => pair['nominated'] === true && pair['state'] === 'succeeded')
  );
}

function pairReport(pair: Entry, entries: Map<string, Entry>): PairReport | undefined {
  const local = entries.get(String(pair['localCandidateId']));
  const remote = entries.get(String(pair['remoteCandidateId']));
  if (!local || !remote) {
    return undefined;
  }
  const rtt = number(pair['currentRoundTripTime']);
  return {
    local: candidateReport(local),
    remote: candidateReport(remote),
    state: String(pair['state'] ?? 'frozen'),
    nominated: pair['nominated'] === true,
    requestsSent: count(pair['requestsSent']),
    responsesReceived: count(pair['responsesReceived']),
    ...(rtt === undefined ? {} : { rttMs: Math.round(rtt * 1000) }),
  };
}

function candidateReport(candidate: Entry): CandidateReport {
  const relayProtocol = text(candidate['relayProtocol']);
  const address = text(candidate['address']) ?? text(candidate['ip']);
  const port = number(candidate['port']);
  return {
    type: text(candidate['candidateType']) ?? 'host',
    protocol: text(candidate['protocol']) ?? 'udp',
    ...(relayProtocol ? { relayProtocol } : {}),
    ...(address ? { address } : {}),
    ...(port === undefined ? {} : { port }),
  };
}

/** The pair in use first, then those that worked, then those that were tried. */
function byInterest(one: PairReport, other: PairReport): number {
  const rank = (pair: PairReport) => (pair.nominated ? 0 : pair.state === 'succeeded' ? 1 : pair.requestsSent > 0 ? 2 : 3);
  return rank(one) - rank(other);
}

function streams(
  all: Entry[],
  entries: Map<string, Entry>,
  mediaOf: (mid: string | null) => Media | undefined,
  pairRtt: number | undefined,
): StreamReport[] {
  const told: StreamReport[] = [];
  for (const entry of all) {
    const isSent = entry.type === 'outbound-rtp';
    const media = isSent || entry.type === 'inbound-rtp' ? mediaOf(text(entry['mid']) ?? null) : undefined;
    const packets = count(entry[isSent ? 'packetsSent' : 'packetsReceived']);
    if (!media || packets === 0) {
      continue;
    }
    const far = isSent ? entries.get(String(entry['remoteId'])) : undefined;
    const jitter = number((far ?? entry)['jitter']);
    const rtt = number(far?.['roundTripTime']);
    const frames = number(entry[isSent ? 'framesEncoded' : 'framesDecoded']);
    const rttMs = rtt === undefined ? pairRtt : Math.round(rtt * 1000);
    told.push({
      media,
      direction: isSent ? 'send' : 'receive',
      codec: codecName(entries.get(String(entry['codecId']))),
      packets,
      packetsLost: Math.max(0, count((far ?? entry)['packetsLost'])),
      bytes: count(entry[isSent ? 'bytesSent' : 'bytesReceived']),
      ...(jitter === undefined ? {} : { jitterMs: Math.round(jitter * 1000) }),
      ...(rttMs === undefined ? {} : { rttMs }),
      ...(frames === undefined ? {} : { frames: Math.round(frames) }),
    });
  }
  return told;
}

function codecName(codec: Entry | undefined): string {
  return text(codec?.['mimeType'])?.split('/')[1]?.toLowerCase() ?? 'unknown';
}

function sum(entries: Entry[], field: string): number {
  return entries.reduce((total, entry) => total + count(entry[field]), 0);
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function count(value: unknown): number {
  return Math.max(0, Math.round(number(value) ?? 0));
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
