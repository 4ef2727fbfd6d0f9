/** Hands that are up. Between two the sides tell each other; in a group call the exchange keeps them, in the order in which they went up. */

import { CallingError, ErrorCodes } from '../errors.js';
import { identifierOf, rawIdOf } from '../identity.js';
import type { CallFeatureContext } from '../types/feature.js';
import type { RaiseHandCallFeature, RaisedHand, RaisedHandChangedEvent } from '../types/features/room.js';
import type { CommunicationIdentifier, CommunicationIdentifierKind } from '../types/identifier.js';
import { FeatureOfCall } from './feature.js';
import { placesOf, rawIdsBy } from './people.js';
import { signsOf } from './signs.js';

interface HandEvents {
  raisedHandEvent: RaisedHandChangedEvent;
  loweredHandEvent: RaisedHandChangedEvent;
}

/** Raising one's hand, and seeing those of others. */
export class RaiseHand extends FeatureOfCall<HandEvents> implements RaiseHandCallFeature {
  readonly name = 'RaiseHand';
  /** In the order in which they went up. */
  private hands: CommunicationIdentifierKind[] = [];

  constructor(context: CallFeatureContext) {
    super(context);
    const signs = signsOf(this.door);
    this.ends.push(
      signs.onSign((sign) => {
        if (this.door.room.isGroup) {
          return;
        }
        if (sign.kind === 'hand') {
          this.put(this.door.remoteIdentifier, sign.up);
        } else if (sign.kind === 'lowerHand') {
          void this.lowerHand();
        }
      }),
      signs.onConnection(() => {
        if (!this.door.room.isGroup && this.isUp(this.door.localIdentifier)) {
          signs.say({ kind: 'hand', up: true });
        }
      }),
      this.door.room.onChange((what) => what === 'people' && this.follow()),
    );
    this.follow();
  }

  async raiseHand(): Promise<void> {
    if (this.door.room.isGroup) {
      await this.door.room.ask({ type: 'raiseHand', raised: true });
    } else if (this.put(this.door.localIdentifier, true)) {
      signsOf(this.door).say({ kind: 'hand', up: true });
    }
  }

  async lowerHand(): Promise<void> {
    if (this.door.room.isGroup) {
      await this.door.room.ask({ type: 'raiseHand', raised: false });
    } else if (this.put(this.door.localIdentifier, false)) {
      signsOf(this.door).say({ kind: 'hand', up: false });
    }
  }

  async lowerHands(participants: CommunicationIdentifier[]): Promise<void> {
    if (this.door.room.isGroup) {
      const places = participants.length > 0 ? placesOf(this.door, participants) : [];
      if (places.length > 0) {
        await this.door.room.ask({ type: 'lowerHands', participants: places });
      }
      return;
    }
    for (const participant of participants) {
      const rawId = rawIdOf(participant);
      if (this.door.localIdentifier && rawIdOf(this.door.localIdentifier) === rawId) {
        await this.lowerHand();
      } else if (this.door.remoteIdentifier && rawIdOf(this.door.remoteIdentifier) === rawId) {
        signsOf(this.door).say({ kind: 'lowerHand' });
      } else {
        throw new CallingError(ErrorCodes.badArgument, 'That participant is not in this call.');
      }
    }
  }

  async lowerAllHands(): Promise<void> {
    if (this.door.room.isGroup) {
      await this.door.room.ask({ type: 'lowerHands' });
      return;
    }
    await this.lowerHand();
    if (this.isUp(this.door.remoteIdentifier)) {
      signsOf(this.door).say({ kind: 'lowerHand' });
    }
  }

  getRaisedHands(): RaisedHand[] {
    return this.hands.map((identifier, index) => ({ identifier: { ...identifier }, order: index + 1 }));
  }

  /** Brings the hands to what the exchange says. */
  private follow(): void {
    if (!this.door.room.isGroup) {
      return;
    }
    const up = rawIdsBy(this.door, (place) => place.handRaised);
    const before = this.hands;
    this.hands = up.map((rawId) => identifierOf(rawId));
    const isIn = (list: CommunicationIdentifierKind[], one: CommunicationIdentifierKind): boolean =>
      list.some((other) => rawIdOf(other) === rawIdOf(one));
    before.filter((one) => !isIn(this.hands, one)).forEach((one) => this.emitter.emit('loweredHandEvent', { identifier: { ...one } }));
    this.hands.filter((one) => !isIn(before, one)).forEach((one) => this.emitter.emit('raisedHandEvent', { identifier: { ...one } }));
  }

  private isUp(identifier: CommunicationIdentifierKind | undefined): boolean {
    return identifier !== undefined && this.hands.some((other) => rawIdOf(other) === rawIdOf(identifier));
  }

  private put(identifier: CommunicationIdentifierKind | undefined, up: boolean): boolean {
    if (!identifier || this.isUp(identifier) === up) {
      return false;
    }
    const rawId = rawIdOf(identifier);
    this.hands = up ? [...this.hands, identifier] : this.hands.filter((other) => rawIdOf(other) !== rawId);
    this.emitter.emit(up ? 'raisedHandEvent' : 'loweredHandEvent', { identifier: { ...identifier } });
    return true;
  }
}
