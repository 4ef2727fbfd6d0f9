/** The list of people beside a call: who is there, how well, and what can be done about it. */

import { Conference, Features } from '/sdk/calling.js';
import type { Call, RemoteParticipant } from '/sdk/calling.js';
import { byId, copy, icon, make, show, toast } from '../dom.js';
import { paint } from '../names.js';
import { groupLink, idOf, identifierOf, rawIdOf } from '../people.js';
import { displayNameOf } from './gallery.js';
import { qualityWord } from './tile.js';

/** The list. */
export class Roster {
  private readonly list = byId('people-list');
  private readonly ends: (() => void)[] = [];
  private readonly rows = new Map<string, { says: string; element: HTMLElement }>();
  private painting = false;

  constructor(
    private readonly call: Call,
    private readonly me: { id: string; name: string },
  ) {
    const again = (): void => this.paintSoon();
    const on = <Name extends string>(target: { on(event: Name, run: () => void): void; off(event: Name, run: () => void): void }, event: Name): void => {
      target.on(event, again);
      this.ends.push(() => target.off(event, again));
    };
    on(call, 'isMutedChanged');
    on(call, 'roleChanged');
    on(call.feature(Features.RaiseHand), 'raisedHandEvent');
    on(call.feature(Features.RaiseHand), 'loweredHandEvent');
    on(call.feature(Features.Spotlight), 'spotlightChanged');
    on(call.feature(Features.Capabilities), 'capabilitiesChanged');
    on(call.feature(Conference), 'qualityChanged');
    this.wire();
    this.paintSoon();
  }

  /** Somebody is in the call. */
  meet(person: RemoteParticipant): void {
    for (const event of ['stateChanged', 'isMutedChanged', 'isSpeakingChanged', 'displayNameChanged'] as const) {
      person.on(event as 'stateChanged', () => this.paintSoon());
    }
    this.paintSoon();
  }

  /** Draws it anew, once for all that changed at once. */
  paintSoon(): void {
    if (!this.painting) {
      this.painting = true;
      setTimeout(() => {
        this.painting = false;
        if (this.call.state !== 'Disconnected') {
          this.paint();
        }
      }, 0);
    }
  }

  close(): void {
    this.ends.splice(0).forEach((end) => end());
    this.list.replaceChildren();
  }

  private wire(): void {
    const click = (id: string, run: () => Promise<void> | void): void => {
      const handler = (): void => void Promise.resolve(run()).catch((error: unknown) => toast((error as Error).message));
      byId(id).addEventListener('click', handler);
      this.ends.push(() => byId(id).removeEventListener('click', handler));
    };
    click('mute-all', async () => {
      await this.call.muteAllRemoteParticipants();
      toast('Everybody else is muted. They can unmute themselves.');
    });
    click('lower-all', () => this.call.feature(Features.RaiseHand).lowerAllHands());
    click('copy-group', () => copy(byId<HTMLInputElement>('group-link').value, byId<HTMLInputElement>('group-link')));
    const add = (event: Event): void => {
      event.preventDefault();
      const field = byId<HTMLInputElement>('add-id');
      const id = idOf(field.value);
      if (!id) {
        toast('That is neither an id nor a link of this page.');
        return;
      }
      field.value = '';
      this.add(id);
    };
    byId('add-form').addEventListener('submit', add);
    this.ends.push(() => byId('add-form').removeEventListener('submit', add));
  }

  private add(id: string): void {
    try {
      const person = this.call.addParticipant(identifierOf(id));
      const told = (): void => {
        if (person.state === 'Disconnected') {
          person.off('stateChanged', told);
          const code = person.callEndReason?.code;
          toast(code === 603 ? 'That person does not want to join.' : 'That person could not be reached.');
        }
      };
      person.on('stateChanged', told);
    } catch (error) {
      toast((error as Error).message);
    }
  }

  private paint(): void {
    const { call } = this;
    const { isGroup } = call.feature(Conference);
    const may = call.feature(Features.Capabilities).capabilities;
    const hands = new Map(call.feature(Features.RaiseHand).getRaisedHands().map((hand) => [rawIdOf(hand.identifier), hand.order]));
    const stage = new Set(call.feature(Features.Spotlight).getSpotlightedParticipants().map((one) => rawIdOf(one.identifier)));
    const quality = new Map(call.feature(Conference).quality.map((one) => [rawIdOf(one.identifier), one]));
    const about = (id: string): { hand: number | undefined; isOnStage: boolean; grades: { send: number; receive: number } | undefined } => ({
      hand: hands.get(id),
      isOnStage: stage.has(id),
      grades: quality.get(id),
    });
    // Raised hands first, in their order; everybody else as they came.
    const people = [...call.remoteParticipants].sort((one, other) => {
      const rank = (person: RemoteParticipant): number => hands.get(rawIdOf(person.identifier)) ?? Infinity;
      return rank(one) === rank(other) ? 0 : rank(one) - rank(other);
    });
    const own = { ...about(this.me.id), isMuted: call.isMuted, isSpeaking: false, state: '' };
    this.put([
      this.kept(this.me.id, `${this.me.name} (you)`, own, []),
      ...people.map((person) => this.row(person, about(rawIdOf(person.identifier)), isGroup)),
    ]);
    byId('people-count').textContent = String(people.length + 1);
    show(byId('mute-all'), isGroup && may.muteOthers.isPresent && people.length > 0);
    show(byId('lower-all'), isGroup && hands.size > 0 && may.muteOthers.isPresent);
    show(byId('add-form'), may.addCommunicationUser.isPresent);
    show(byId('group-row'), call.info.groupId !== undefined);
    byId<HTMLInputElement>('group-link').value = call.info.groupId ? groupLink(call.info.groupId) : '';
  }

  private row(person: RemoteParticipant, about: { hand: number | undefined; isOnStage: boolean; grades: { send: number; receive: number } | undefined }, isGroup: boolean): HTMLElement {
    const { call } = this;
    const name = displayNameOf(person);
    const may = call.feature(Features.Capabilities).capabilities;
    const spotlight = call.feature(Features.Spotlight);
    const actions: Action[] = [];
    const action = (drawing: string, says: string, isOn: boolean, run: () => Promise<void>): void => {
      actions.push({ drawing, says, isOn, run });
    };
    const isIn = person.state === 'Connected' || person.state === 'Hold';
    if (isIn && about.hand !== undefined && isGroup && may.muteOthers.isPresent) {
      action('hand', `Lower the hand of ${name}`, true, () => call.feature(Features.RaiseHand).lowerHands([person.identifier]));
    }
    if (isIn && may.spotlightParticipant.isPresent) {
      const says = about.isOnStage ? `Take ${name} off the stage` : `Put ${name} on everybody’s stage`;
      action('star', says, about.isOnStage, () => (about.isOnStage ? spotlight.stopSpotlight([person.identifier]) : spotlight.startSpotlight([person.identifier])));
    }
    if (isIn && isGroup && may.muteOthers.isPresent && !person.isMuted) {
      action('mic-off', `Mute ${name}`, false, () => person.mute());
    }
    if (isGroup && may.removeParticipant.isPresent) {
      action('leave', `Take ${name} out of the call`, false, () => call.removeParticipant(person.identifier as never));
    }
    const states: Partial<Record<RemoteParticipant['state'], string>> = { Connecting: 'Connecting…', Ringing: 'Ringing…', Hold: 'On hold', InLobby: 'Waiting' };
    const facts = { ...about, isMuted: person.isMuted && isIn, isSpeaking: person.isSpeaking, state: states[person.state] ?? '' };
    return this.kept(rawIdOf(person.identifier), name, facts, actions);
  }

  /** The row that is there when it says the same: a button must not vanish under somebody's finger. */
  private kept(id: string, name: string, facts: Facts, actions: Action[]): HTMLElement {
    const { isSpeaking, ...lasting } = facts;
    const says = JSON.stringify([name, lasting, actions]);
    const known = this.rows.get(id);
    const element = known?.says === says ? known.element : row(id, name, facts, actions);
    this.rows.set(id, { says, element });
    element.classList.toggle('speaking', isSpeaking);
    return element;
  }

  /** Brings the list to these rows, and moves none that is in its place. */
  private put(rows: HTMLElement[]): void {
    [...this.list.children].filter((one) => !rows.includes(one as HTMLElement)).forEach((one) => one.remove());
    rows.forEach((element, index) => {
      if (this.list.children[index] !== element) {
        this.list.insertBefore(element, this.list.children[index] ?? null);
      }
    });
  }
}

/** What can be done about somebody. */
interface Action {
  drawing: string;
  says: string;
  isOn: boolean;
  run(): Promise<void>;
}

interface Facts {
  hand: number | undefined;
  isOnStage: boolean;
  isMuted: boolean;
  isSpeaking: boolean;
  grades: { send: number; receive: number } | undefined;
  state: string;
}

function row(id: string, name: string, facts: Facts, actions: Action[]): HTMLElement {
  const avatar = make('div', { class: 'avatar', 'aria-hidden': 'true' });
  paint(avatar, id, name.replace(/ \(you\)$/, ''));
  const { grades } = facts;
  const bars = grades && [
    ['sends', grades.send] as const,
    ['receives', grades.receive] as const,
  ].map(([what, grade]) => {
    const element = make('span', { class: 'bars', title: `${what}: ${qualityWord(grade) || 'unknown'}`, role: 'img', 'aria-label': `${what} ${qualityWord(grade) || 'unknown'}` }, make('i'), make('i'), make('i'));
    element.dataset.quality = qualityWord(grade);
    return element;
  });
  const signs = make(
    'span',
    { class: 'person-signs' },
    facts.hand !== undefined && make('span', { class: 'tile-hand', title: 'Hand raised' }, icon('hand'), facts.hand),
    facts.isOnStage && make('span', { class: 'tile-sign', title: 'On the stage' }, icon('star')),
    facts.isMuted && make('span', { class: 'tile-sign off', title: 'Muted' }, icon('mic-off')),
    ...(bars ?? []),
    facts.state !== '' && make('span', { class: 'hint' }, facts.state),
  );
  const buttons = actions.map(({ drawing, says, isOn, run }) => {
    const button = make('button', { type: 'button', class: 'mini', title: says, 'aria-label': says, 'aria-pressed': isOn ? 'true' : undefined }, icon(drawing));
    button.addEventListener('click', () => void run().catch((error: unknown) => toast((error as Error).message)));
    return button;
  });
  const element = make('li', { class: 'person' }, avatar, make('div', {}, make('strong', {}, name), signs), make('span', { class: 'person-actions' }, ...buttons));
  element.dataset.id = id;
  return element;
}
