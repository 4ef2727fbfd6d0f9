/** Judging a network by its figures (B-NET-3). Pure. */

import type { Media } from '../call/peer-door.js';
import { DiagnosticQuality } from '../types/enums.js';

/** What is bad (B-NET-3). Half of it is poor. */
export const BAD = {
  rttMs: 500,
  jitterMs: 30,
  /** Share of packets, 0 to 1. */
  loss: 0.1,
  jitterBufferMs: 200,
  /** Share of samples that were made up, 0 to 1. */
  healed: 0.1,
} as const;

/** How much of {@link BAD} is poor. Lower: warnings on networks that are fine; higher: none before it is too late. */
const POOR = 0.6;

/** Figures at one moment; sums count from the start. */
export interface NetworkReading {
  rttMs?: number;
  /** As the other side sees what we send: the share that was lost, and jitter. */
  remoteLoss?: number;
  remoteJitterMs?: number;
  /** What we receive. */
  packets: number;
  lost: number;
  jitterMs: number;
  jitterBufferDelayMs: number;
  jitterBufferCount: number;
  concealed: number;
  samples: number;
  /** Frames of the camera so far; absent while it is not sent. */
  cameraFrames?: number;
  /** Level of the microphone, 0 to 1; absent while it is not sent. */
  microphoneLevel?: number;
}

type Stat = Record<string, unknown> & { id: string; type: string };

const number = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);

/** Reads a browser's report. */
export function readNetwork(stats: RTCStatsReport, mediaOf: (mid: string | null) => Media | undefined): NetworkReading {
  const reading: NetworkReading = {
    packets: 0,
    lost: 0,
    jitterMs: 0,
    jitterBufferDelayMs: 0,
    jitterBufferCount: 0,
    concealed: 0,
    samples: 0,
  };
  stats.forEach((entry) => {
    const stat = entry as Stat;
    switch (stat.type) {
      case 'inbound-rtp':
        readInbound(reading, stat);
        break;
      case 'remote-inbound-rtp':
        reading.remoteLoss = Math.max(reading.remoteLoss ?? 0, number(stat.fractionLost));
        reading.remoteJitterMs = Math.max(reading.remoteJitterMs ?? 0, number(stat.jitter) * 1000);
        break;
      case 'candidate-pair':
        if (stat.nominated === true && stat.state === 'succeeded' && typeof stat.currentRoundTripTime === 'number') {
          reading.rttMs = stat.currentRoundTripTime * 1000;
        }
        break;
      case 'outbound-rtp':
        if (mediaOf((stat.mid as string | undefined) ?? null) === 'video' && stat.active !== false) {
          // Layers go and come with what others look at; the camera is frozen only when none of them moves.
          reading.cameraFrames = (reading.cameraFrames ?? 0) + number(stat.framesEncoded);
        }
        break;
      case 'media-source':
        if (stat.kind === 'audio' && typeof stat.audioLevel === 'number') {
          reading.microphoneLevel = stat.audioLevel;
        }
        break;
    }
  });
  return reading;
}

function readInbound(reading: NetworkReading, stat: Stat): void {
  reading.packets += number(stat.packetsReceived);
  reading.lost += Math.max(0, number(stat.packetsLost));
  if (stat.kind === 'audio') {
    // Of several voices the worst counts for jitter; lines that carry none play silence and say nothing of the network.
    if (stat.packetsReceived === 0) {
      return;
    }
    reading.jitterMs = Math.max(reading.jitterMs, number(stat.jitter) * 1000);
    reading.jitterBufferDelayMs += number(stat.jitterBufferDelay) * 1000;
    reading.jitterBufferCount += number(stat.jitterBufferEmittedCount);
    // Silence that was made up is no harm: nobody hears it.
    reading.concealed += number(stat.concealedSamples) - number(stat.silentConcealedSamples);
    reading.samples += number(stat.totalSamplesReceived);
  }
}

/** How well we are heard. */
export function sendQuality(_before: NetworkReading, now: NetworkReading): DiagnosticQuality {
  return judge([
    share(now.rttMs ?? 0, BAD.rttMs),
    share(now.remoteLoss ?? 0, BAD.loss),
    share(now.remoteJitterMs ?? 0, BAD.jitterMs),
  ]);
}

/** How well we hear. */
export function receiveQuality(before: NetworkReading, now: NetworkReading): DiagnosticQuality {
  const packets = now.packets - before.packets;
  const lost = Math.max(0, now.lost - before.lost);
  const emitted = now.jitterBufferCount - before.jitterBufferCount;
  const delay = now.jitterBufferDelayMs - before.jitterBufferDelayMs;
  const samples = now.samples - before.samples;
  return judge([
    share(ratio(lost, packets + lost), BAD.loss),
    share(now.jitterMs, BAD.jitterMs),
    share(ratio(delay, emitted), BAD.jitterBufferMs),
    share(ratio(Math.max(0, now.concealed - before.concealed), samples), BAD.healed),
  ]);
}

function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}

function share(value: number, bad: number): number {
  return value / bad;
}

function judge(shares: number[]): DiagnosticQuality {
  const worst = Math.max(...shares);
  return worst > 1 ? DiagnosticQuality.Bad : worst > POOR ? DiagnosticQuality.Poor : DiagnosticQuality.Good;
}

/** Believes a change only when it lasts: three readings in a row. */
export class Steady {
  private value = DiagnosticQuality.Good;
  private candidate = DiagnosticQuality.Good;
  private times = 0;

  take(reading: DiagnosticQuality): DiagnosticQuality {
    this.times = reading === this.candidate ? this.times + 1 : 1;
    this.candidate = reading;
    if (this.times >= 3) {
      this.value = reading;
    }
    return this.value;
  }
}
