/** Everybody's tiles: who has one, in which order, where they are. */

import { Conference, Features } from '/sdk/calling.js';
import type { Call, RemoteParticipant, RemoteVideoStream } from '/sdk/calling.js';
import { byId } from '../dom.js';
import { nameOf } from '../names.js';
import { rawIdOf } from '../people.js';
import { arrange } from './layout.js';
import type { Kind } from './layout.js';
import { Tile } from './tile.js';
import type { Signs } from './tile.js';

/** How people want to see a group. */
export type View = 'grid' | 'speaker';

/** A new speaker takes the large place after this, in milliseconds: a cough does not. */
const SPEAKER_MS = 1_200;

/** The pictures of one call. */
export class Gallery {
  private readonly place = byId('tiles');
  private readonly people = new Map<RemoteParticipant, Tile>();
  private readonly screens = new Map<RemoteVideoStream, Tile>();
  private readonly self: Tile;
  private readonly whole: Tile;
  private readonly observer: ResizeObserver;
  private readonly ends: (() => void)[] = [];
  private wanted: View = 'grid';
  /** Who has the large place. */
  private large: RemoteParticipant | undefined;
  private largeTimer: ReturnType<typeof setTimeout> | undefined;
  private arranging = false;

  constructor(
    private readonly call: Call,
    private readonly me: { id: string; name: string },
    /** Name of whom nothing is known yet. */
    private readonly nameFor: (person: RemoteParticipant) => string,
  ) {
    const changed = (): void => this.arrangeSoon();
    this.self = new Tile('self', me.id, changed);
    this.whole = new Tile('whole', '', changed);
    this.place.append(this.whole.element, this.self.element);
    this.observer = new ResizeObserver(changed);
    this.observer.observe(this.place);
    const { composition } = call.feature(Conference);
    const speakers = call.feature(Features.DominantSpeakers);
    this.on(composition, 'isAvailableChanged', () => this.paint());
    this.on(speakers, 'dominantSpeakersChanged', () => this.follow());
    this.on(call.feature(Conference), 'modeChanged', () => this.paint());
    this.on(call.feature(Conference), 'qualityChanged', () => this.paintSigns());
    this.on(call.feature(Features.RaiseHand), 'raisedHandEvent', () => this.paintSigns());
    this.on(call.feature(Features.RaiseHand), 'loweredHandEvent', () => this.paintSigns());
    this.on(call.feature(Features.Spotlight), 'spotlightChanged', () => this.paint());
    this.paint();
  }

  get view(): View {
    return this.wanted;
  }

  set view(view: View) {
    this.wanted = view;
    this.arrangeSoon();
  }

  /** Whether there is more than one way to look at it. */
  get hasViews(): boolean {
    return this.people.size > 1;
  }

  /** Somebody is in the call. */
  meet(person: RemoteParticipant): void {
    if (this.people.has(person)) {
      return;
    }
    const tile = new Tile('person', rawIdOf(person.identifier), () => this.arrangeSoon());
    this.people.set(person, tile);
    this.place.append(tile.element);
    for (const event of ['stateChanged', 'isMutedChanged', 'isSpeakingChanged'] as const) {
      this.on(person, event, () => this.paintSigns());
    }
    person.on('displayNameChanged', () => this.paintSigns());
    this.on(person, 'videoStreamsUpdated', () => this.watch(person));
    this.watch(person);
    this.paint();
  }

  /** Somebody left. */
  part(person: RemoteParticipant): void {
    this.people.get(person)?.dispose();
    this.people.delete(person);
    if (this.large === person) {
      this.large = undefined;
    }
    this.paint();
  }

  /** Shows everything as it is. */
  paint(): void {
    const { composition, mode } = this.call.feature(Conference);
    const isMixed = mode === 'mixed' && composition.isAvailable;
    void this.whole.show(isMixed ? composition : undefined, 'Fit');
    this.whole.say('Everybody, in one picture', {});
    for (const [person, tile] of this.people) {
      const camera = person.videoStreams.find((stream) => stream.mediaStreamType !== 'ScreenSharing' && stream.isAvailable);
      void tile.show(isMixed ? undefined : camera);
    }
    this.paintScreens(isMixed);
    const own = this.call.localVideoStreams.find((stream) => stream.mediaStreamType !== 'ScreenSharing');
    void this.self.show(this.call.state === 'Disconnected' ? undefined : own);
    this.paintSigns();
    this.arrangeSoon();
  }

  close(): void {
    clearTimeout(this.largeTimer);
    this.observer.disconnect();
    this.ends.splice(0).forEach((end) => end());
    [this.self, this.whole, ...this.people.values(), ...this.screens.values()].forEach((tile) => tile.dispose());
    this.people.clear();
    this.screens.clear();
  }

  private watch(person: RemoteParticipant): void {
    for (const stream of person.videoStreams) {
      if (!this.watched.has(stream)) {
        this.watched.add(stream);
        this.on(stream, 'isAvailableChanged', () => this.paint());
        this.on(stream, 'isReceivingChanged', () => this.paintSigns());
      }
    }
    this.paint();
  }

  private readonly watched = new WeakSet<RemoteVideoStream>();

  private paintScreens(isMixed: boolean): void {
    const shared = new Map<RemoteVideoStream, RemoteParticipant>();
    for (const person of isMixed ? [] : this.people.keys()) {
      const screen = person.videoStreams.find((stream) => stream.mediaStreamType === 'ScreenSharing' && stream.isAvailable);
      if (screen) {
        shared.set(screen, person);
      }
    }
    for (const [stream, tile] of this.screens) {
      if (!shared.has(stream)) {
        tile.dispose();
        this.screens.delete(stream);
      }
    }
    for (const [stream, person] of shared) {
      let tile = this.screens.get(stream);
      if (!tile) {
        tile = new Tile('screen', '', () => this.arrangeSoon());
        this.screens.set(stream, tile);
        this.place.append(tile.element);
      }
      tile.say(`Screen of ${this.nameFor(person)}`, {});
      void tile.show(stream, 'Fit');
    }
  }

  private paintSigns(): void {
    const hands = new Map(this.call.feature(Features.RaiseHand).getRaisedHands().map((hand) => [rawIdOf(hand.identifier), hand.order]));
    const stage = new Set(this.call.feature(Features.Spotlight).getSpotlightedParticipants().map((one) => rawIdOf(one.identifier)));
    const quality = new Map(this.call.feature(Conference).quality.map((one) => [rawIdOf(one.identifier), worst(one)]));
    const isHeld = this.call.state === 'LocalHold' || this.call.state === 'RemoteHold';
    for (const [person, tile] of this.people) {
      const id = rawIdOf(person.identifier);
      const hand = hands.get(id);
      const signs: Signs = {
        isMuted: person.isMuted && person.state === 'Connected',
        isSpeaking: person.isSpeaking && this.call.state === 'Connected',
        isOnHold: isHeld || person.state === 'Hold',
        isFrozen: tile.hasPicture && person.videoStreams.some((stream) => stream.isAvailable && !stream.isReceiving && stream.mediaStreamType !== 'ScreenSharing'),
        isSpotlighted: stage.has(id),
        quality: quality.get(id) ?? 0,
        ...(hand === undefined ? {} : { hand }),
        ...(person.state === 'Ringing' ? { waits: 'Ringing…' } : person.state === 'Connecting' ? { waits: 'Connecting…' } : {}),
      };
      tile.say(this.nameFor(person), signs);
    }
    const own = hands.get(this.me.id);
    this.self.say('You', {
      isMuted: this.call.isMuted,
      isSpotlighted: stage.has(this.me.id),
      quality: quality.get(this.me.id) ?? 0,
      ...(own === undefined ? {} : { hand: own }),
    });
  }

  /** The large place follows whoever speaks, after a moment. */
  private follow(): void {
    const [first] = this.call.feature(Features.DominantSpeakers).dominantSpeakers.speakersList;
    const speaker = first && [...this.people.keys()].find((person) => rawIdOf(person.identifier) === rawIdOf(first));
    clearTimeout(this.largeTimer);
    if (speaker && speaker !== this.large) {
      this.largeTimer = setTimeout(
        () => {
          this.large = speaker;
          this.arrangeSoon();
        },
        this.large ? SPEAKER_MS : 0,
      );
    }
  }

  private arrangeSoon(): void {
    if (!this.arranging) {
      this.arranging = true;
      // By timer, not by frame: a page in the background draws none, and its tiles shall be right when it comes back.
      setTimeout(() => {
        this.arranging = false;
        this.arrangeNow();
      }, 0);
    }
  }

  private arrangeNow(): void {
    const { kind, tiles } = this.plan();
    const rects = arrange(kind, tiles.length, { width: this.place.clientWidth, height: this.place.clientHeight });
    const all = [this.self, this.whole, ...this.people.values(), ...this.screens.values()];
    all.filter((tile) => !tiles.includes(tile)).forEach((tile) => tile.place(undefined));
    tiles.forEach((tile, index) => tile.place(rects[index]));
    this.place.dataset.kind = kind;
    this.self.element.classList.toggle('corner', kind === 'pair');
    tiles.forEach((tile, index) => tile.element.classList.toggle('large', kind !== 'grid' && index === 0));
  }

  /** Who is shown, the most important first. */
  private plan(): { kind: Kind; tiles: Tile[] } {
    if (this.whole.hasPicture) {
      return { kind: 'pair', tiles: [this.whole] }; // oneself is in it
    }
    const people = this.ordered();
    const screens = [...this.screens.values()];
    if (screens.length > 0) {
      return { kind: 'stage', tiles: [...screens, ...people, this.self] };
    }
    if (people.length < 2) {
      return { kind: 'pair', tiles: [...people, this.self] };
    }
    const most = this.call.feature(Features.OptimalVideoCount).optimalVideoCount;
    const isStage = this.wanted === 'speaker' || this.call.feature(Features.Spotlight).getSpotlightedParticipants().length > 0;
    return isStage ? { kind: 'stage', tiles: [...people, this.self] } : { kind: 'grid', tiles: [...people.slice(0, most), this.self] };
  }

  /** Everybody: who is on the stage, who spoke last where that counts, then in the order of their coming. */
  private ordered(): Tile[] {
    const stage = this.call.feature(Features.Spotlight).getSpotlightedParticipants().map((one) => rawIdOf(one.identifier));
    const speakers = this.call.feature(Features.DominantSpeakers).dominantSpeakers.speakersList.map((one) => rawIdOf(one));
    const most = this.call.feature(Features.OptimalVideoCount).optimalVideoCount;
    const rank = (person: RemoteParticipant): number => {
      const id = rawIdOf(person.identifier);
      if (stage.includes(id)) {
        return stage.indexOf(id) - 100;
      }
      if (this.wanted === 'speaker' && person === this.large) {
        return -1;
      }
      // In a grid for all nobody moves when somebody speaks; where not all fit, those who speak are in it.
      return this.people.size > most && !speakers.includes(id) ? 1 : 0;
    };
    return [...this.people].sort(([one], [other]) => rank(one) - rank(other)).map(([, tile]) => tile);
  }

  private on<Name extends string>(target: { on(event: Name, run: () => void): void; off(event: Name, run: () => void): void }, event: Name, run: () => void): void {
    target.on(event, run);
    this.ends.push(() => target.off(event, run));
  }
}

/** The worse of two grades; 0 when neither is known. */
function worst({ send, receive }: { send: number; receive: number }): number {
  const known = [send, receive].filter((grade) => grade > 0);
  return known.length > 0 ? Math.min(...known) : 0;
}

/** A name for somebody. */
export function displayNameOf(person: RemoteParticipant): string {
  return person.displayName || nameOf(rawIdOf(person.identifier));
}
