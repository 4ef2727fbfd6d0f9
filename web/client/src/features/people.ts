/** Whom a feature speaks of, between two and in a group call alike. */

import type { CallDoor } from '../call/peer-door.js';
import { CallingError, ErrorCodes } from '../errors.js';
import { identifierOf, rawIdOf } from '../identity.js';
import type { CommunicationIdentifier, CommunicationIdentifierKind } from '../types/identifier.js';

/** Whose device it is. `from`: a participant id of a group call; without one, the other side. */
export function senderOf(door: CallDoor, from: string | undefined): CommunicationIdentifierKind | undefined {
  if (from === undefined) {
    return door.remoteIdentifier;
  }
  const place = door.room.places.find(({ participantId }) => participantId === from);
  return place && identifierOf(place.rawId);
}

/** Devices in a group call of the people whom an app names; of this side's own when it names nobody. Throws for somebody who is not in it. */
export function placesOf(door: CallDoor, people: CommunicationIdentifier[] | undefined): string[] {
  if (!people || people.length === 0) {
    return door.room.places.filter(({ isOwn }) => isOwn).map(({ participantId }) => participantId);
  }
  return people.flatMap((person) => {
    const rawId = rawIdOf(person);
    const places = door.room.places.filter((place) => place.rawId === rawId);
    if (places.length === 0) {
      throw new CallingError(ErrorCodes.badArgument, 'That participant is not in this call.');
    }
    return places.map(({ participantId }) => participantId);
  });
}

/** Raw ids of the people in a group call whose devices a test picks, in the order that it gives, each once. */
export function rawIdsBy(door: CallDoor, order: (place: CallDoor['room']['places'][number]) => number | undefined): string[] {
  const ranked = door.room.places.flatMap((place) => {
    const rank = order(place);
    return rank === undefined ? [] : [{ rawId: place.rawId, rank }];
  });
  return [...new Set(ranked.sort((one, other) => one.rank - other.rank).map(({ rawId }) => rawId))];
}
