/** Who speaks. In a call of two: the other side, while it is loud enough. */

import type { CallFeatureContext } from '../types/feature.js';
import type { DominantSpeakersCallFeature, DominantSpeakersInfo } from '../types/features/room.js';
import { FeatureOfCall, every } from './feature.js';

/** How often the level is read, in milliseconds. */
const READ_EVERY = 250;

/** From which level on somebody speaks, between 0 and 1. Lower: breathing counts; higher: quiet people never speak. */
const SPEAKS_FROM = 0.02;

/** How long somebody stays the speaker after the last loud moment, in milliseconds. Lower: every pause for breath changes the picture. */
const SPEAKS_ON = 2_000;

/** The dominant speakers of a call. */
export class DominantSpeakers extends FeatureOfCall<{ dominantSpeakersChanged: undefined }> implements DominantSpeakersCallFeature {
  readonly name = 'DominantSpeakers';
  private info: DominantSpeakersInfo = { speakersList: [], timestamp: new Date() };
  private lastLoud = -Infinity;

  constructor(context: CallFeatureContext) {
    super(context);
    const stop = every(READ_EVERY, () => this.listen(performance.now()));
    this.ends.push(stop);
    this.door.onEnd(() => {
      stop();
      this.set(false);
    });
  }

  get dominantSpeakers(): DominantSpeakersInfo {
    return this.info;
  }

  private listen(now: number): void {
    const sources = this.door.path === 'connected' ? (this.door.receiver('audio')?.getSynchronizationSources?.() ?? []) : [];
    if (sources.some((source) => (source.audioLevel ?? 0) > SPEAKS_FROM)) {
      this.lastLoud = now;
    }
    this.set(now - this.lastLoud < SPEAKS_ON);
  }

  private set(speaks: boolean): void {
    const remote = this.door.remoteIdentifier;
    if (remote && speaks !== this.info.speakersList.length > 0) {
      this.info = { speakersList: speaks ? [{ ...remote }] : [], timestamp: new Date() };
      this.emitter.emit('dominantSpeakersChanged');
    }
  }
}
