/** A browser's report as a sample. Pure. */

import type { Media } from '../call/peer-door.js';
import type {
  IncomingAudioMediaStats,
  IncomingVideoMediaStats,
  MediaStatsReportSample,
  OutgoingAudioMediaStats,
  OutgoingVideoMediaStats,
  TransportMediaStats,
} from '../types/features/media-stats.js';

/** What was counted at an earlier moment, by the browser's id of the stream. */
export type Counters = Map<string, Counter>;

interface Counter {
  /** Milliseconds. */
  at: number;
  bytes: number;
  packets: number;
  lost: number;
  framesEncoded: number;
  framesSent: number;
  framesDecoded: number;
  framesReceived: number;
  jitterBufferDelay: number;
  jitterBufferCount: number;
  concealed: number;
  samples: number;
}

type Stat = Record<string, unknown> & { id: string; type: string; timestamp: number };

/** The vendor's scale of sound levels. */
const FULL_LEVEL = 65_536;

const number = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);
const optional = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Makes a sample of a report and of what was counted before. */
export function readSample(
  stats: RTCStatsReport,
  mediaOf: (mid: string | null) => Media | undefined,
  before: Counters,
): { sample: MediaStatsReportSample; counters: Counters } {
  const byId = new Map<string, Stat>();
  stats.forEach((entry) => byId.set((entry as Stat).id, entry as Stat));
  const counters: Counters = new Map();
  const audio = { send: [] as OutgoingAudioMediaStats[], receive: [] as IncomingAudioMediaStats[] };
  const video = { send: [] as OutgoingVideoMediaStats[], receive: [] as IncomingVideoMediaStats[] };
  const screenShare = { send: [] as OutgoingVideoMediaStats[], receive: [] as IncomingVideoMediaStats[] };
  const remotes = [...byId.values()].filter((stat) => stat.type === 'remote-inbound-rtp');
  for (const stat of byId.values()) {
    if (stat.type !== 'inbound-rtp' && stat.type !== 'outbound-rtp') {
      continue;
    }
    if (stat.type === 'outbound-rtp' && number(stat.packetsSent) === 0) {
      continue; // prepared, and nothing sent yet
    }
    if (stat.type === 'inbound-rtp' && number(stat.packetsReceived) === 0) {
      continue; // a slot that carries nothing
    }
    const media = mediaOf((stat.mid as string | undefined) ?? null) ?? (stat.kind === 'audio' ? 'audio' : 'video');
    const now = count(stat);
    counters.set(stat.id, now);
    const common = commonOf(stat, now, before.get(stat.id), byId);
    const group = media === 'screen' ? screenShare : video;
    if (stat.type === 'inbound-rtp') {
      if (media === 'audio') {
        audio.receive.push({ ...common, ...incomingAudio(stat, now, before.get(stat.id)) });
      } else {
        group.receive.push({ ...common, ...incomingVideo(stat, now, before.get(stat.id)), streamId: media === 'screen' ? 2 : 1 });
      }
      continue;
    }
    const remote = remotes.find((candidate) => candidate.localId === stat.id);
    const back = {
      jitterInMs: number(remote?.jitter) * 1000,
      packetsLost: number(remote?.packetsLost),
      rttInMs: number(remote?.roundTripTime) * 1000,
    };
    const source = byId.get(text(stat.mediaSourceId));
    if (media === 'audio') {
      audio.send.push({ ...common, ...back, audioInputLevel: Math.round(number(source?.audioLevel) * FULL_LEVEL) });
    } else {
      group.send.push({ ...common, ...back, ...outgoingVideo(stat, now, before.get(stat.id), source), altLayouts: [] });
    }
  }
  return { sample: { audio, video, screenShare, transports: transportsOf(byId) }, counters };
}

function count(stat: Stat): Counter {
  const isIncoming = stat.type === 'inbound-rtp';
  return {
    at: stat.timestamp,
    bytes: number(isIncoming ? stat.bytesReceived : stat.bytesSent),
    packets: number(isIncoming ? stat.packetsReceived : stat.packetsSent),
    lost: Math.max(0, number(stat.packetsLost)),
    framesEncoded: number(stat.framesEncoded),
    framesSent: number(stat.framesSent),
    framesDecoded: number(stat.framesDecoded),
    framesReceived: number(stat.framesReceived),
    jitterBufferDelay: number(stat.jitterBufferDelay),
    jitterBufferCount: number(stat.jitterBufferEmittedCount),
    concealed: number(stat.concealedSamples),
    samples: number(stat.totalSamplesReceived),
  };
}

/** How much a counter grew per second; 0 for the first sample. */
function perSecond(now: Counter, before: Counter | undefined, field: keyof Counter): number {
  const seconds = before ? (now.at - before.at) / 1000 : 0;
  return before && seconds > 0 ? Math.max(0, (now[field] - before[field]) / seconds) : 0;
}

function commonOf(stat: Stat, now: Counter, before: Counter | undefined, byId: Map<string, Stat>) {
  const codec = byId.get(text(stat.codecId));
  return {
    id: String(stat.ssrc ?? stat.id),
    codecName: text(codec?.mimeType).split('/')[1] ?? '',
    bitrate: Math.round(perSecond(now, before, 'bytes') * 8),
    jitterInMs: number(stat.jitter) * 1000,
    packets: now.packets,
    packetsPerSecond: Math.round(perSecond(now, before, 'packets')),
    packetsLost: now.lost,
    packetsLostPerSecond: Math.round(perSecond(now, before, 'lost')),
    rttInMs: pairRtt(byId) ?? 0,
    transportId: text(stat.transportId),
  };
}

function incomingAudio(stat: Stat, now: Counter, before: Counter | undefined) {
  const samples = now.samples - (before?.samples ?? 0);
  return {
    jitterBufferDelayInMs: bufferDelay(now, before),
    audioOutputLevel: Math.round(number(stat.audioLevel) * FULL_LEVEL),
    healedRatio: samples > 0 ? Math.max(0, now.concealed - (before?.concealed ?? 0)) / samples : 0,
  };
}

function incomingVideo(stat: Stat, now: Counter, before: Counter | undefined) {
  const freezes = number(stat.totalFreezesDuration) * 1000;
  return {
    jitterBufferDelayInMs: bufferDelay(now, before),
    frameRateDecoded: Math.round(perSecond(now, before, 'framesDecoded')),
    frameRateReceived: Math.round(perSecond(now, before, 'framesReceived')),
    frameWidthReceived: number(stat.frameWidth),
    frameHeightReceived: number(stat.frameHeight),
    // Browsers tell the sum and the number of freezes, not the longest one; the mean is what can be said.
    longestFreezeDurationInMs: number(stat.freezeCount) > 0 ? freezes / number(stat.freezeCount) : 0,
    totalFreezeDurationInMs: freezes,
    framesReceived: now.framesReceived,
    framesDropped: number(stat.framesDropped),
    framesDecoded: now.framesDecoded,
    keyFramesDecoded: number(stat.keyFramesDecoded),
  };
}

function outgoingVideo(stat: Stat, now: Counter, before: Counter | undefined, source: Stat | undefined) {
  return {
    frameRateInput: number(source?.framesPerSecond),
    frameWidthInput: number(source?.width),
    frameHeightInput: number(source?.height),
    framesEncoded: now.framesEncoded,
    frameRateEncoded: Math.round(perSecond(now, before, 'framesEncoded')),
    framesSent: now.framesSent,
    frameRateSent: Math.round(perSecond(now, before, 'framesSent')),
    frameWidthSent: number(stat.frameWidth),
    frameHeightSent: number(stat.frameHeight),
    keyFramesEncoded: number(stat.keyFramesEncoded),
  };
}

/** Mean wait in the jitter buffer since the last sample, in milliseconds. */
function bufferDelay(now: Counter, before: Counter | undefined): number {
  const emitted = now.jitterBufferCount - (before?.jitterBufferCount ?? 0);
  const delay = now.jitterBufferDelay - (before?.jitterBufferDelay ?? 0);
  return emitted > 0 ? Math.round((delay / emitted) * 1000) : 0;
}

function selectedPair(byId: Map<string, Stat>, transport?: Stat): Stat | undefined {
  return (
    byId.get(text(transport?.selectedCandidatePairId)) ??
    [...byId.values()].find((stat) => stat.type === 'candidate-pair' && stat.nominated === true && stat.state === 'succeeded')
  );
}

function pairRtt(byId: Map<string, Stat>): number | undefined {
  const seconds = optional(selectedPair(byId)?.currentRoundTripTime);
  return seconds === undefined ? undefined : Math.round(seconds * 1000);
}

function transportsOf(byId: Map<string, Stat>): TransportMediaStats[] {
  return [...byId.values()]
    .filter((stat) => stat.type === 'transport')
    .map((transport) => {
      const pair = selectedPair(byId, transport);
      return {
        id: transport.id,
        rttInMs: Math.round(number(pair?.currentRoundTripTime) * 1000),
        availableIncomingBitrate: number(pair?.availableIncomingBitrate),
        availableOutgoingBitrate: number(pair?.availableOutgoingBitrate),
      };
    });
}
