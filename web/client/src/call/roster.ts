/** Who else is in a call. One participant for each identity, whatever the number of its devices (B-CALL-10). */

import type { CollectionChange } from './changes.js';
import { CallingError, ErrorCodes } from '../errors.js';
import type { CallEndReason } from '../types/call.js';
import type { Participant } from '../wire.js';
import type { Wish } from './control.js';
import { callEndReason } from './end-reason.js';
import { CallParticipant } from './participant.js';
import type { ParticipantOwner, PictureSource } from './participant.js';

/** What the roster's call hears. */
export interface RosterListener {
  /** The list is another. */
  changed(change: CollectionChange<CallParticipant>): void;
  /** Somebody in the list, or what is known of their devices, is another. */
  updated(): void;
  /** Another picture is shown, or at another size. */
  shown(): void;
  /** Mutes these devices. */
  mute(participantIds: string[]): Promise<void>;
}

/** The other people of one call. */
export class Roster {
  private list: CallParticipant[] = [];
  private source: PictureSource | undefined;
  private readonly owner: ParticipantOwner;

  constructor(private readonly listener: RosterListener) {
    this.owner = { shown: () => listener.shown(), mute: (ids) => listener.mute(ids) };
  }

  /** A new array after each change. */
  get people(): readonly CallParticipant[] {
    return this.list;
  }

  /** Whom a place in the call belongs to. */
  withPlace(participantId: string): CallParticipant | undefined {
    return this.list.find((person) => person.endpointDetails.some((one) => one.participantId === participantId));
  }

  /** Which pictures somebody looks at. */
  wishes(): Wish[] {
    return this.list.flatMap((person) => person.wishes());
  }

  /** Those who are called. */
  begin(targets: readonly string[]): void {
    this.set([...new Set(targets)].map((target) => this.make(target)));
  }

  /** Somebody is called in: the one who is there already, or a new one. */
  invite(rawId: string): CallParticipant {
    const known = this.list.find((person) => person.rawId === rawId);
    if (known) {
      return known;
    }
    const person = this.make(rawId);
    this.set([...this.list, person]);
    person.become('Connecting');
    return person;
  }

  /** Inviting failed. */
  refuse(person: CallParticipant, reason: CallEndReason): void {
    person.end(reason);
    this.set(this.list.filter((one) => one !== person));
  }

  /**
   * Brings somebody to what the exchange says. In a group those who are gone leave the list; in a call between two the other side
   * stays in it.
   */
  update(view: Participant, isGroup: boolean): void {
    let person = this.list.find((one) => one.rawId === view.identity);
    if (!person) {
      if (isGroup && view.state === 'Disconnected') {
        return; // gone before we knew
      }
      person = this.make(view.identity, view.displayName);
      // Between two: a transfer, say, made somebody else of whom nobody had been met.
      const replaced = isGroup ? [] : this.list.filter((one) => one.endpointDetails.length === 0);
      this.set([...this.list.filter((one) => !replaced.includes(one)), person]);
    }
    person.update(view);
    if (isGroup && person.state === 'Disconnected') {
      this.refuse(person, view.endReason ? callEndReason(view.endReason) : { code: 0, subCode: 0 });
    }
    this.listener.updated();
  }

  /** Events were missed: these are all who are here. */
  catchUp(views: readonly Participant[], isGroup: boolean): void {
    views.forEach((view) => this.update(view, isGroup));
    if (isGroup) {
      for (const person of this.list) {
        const isHere = (id: string | undefined): boolean => views.some((view) => view.participantId === id);
        person.views
          .filter((view) => !isHere(view.participantId))
          .forEach((view) => this.update({ ...view, state: 'Disconnected' }, true));
      }
    }
  }

  /** Where pictures come from; again when that is another place, or carries others. */
  attach(source: PictureSource | undefined): void {
    this.source = source;
    this.list.forEach((person) => person.attach(source));
  }

  /** Hears who speaks, in a call between two. */
  listen(now: number, voice: RTCRtpReceiver | undefined): void {
    this.list.forEach((person, index) => person.listen(now, index === 0 ? voice : undefined));
  }

  /** Who speaks, as a conference says it. */
  setSpeaking(participantIds: readonly string[]): void {
    for (const person of this.list) {
      person.setSpeaking(!person.isMuted && person.endpointDetails.some((one) => participantIds.includes(one.participantId)));
    }
  }

  /** Whom an app names. Throws for somebody who is not here. */
  find(rawId: string): CallParticipant {
    const person = this.list.find((one) => one.rawId === rawId);
    if (!person) {
      throw new CallingError(ErrorCodes.badArgument, 'That participant is not in the call.');
    }
    return person;
  }

  /** The call is over. */
  end(): void {
    this.list.forEach((person) => person.end(undefined));
  }

  private make(rawId: string, name?: string): CallParticipant {
    const person = new CallParticipant(rawId, name, this.owner);
    person.attach(this.source);
    return person;
  }

  private set(people: CallParticipant[]): void {
    const added = people.filter((one) => !this.list.includes(one));
    const removed = this.list.filter((one) => !people.includes(one));
    this.list = people;
    if (added.length + removed.length > 0) {
      this.listener.changed({ added, removed });
    }
  }
}
