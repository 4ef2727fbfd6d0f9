/** Who stands in the light. Between two, agreed between both sides: the last word counts. In a group call the exchange keeps it. */

import { CallingError, ErrorCodes } from '../errors.js';
import { identifierOf, rawIdOf } from '../identity.js';
import type { CallFeatureContext } from '../types/feature.js';
import type { SpotlightCallFeature, SpotlightedParticipant } from '../types/features/room.js';
import type { CommunicationIdentifier } from '../types/identifier.js';
import { FeatureOfCall } from './feature.js';
import { placesOf, rawIdsBy } from './people.js';
import { signsOf } from './signs.js';

type Spotlighted = SpotlightedParticipant;

/** Spotlights in a call. */
export class Spotlight
  extends FeatureOfCall<{ spotlightChanged: { added: Spotlighted[]; removed: Spotlighted[] } }>
  implements SpotlightCallFeature
{
  readonly name = 'Spotlight';
  readonly maxParticipantsToSpotlight = 7;
  private ids: string[] = [];

  constructor(context: CallFeatureContext) {
    super(context);
    const signs = signsOf(this.door);
    this.ends.push(
      signs.onSign((sign) => {
        if (sign.kind === 'spotlight' && !this.door.room.isGroup) {
          this.set(sign.ids.filter((id) => this.isHere(id)));
        }
      }),
      signs.onConnection(() => {
        if (this.ids.length > 0 && !this.door.room.isGroup) {
          signs.say({ kind: 'spotlight', ids: this.ids });
        }
      }),
      this.door.room.onChange((what) => what === 'people' && this.follow()),
    );
    this.follow();
  }

  async startSpotlight(participants?: CommunicationIdentifier[]): Promise<void> {
    if (this.door.room.isGroup) {
      await this.door.room.ask({ type: 'spotlight', participants: placesOf(this.door, participants), on: true });
      return;
    }
    const wanted = this.idsOf(participants);
    this.agree([...this.ids, ...wanted.filter((id) => !this.ids.includes(id))]);
  }

  async stopSpotlight(participants?: CommunicationIdentifier[]): Promise<void> {
    if (this.door.room.isGroup) {
      await this.door.room.ask({ type: 'spotlight', participants: placesOf(this.door, participants), on: false });
      return;
    }
    const unwanted = this.idsOf(participants);
    this.agree(this.ids.filter((id) => !unwanted.includes(id)));
  }

  async stopAllSpotlight(): Promise<void> {
    if (this.door.room.isGroup) {
      await this.door.room.ask({ type: 'spotlight', on: false });
      return;
    }
    this.agree([]);
  }

  getSpotlightedParticipants(): Spotlighted[] {
    return this.ids.map((id, index) => ({ identifier: identifierOf(id), order: index + 1 }));
  }

  /** Brings the list to what the exchange says. */
  private follow(): void {
    if (this.door.room.isGroup) {
      this.set(rawIdsBy(this.door, (place) => (place.isSpotlighted ? 0 : undefined)));
    }
  }

  private idsOf(participants: CommunicationIdentifier[] | undefined): string[] {
    if (!participants || participants.length === 0) {
      return this.door.localIdentifier ? [rawIdOf(this.door.localIdentifier)] : [];
    }
    const ids = participants.map((participant) => rawIdOf(participant));
    if (!ids.every((id) => this.isHere(id))) {
      throw new CallingError(ErrorCodes.badArgument, 'That participant is not in this call.');
    }
    return ids;
  }

  private isHere(id: string): boolean {
    return [this.door.localIdentifier, this.door.remoteIdentifier].some((here) => here !== undefined && rawIdOf(here) === id);
  }

  private agree(ids: string[]): void {
    signsOf(this.door).say({ kind: 'spotlight', ids });
    this.set(ids);
  }

  private set(ids: string[]): void {
    const shown = (id: string, index: number): Spotlighted => ({ identifier: identifierOf(id), order: index + 1 });
    const added = ids.filter((id) => !this.ids.includes(id)).map(shown);
    const removed = this.ids.filter((id) => !ids.includes(id)).map(shown);
    this.ids = ids;
    if (added.length + removed.length > 0) {
      this.emitter.emit('spotlightChanged', { added, removed });
    }
  }
}
