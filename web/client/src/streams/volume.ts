/** How loud a track is, as people see it: 0 to 100. */

import { Emitter, bindMethods } from '../emitter.js';
import type { PropertyChangedEvent } from '../types/common.js';
import type { Volume } from '../types/stream.js';

/** How often the level is read, in milliseconds. Lower: meters move more smoothly; higher: less work. */
const READ_EVERY = 100;

let shared: AudioContext | undefined;

/** One context for the whole page: browsers allow only a few. */
function audioContext(): AudioContext | undefined {
  if (typeof AudioContext === 'undefined') {
    return undefined;
  }
  shared ??= new AudioContext();
  if (shared.state === 'suspended') {
    // Without a click on the page it stays silent and the level 0.
    void shared.resume().catch(() => undefined);
  }
  return shared;
}

/** The level of samples between -1 and 1: their loudness in decibels, spread over 0 (silence) to 100 (full). */
export function levelOf(samples: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < samples.length; index += 1) {
    const sample = samples[index] ?? 0;
    sum += sample * sample;
  }
  const loudness = Math.sqrt(sum / Math.max(1, samples.length));
  const decibels = loudness > 0 ? 20 * Math.log10(loudness) : -Infinity;
  return Math.max(0, Math.min(100, Math.round(((decibels + 60) / 60) * 100)));
}

/** Measures one track after another. Reads only while somebody listens. */
export class TrackVolume implements Volume {
  private readonly emitter = new Emitter<{ levelChanged: undefined }>();
  private track: MediaStreamTrack | undefined;
  private taps: { source: MediaStreamAudioSourceNode; analyser: AnalyserNode; samples: Float32Array<ArrayBuffer> } | undefined;
  private timer: ReturnType<typeof setInterval> | undefined;
  private lastLevel = 0;

  constructor() {
    bindMethods(this);
  }

  get level(): number {
    return this.timer === undefined ? this.read() : this.lastLevel;
  }

  on(event: 'levelChanged', listener: PropertyChangedEvent): void {
    this.emitter.on(event, listener);
    this.timer ??= setInterval(() => this.tick(), READ_EVERY);
  }

  off(event: 'levelChanged', listener: PropertyChangedEvent): void {
    this.emitter.off(event, listener);
    if (this.emitter.count('levelChanged') === 0) {
      this.rest();
    }
  }

  /** Measures another track from now on. */
  setTrack(track: MediaStreamTrack | undefined): void {
    if (track !== this.track) {
      this.untap();
      this.track = track;
    }
  }

  dispose(): void {
    this.rest();
    this.untap();
    this.track = undefined;
    this.emitter.clear();
  }

  private tick(): void {
    const level = this.read();
    if (level !== this.lastLevel) {
      this.lastLevel = level;
      this.emitter.emit('levelChanged');
    }
  }

  private read(): number {
    const context = this.track && audioContext();
    if (!context || !this.track) {
      return 0;
    }
    if (!this.taps) {
      const source = context.createMediaStreamSource(new MediaStream([this.track]));
      const analyser = context.createAnalyser();
      analyser.fftSize = 1024;
      source.connect(analyser);
      this.taps = { source, analyser, samples: new Float32Array(analyser.fftSize) };
    }
    this.taps.analyser.getFloatTimeDomainData(this.taps.samples);
    return levelOf(this.taps.samples);
  }

  private rest(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private untap(): void {
    this.taps?.source.disconnect();
    this.taps = undefined;
  }
}
