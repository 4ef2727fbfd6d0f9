/** How media flows, in figures. */

import type { CallFeature } from '../feature.js';
import type { Disposable } from '../common.js';

/** A figure over an interval. */
export type MediaStatsAggregation = {
  readonly count: number[];
  readonly sum: number[];
  readonly min: number[];
  readonly max: number[];
};

/** A field of a summary. */
export type MediaStatValue<T> = {
  /** Only for numbers. */
  readonly aggregation?: MediaStatsAggregation;
  readonly raw: T[];
  readonly timestamp: Date[];
};

interface CommonStats {
  id: string;
  codecName: string;
  /** Bits per second. */
  bitrate: number;
  jitterInMs: number;
  packets: number;
  packetsPerSecond: number;
  packetsLost: number;
  packetsLostPerSecond: number;
  rttInMs: number;
  transportId: string;
}

interface OutgoingAudioFields extends CommonStats {
  /** 0 to 65536. */
  audioInputLevel: number;
}
interface IncomingAudioFields extends CommonStats {
  jitterBufferDelayInMs: number;
  /** 0 to 65536. */
  audioOutputLevel: number;
  /** Share of samples that were concealed, 0 to 1. */
  healedRatio: number;
}
interface OutgoingVideoFields extends CommonStats {
  frameRateInput: number;
  frameWidthInput: number;
  frameHeightInput: number;
  framesEncoded: number;
  frameRateEncoded: number;
  framesSent: number;
  frameRateSent: number;
  frameWidthSent: number;
  frameHeightSent: number;
  keyFramesEncoded: number;
}
interface IncomingVideoFields extends CommonStats {
  streamId: number;
  jitterBufferDelayInMs: number;
  frameRateDecoded: number;
  frameRateReceived: number;
  frameWidthReceived: number;
  frameHeightReceived: number;
  longestFreezeDurationInMs: number;
  totalFreezeDurationInMs: number;
  framesReceived: number;
  framesDropped: number;
  framesDecoded: number;
  keyFramesDecoded: number;
}
interface TransportFields {
  id: string;
  rttInMs: number;
  availableIncomingBitrate: number;
  availableOutgoingBitrate: number;
}

type Sampled<T> = { [K in keyof T]?: T[K] };
type Summed<T> = { [K in keyof T]?: MediaStatValue<NonNullable<T[K]>> };

/** One stream at one moment (`'sample'`) or over an interval (`'summary'`). */
export type Kind = 'sample' | 'summary';
type Of<T, K extends Kind> = K extends 'sample' ? Sampled<T> : Summed<T>;

export type OutgoingAudioMediaStatsOf<K extends Kind> = Of<OutgoingAudioFields, K>;
export type IncomingAudioMediaStatsOf<K extends Kind> = Of<IncomingAudioFields, K>;
export type OutgoingVideoMediaStatsOf<K extends Kind> = Of<OutgoingVideoFields, K> & { altLayouts?: Of<OutgoingVideoFields, K>[] };
export type IncomingVideoMediaStatsOf<K extends Kind> = Of<IncomingVideoFields, K>;
export type TransportMediaStatsOf<K extends Kind> = Of<TransportFields, K>;

export interface OutgoingAudioMediaStats extends OutgoingAudioMediaStatsOf<'sample'> {}
export interface IncomingAudioMediaStats extends IncomingAudioMediaStatsOf<'sample'> {}
export interface OutgoingVideoMediaStats extends Sampled<OutgoingVideoFields> {
  altLayouts?: Sampled<OutgoingVideoFields>[];
}
export interface IncomingVideoMediaStats extends IncomingVideoMediaStatsOf<'sample'> {}
export type OutgoingScreenShareMediaStats = OutgoingVideoMediaStats;
export type IncomingScreenShareMediaStats = IncomingVideoMediaStats;
export interface TransportMediaStats extends TransportMediaStatsOf<'sample'> {}

export interface MediaStatsReportSample {
  readonly audio: { readonly send: OutgoingAudioMediaStats[]; readonly receive: IncomingAudioMediaStats[] };
  readonly video: { readonly send: OutgoingVideoMediaStats[]; readonly receive: IncomingVideoMediaStats[] };
  readonly screenShare: { readonly send: OutgoingScreenShareMediaStats[]; readonly receive: IncomingScreenShareMediaStats[] };
  readonly transports: TransportMediaStats[];
}

export interface MediaStatsReportSummary {
  readonly audio: {
    readonly send: OutgoingAudioMediaStatsOf<'summary'>[];
    readonly receive: IncomingAudioMediaStatsOf<'summary'>[];
  };
  readonly video: {
    readonly send: OutgoingVideoMediaStatsOf<'summary'>[];
    readonly receive: IncomingVideoMediaStatsOf<'summary'>[];
  };
  readonly screenShare: {
    readonly send: OutgoingVideoMediaStatsOf<'summary'>[];
    readonly receive: IncomingVideoMediaStatsOf<'summary'>[];
  };
  readonly transports: TransportMediaStatsOf<'summary'>[];
}

export type MediaStatsReportSampleEvent = (sample: MediaStatsReportSample) => void;
export type MediaStatsReportSummaryEvent = (summary: MediaStatsReportSummary) => void;

export type MediaStatsCollectorOptions = {
  /** Milliseconds that one aggregated figure covers. Default 20000, at least 1000. */
  aggregationInterval?: number;
  /** Aggregated figures per summary. Default 5. */
  dataPointsPerAggregation?: number;
};

export interface MediaStatsCollector extends Disposable {
  on(event: 'sampleReported', listener: MediaStatsReportSampleEvent): void;
  on(event: 'summaryReported', listener: MediaStatsReportSummaryEvent): void;
  off(event: 'sampleReported', listener: MediaStatsReportSampleEvent): void;
  off(event: 'summaryReported', listener: MediaStatsReportSummaryEvent): void;
}

export interface MediaStatsCallFeature extends CallFeature {
  createCollector(options?: MediaStatsCollectorOptions): MediaStatsCollector;
  /** Ends all collectors. */
  disposeAllCollectors(): void;
}
