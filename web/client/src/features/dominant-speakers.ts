/** Who speaks. Between two: the other side, while it is loud enough. In a group call the media processor says it. */

import { identifierOf, rawIdOf } from '../identity.js';
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
    this.ends.push(
      stop,
      this.door.room.onChange((what) => (what === 'speakers' || what === 'people') && this.follow()),
    );
    this.follow();
    this.door.onEnd(() => {
      stop();
      this.set([]);
    });
  }

  get dominantSpeakers(): DominantSpeakersInfo {
    return this.info;
  }

  private follow(): void {
    const { isConference, places, speakers } = this.door.room;
    if (isConference) {
      const rawIds = speakers.dominant.flatMap((id) => places.find((place) => place.participantId === id && !place.isOwn)?.rawId ?? []);
      this.set([...new Set(rawIds)]);
    }
  }

  private listen(now: number): void {
    if (this.door.room.isConference) {
      return;
    }
    const sources = this.door.path === 'connected' ? (this.door.receiver('audio')?.getSynchronizationSources?.() ?? []) : [];
    if (sources.some((source) => (source.audioLevel ?? 0) > SPEAKS_FROM)) {
      this.lastLoud = now;
    }
    const remote = this.door.remoteIdentifier;
    this.set(remote && now - this.lastLoud < SPEAKS_ON ? [rawIdOf(remote)] : []);
  }

  private set(rawIds: string[]): void {
    const before = this.info.speakersList.map((identifier) => rawIdOf(identifier));
    if (before.length !== rawIds.length || before.some((rawId, index) => rawId !== rawIds[index])) {
      this.info = { speakersList: rawIds.map((rawId) => identifierOf(rawId)), timestamp: new Date() };
      this.emitter.emit('dominantSpeakersChanged');
    }
  }
}
