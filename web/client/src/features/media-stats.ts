/** Figures of media: samples each second, and summaries over intervals. */

import type { Media } from '../call/peer-door.js';
import { Emitter, bindMethods } from '../emitter.js';
import type { CallFeatureContext } from '../types/feature.js';
import type {
  MediaStatsCallFeature,
  MediaStatsCollector,
  MediaStatsCollectorOptions,
  MediaStatsReportSample,
  MediaStatsReportSummary,
} from '../types/features/media-stats.js';
import { FeatureOfCall, every } from './feature.js';
import { Aggregation } from './media-stats-aggregation.js';
import { readSample, type Counters } from './media-stats-sample.js';

/** Milliseconds between samples. */
const SAMPLE_EVERY = 1_000;
/** Bounds of what collectors may be asked for, so that a summary stays small. */
const LONGEST_INTERVAL = 3_600_000;
const MOST_POINTS = 1_000;

interface CollectorEvents {
  sampleReported: MediaStatsReportSample;
  summaryReported: MediaStatsReportSummary;
}

class Collector implements MediaStatsCollector {
  private readonly emitter = new Emitter<CollectorEvents>();
  private readonly aggregation: Aggregation;
  private readonly samplesPerPoint: number;
  private readonly pointsPerSummary: number;
  private samples = 0;
  private points = 0;

  constructor(
    options: MediaStatsCollectorOptions,
    private readonly onDispose: (collector: Collector) => void,
  ) {
    const interval = bounded(options.aggregationInterval ?? 20_000, SAMPLE_EVERY, LONGEST_INTERVAL);
    this.samplesPerPoint = Math.max(1, Math.round(interval / SAMPLE_EVERY));
    this.pointsPerSummary = bounded(Math.round(options.dataPointsPerAggregation ?? 5), 1, MOST_POINTS);
    this.aggregation = new Aggregation();
    bindMethods(this);
  }

  on<Name extends keyof CollectorEvents>(event: Name, listener: (payload: CollectorEvents[Name]) => void): void {
    this.emitter.on(event, listener);
  }

  off<Name extends keyof CollectorEvents>(event: Name, listener: (payload: CollectorEvents[Name]) => void): void {
    this.emitter.off(event, listener);
  }

  dispose(): void {
    this.emitter.clear();
    this.onDispose(this);
  }

  take(sample: MediaStatsReportSample, at: Date): void {
    this.emitter.emit('sampleReported', sample);
    this.aggregation.take(sample);
    this.samples += 1;
    if (this.samples >= this.samplesPerPoint) {
      this.point(at);
    }
  }

  /** Reports what there is at the end of a call. */
  finish(at: Date): void {
    if (this.samples > 0) {
      this.point(at);
    }
    if (this.points > 0) {
      this.summarise();
    }
  }

  private point(at: Date): void {
    this.aggregation.closePoint(at);
    this.samples = 0;
    this.points += 1;
    if (this.points >= this.pointsPerSummary) {
      this.summarise();
    }
  }

  private summarise(): void {
    this.points = 0;
    this.emitter.emit('summaryReported', this.aggregation.summary());
  }
}

function bounded(value: number, low: number, high: number): number {
  return Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : low;
}

/** Media statistics of a call. */
export class MediaStats extends FeatureOfCall implements MediaStatsCallFeature {
  readonly name = 'MediaStats';
  private readonly collectors = new Set<Collector>();
  private stop: (() => void) | undefined;
  private before: Counters = new Map();

  constructor(context: CallFeatureContext) {
    super(context);
    this.ends.push(() => this.disposeAllCollectors());
    this.door.onEnd(() => {
      const now = new Date();
      [...this.collectors].forEach((collector) => {
        collector.finish(now);
        collector.dispose();
      });
    });
  }

  createCollector(options: MediaStatsCollectorOptions = {}): MediaStatsCollector {
    const collector = new Collector(options, (disposed) => {
      this.collectors.delete(disposed);
      if (this.collectors.size === 0) {
        this.stop?.();
        this.stop = undefined;
      }
    });
    this.collectors.add(collector);
    this.stop ??= every(SAMPLE_EVERY, () => void this.sample());
    return collector;
  }

  disposeAllCollectors(): void {
    [...this.collectors].forEach((collector) => collector.dispose());
  }

  private async sample(): Promise<void> {
    const stats = await this.door.stats().catch(() => undefined);
    if (!stats) {
      return;
    }
    const now = new Date();
    const mediaOf = (mid: string | null): Media | undefined => this.door.mediaOf(mid);
    const { sample, counters } = readSample(stats, mediaOf, this.before);
    this.before = counters;
    [...this.collectors].forEach((collector) => collector.take(sample, now));
  }
}
