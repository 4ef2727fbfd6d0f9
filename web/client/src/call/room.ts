/** A group call to its features: who is there with which signs, and what the media processor says of them. See `peer-door.ts`. */

import { Emitter } from '../emitter.js';
import type { Disposer } from '../emitter.js';
import { RemoteVideo } from '../streams/remote-video-stream.js';
import type { ParticipantRole } from '../types/call.js';
import type { Participant, ParticipantQuality, Receives, Signal } from '../wire.js';
import type { Conference, Speakers } from './conference.js';
import type { Place, RoomDoor } from './peer-door.js';

type What = 'people' | 'speakers' | 'quality' | 'mode';

/** What the room needs of its call. */
export interface RoomCall {
  readonly isGroup: boolean;
  /** This device's place, empty until the exchange said it; and raw id of whose it is. */
  readonly participantId: string;
  readonly rawId: string;
  /** What the exchange said of everybody else's devices. */
  others(): readonly Participant[];
  /** Sends a signal; rejects when the exchange refuses it. */
  ask(signal: Signal): Promise<void>;
}

/** Of composed pictures there is one; numbers of streams of people are another matter. */
const COMPOSITION_ID = 0;

/** The room of one call. */
export class Room implements RoomDoor {
  readonly composition = new RemoteVideo(COMPOSITION_ID, 'Video');
  private readonly changes = new Emitter<{ change: What }>();
  private own: Participant | undefined;
  private conference: Conference | undefined;
  private stopListening: Disposer[] = [];

  constructor(private readonly call: RoomCall) {}

  get isGroup(): boolean {
    return this.call.isGroup;
  }

  get isConference(): boolean {
    return this.conference !== undefined;
  }

  get role(): ParticipantRole {
    return this.own?.role ?? 'Unknown';
  }

  get places(): readonly Place[] {
    const { participantId, rawId } = this.call;
    // The exchange tells of this device when it joins, and when something of it changes: until then it has no signs.
    const own = this.own ?? { identity: rawId, participantId };
    const others = this.call.others().map((view) => place(view, false));
    return participantId === '' ? others : [place(own, true), ...others];
  }

  get speakers(): Speakers {
    return this.conference?.speakers ?? { dominant: [], speaking: [] };
  }

  get quality(): readonly ParticipantQuality[] {
    return this.conference?.quality ?? [];
  }

  get mode(): Receives | undefined {
    return this.conference?.mode;
  }

  onChange(listener: (what: What) => void): Disposer {
    return this.changes.subscribe('change', listener);
  }

  ask(signal: Signal): Promise<void> {
    return this.call.ask(signal);
  }

  /** The exchange says how this device is. Gives whether its role is another. */
  setOwn(own: Participant): boolean {
    const before = this.role;
    this.own = own;
    this.changed('people');
    return this.role !== before;
  }

  /** Somebody came, went, or is otherwise; or the call became one of a group. */
  changed(what: What): void {
    this.changes.emit('change', what);
  }

  /** The conference in use, or what its slots carry, is another. */
  attach(conference: Conference | undefined): void {
    if (conference !== this.conference) {
      this.stopListening.splice(0).forEach((stop) => stop());
      this.conference = conference;
      if (conference) {
        this.stopListening = (['speakers', 'quality', 'mode'] as const).map((what) => conference.on(what, () => this.changed(what)));
      }
      (['people', 'speakers', 'quality', 'mode'] as const).forEach((what) => this.changed(what));
    }
    const track = conference?.composition?.track;
    this.composition.setTrack(track);
    this.composition.setAvailable(track !== undefined);
  }

  /** The call is over. */
  close(): void {
    this.stopListening.splice(0).forEach((stop) => stop());
    this.composition.end();
    this.changes.clear();
  }
}

function place(view: Omit<Participant, 'state' | 'sending'>, isOwn: boolean): Place {
  return {
    participantId: view.participantId ?? '',
    rawId: view.identity,
    displayName: view.displayName,
    isOwn,
    handRaised: view.handRaised,
    isSpotlighted: view.isSpotlighted === true,
    receives: view.receives,
  };
}
