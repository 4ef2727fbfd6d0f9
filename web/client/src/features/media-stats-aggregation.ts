/** Samples into summaries: per stream and field, how many, the sum, the least and the most. Pure. */

import type { MediaStatsReportSample, MediaStatsReportSummary, MediaStatValue } from '../types/features/media-stats.js';

type Fields = Record<string, unknown>;

/** What is known of one field in the point that is being filled. */
interface Filling {
  count: number;
  sum: number;
  min: number;
  max: number;
  last: unknown;
}

interface MutableValue {
  aggregation?: { count: number[]; sum: number[]; min: number[]; max: number[] };
  raw: unknown[];
  timestamp: Date[];
}

/** One stream through its points. */
class Stream {
  private filling = new Map<string, Filling>();
  private values = new Map<string, MutableValue>();

  take(fields: Fields): void {
    for (const [name, value] of Object.entries(fields)) {
      if (typeof value !== 'number' && typeof value !== 'string') {
        continue;
      }
      const amount = typeof value === 'number' ? value : 0;
      const known = this.filling.get(name);
      if (known) {
        known.count += 1;
        known.sum += amount;
        known.min = Math.min(known.min, amount);
        known.max = Math.max(known.max, amount);
        known.last = value;
      } else {
        this.filling.set(name, { count: 1, sum: amount, min: amount, max: amount, last: value });
      }
    }
  }

  closePoint(at: Date): void {
    for (const [name, filled] of this.filling) {
      const value = this.values.get(name) ?? { raw: [], timestamp: [] };
      this.values.set(name, value);
      value.raw.push(filled.last);
      value.timestamp.push(at);
      if (typeof filled.last === 'number') {
        value.aggregation ??= { count: [], sum: [], min: [], max: [] };
        value.aggregation.count.push(filled.count);
        value.aggregation.sum.push(filled.sum);
        value.aggregation.min.push(filled.min);
        value.aggregation.max.push(filled.max);
      }
    }
    this.filling = new Map();
  }

  summary(): Record<string, MediaStatValue<unknown>> {
    const summary = Object.fromEntries(this.values);
    this.values = new Map();
    return summary;
  }
}

/** The groups of a report, each with streams by id. */
const GROUPS = ['audio', 'video', 'screenShare'] as const;
const WAYS = ['send', 'receive'] as const;

/** Gathers samples until a summary is asked for. */
export class Aggregation {
  private streams = new Map<string, Map<string, Stream>>();

  take(sample: MediaStatsReportSample): void {
    for (const group of GROUPS) {
      for (const way of WAYS) {
        sample[group][way].forEach((fields) => this.stream(`${group}.${way}`, fields.id ?? '').take(fields as Fields));
      }
    }
    sample.transports.forEach((fields) => this.stream('transports', fields.id ?? '').take(fields as Fields));
  }

  closePoint(at: Date): void {
    this.streams.forEach((streams) => streams.forEach((stream) => stream.closePoint(at)));
  }

  /** What was gathered, and begins anew. */
  summary(): MediaStatsReportSummary {
    const of = (group: string): never[] => [...(this.streams.get(group)?.values() ?? [])].map((stream) => stream.summary() as never);
    const both = (group: string) => ({ send: of(`${group}.send`), receive: of(`${group}.receive`) });
    const summary: MediaStatsReportSummary = {
      audio: both('audio'),
      video: both('video'),
      screenShare: both('screenShare'),
      transports: of('transports'),
    };
    this.streams = new Map();
    return summary;
  }

  private stream(group: string, id: string): Stream {
    const streams = this.streams.get(group) ?? new Map<string, Stream>();
    this.streams.set(group, streams);
    const stream = streams.get(id) ?? new Stream();
    streams.set(id, stream);
    return stream;
  }
}
