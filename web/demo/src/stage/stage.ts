/** A call on the screen: pictures, controls, people, messages, path and quality. */

import { Conference, Features } from '/sdk/calling.js';
import type { Call, RemoteParticipant } from '/sdk/calling.js';
import { byId, drawing, make, notice, show, toast } from '../dom.js';
import type { Media } from '../media.js';
import { nameOf } from '../names.js';
import { rawIdOf } from '../people.js';
import { ring } from '../ring.js';
import { bits, bytes, clock, deviceTrouble } from '../words.js';
import { displayNameOf, Gallery } from './gallery.js';
import type { View } from './gallery.js';
import { Messages } from './messages.js';
import { longPath, Path, shortPath, verdict, type Reading } from './path.js';
import { Roster } from './roster.js';

const STATES: Partial<Record<Call['state'], string>> = {
  None: 'Calling…',
  Connecting: 'Connecting…',
  Ringing: 'Ringing…',
  EarlyMedia: 'Ringing…',
  LocalHold: 'On hold: nobody hears or sees you',
  RemoteHold: 'The other side put the call on hold',
  Disconnecting: 'Ending…',
};

/** How many round trips the small curve shows; one a second. */
const CURVE = 60;

/** What remains to tell when a call is over. */
export interface Memory {
  seconds: number;
  wasConnected: boolean;
  hungUpHere: boolean;
  path?: string;
}

/** What stands beside the pictures. */
type Pane = 'people' | 'messages' | 'facts';

const PANES: readonly Pane[] = ['people', 'messages', 'facts'];

const paneOf = (pane: Pane): HTMLElement => byId(pane === 'facts' ? 'facts' : `${pane}-pane`);

/** Shows one call until it is over. */
export class Stage {
  readonly memory: Memory = { seconds: 0, wasConnected: false, hungUpHere: false };
  private readonly gallery: Gallery;
  private readonly roster: Roster;
  private readonly messages: Messages;
  private readonly ends: (() => void)[] = [];
  private connectedAt: number | undefined;
  private stopRing: (() => void) | undefined;
  private readonly trips: number[] = [];
  private isOver = false;
  private hasComplained = false;
  private unread = 0;
  private readonly selfId: string;

  constructor(
    private readonly call: Call,
    private readonly media: Media,
    self: { id: string; name: string },
    /** Who is called, or calls; empty in a group that was joined. */
    private readonly remoteId: string,
    private readonly onOver: (stage: Stage) => void,
  ) {
    this.selfId = self.id;
    this.gallery = new Gallery(call, self, (person) => this.nameFor(person));
    this.roster = new Roster(call, self);
    this.messages = new Messages(call, self, (from, text) => this.messageCame(from, text));
    this.listen();
    this.wire();
    byId('path-text').textContent = 'Finding a path…';
    byId('bars').removeAttribute('data-quality');
    this.open(undefined);
    this.stateChanged();
    const timer = setInterval(() => this.tick(), 1000);
    this.ends.push(() => clearInterval(timer));
  }

  /** Whom the call is with, in words. */
  get remoteName(): string {
    const people = this.call.remoteParticipants;
    if (this.isGroup) {
      return people.length === 1 && people[0] ? this.nameFor(people[0]) : 'Group call';
    }
    return people[0] ? this.nameFor(people[0]) : nameOf(this.remoteId);
  }

  private get isGroup(): boolean {
    return this.call.feature(Conference).isGroup || this.call.remoteParticipants.length > 1;
  }

  private nameFor(person: RemoteParticipant): string {
    const isCaller = this.call.direction === 'Incoming' && person === this.call.remoteParticipants[0];
    return person.displayName || (isCaller && this.call.callerInfo?.displayName) || displayNameOf(person);
  }

  private listen(): void {
    const { call } = this;
    const on = (event: 'stateChanged' | 'isMutedChanged' | 'isScreenSharingOnChanged' | 'isLocalVideoStartedChanged' | 'mutedByOthers', run: () => void): void => {
      call.on(event, run);
      this.ends.push(() => call.off(event, run));
    };
    on('stateChanged', () => this.stateChanged());
    on('isMutedChanged', () => this.paint());
    on('isScreenSharingOnChanged', () => this.paint());
    on('isLocalVideoStartedChanged', () => this.paint());
    on('mutedByOthers', () => toast('Somebody muted you. Press M to speak.'));
    const people = ({ added, removed }: { added: RemoteParticipant[]; removed: RemoteParticipant[] }): void => {
      added.forEach((person) => this.meet(person));
      removed.forEach((person) => this.gallery.part(person));
      this.roster.paintSoon();
      this.paint();
    };
    call.on('remoteParticipantsUpdated', people);
    this.ends.push(() => call.off('remoteParticipantsUpdated', people));
    call.remoteParticipants.forEach((person) => this.meet(person));
    const conference = call.feature(Conference);
    const paint = (): void => this.paint();
    conference.on('modeChanged', paint);
    conference.on('isActiveChanged', paint);
    const hands = call.feature(Features.RaiseHand);
    const raised = ({ identifier }: { identifier: RemoteParticipant['identifier'] }): void => {
      const person = call.remoteParticipants.find((one) => sameId(one.identifier, identifier));
      if (person) {
        toast(`${this.nameFor(person)} raised a hand`);
      }
      this.paint();
    };
    hands.on('raisedHandEvent', raised);
    hands.on('loweredHandEvent', paint);
    const { network, media } = call.feature(Features.UserFacingDiagnostics);
    const complain = ({ diagnostic, value }: { diagnostic: string; value: unknown }): void => this.complain(diagnostic, value);
    network.on('diagnosticChanged', complain);
    media.on('diagnosticChanged', complain);
    this.ends.push(
      () => conference.off('modeChanged', paint),
      () => conference.off('isActiveChanged', paint),
      () => hands.off('raisedHandEvent', raised),
      () => hands.off('loweredHandEvent', paint),
      () => network.off('diagnosticChanged', complain),
      () => media.off('diagnosticChanged', complain),
    );
  }

  private meet(person: RemoteParticipant): void {
    this.gallery.meet(person);
    this.roster.meet(person);
    for (const event of ['isMutedChanged', 'displayNameChanged', 'stateChanged'] as const) {
      person.on(event as 'stateChanged', () => !this.isOver && this.paint());
    }
  }

  private stateChanged(): void {
    const { state } = this.call;
    if (state === 'Connected' && this.connectedAt === undefined) {
      this.connectedAt = performance.now();
      this.memory.wasConnected = true;
    }
    const waits = this.call.direction === 'Outgoing' && (state === 'Ringing' || state === 'EarlyMedia');
    if (waits) {
      this.stopRing ??= ring(true);
    } else {
      this.stopRing?.();
      this.stopRing = undefined;
    }
    if (state === 'Disconnected') {
      this.over();
      return;
    }
    this.paint();
    this.paintState();
  }

  private paintState(): void {
    const words = STATES[this.call.state];
    const element = byId('stage-state');
    const text = words ?? clock(this.seconds());
    if (element.textContent !== text) {
      // Each second of the clock is no news.
      element.setAttribute('aria-live', words ? 'polite' : 'off');
      element.textContent = text;
    }
  }

  private seconds(): number {
    return this.connectedAt === undefined ? 0 : (performance.now() - this.connectedAt) / 1000;
  }

  private paint(): void {
    const { call } = this;
    const isOnHold = call.state === 'LocalHold';
    const isUp = call.state === 'Connected';
    const people = call.remoteParticipants;
    const conference = call.feature(Conference);
    const { isMuted, isLocalVideoStarted: hasVideo, isScreenSharingOn: isSharing } = call;
    byId('stage-name').textContent = this.isGroup && people.length > 1 ? `Group call · ${people.length + 1} people` : this.remoteName;
    this.paintNote();
    button('mic', { icon: isMuted ? 'mic-off' : 'mic', label: isMuted ? 'Unmute' : 'Mute', says: isMuted ? 'Unmute (M)' : 'Mute (M)', isRed: isMuted });
    button('cam', { icon: hasVideo ? 'cam' : 'cam-off', label: 'Camera', says: hasVideo ? 'Stop the camera (V)' : 'Start the camera (V)' });
    button('screen', { icon: 'screen', label: isSharing ? 'Stop' : 'Share', says: isSharing ? 'Stop sharing the screen' : 'Share the screen', isActive: isSharing });
    button('hold', { icon: isOnHold ? 'play' : 'pause', label: isOnHold ? 'Resume' : 'Hold', says: isOnHold ? 'Resume the call' : 'Put the call on hold', isActive: isOnHold });
    const isUpHand = call.feature(Features.RaiseHand).getRaisedHands().some((hand) => sameId(hand.identifier, this.ownIdentifier));
    button('hand', { icon: 'hand', label: isUpHand ? 'Lower' : 'Hand', says: isUpHand ? 'Lower your hand' : 'Raise your hand (H)', isActive: isUpHand });
    show(byId('screen'), 'getDisplayMedia' in (navigator.mediaDevices ?? {}));
    byId<HTMLButtonElement>('screen').disabled = !isUp;
    byId<HTMLButtonElement>('hand').disabled = !isUp;
    byId<HTMLButtonElement>('hold').disabled = !(isUp || isOnHold || call.state === 'RemoteHold');
    byId<HTMLButtonElement>('cam').disabled = isOnHold;
    show(byId('view-switch'), this.gallery.hasViews && conference.mode !== 'mixed');
    press('view', this.gallery.view);
    show(byId('mode-switch'), conference.isActive && conference.mode !== undefined);
    press('mode', conference.mode ?? '');
    this.gallery.paint();
  }

  /** A word about the other side of a call between two; in a group each tile has its own. */
  private paintNote(): void {
    const { state } = this.call;
    const [person] = this.call.remoteParticipants;
    const note = !this.isGroup && state === 'Connected' && person?.isMuted ? `${this.nameFor(person)} is muted` : '';
    byId('remote-note').textContent = note;
    show(byId('remote-note'), note !== '');
    show(byId('alone'), this.isGroup && this.call.remoteParticipants.length === 0 && state === 'Connected' && this.call.info.groupId !== undefined);
  }

  private wire(): void {
    const click = (id: string, run: () => Promise<void> | void): void => {
      const element = byId<HTMLButtonElement>(id);
      const handler = (): void => {
        element.setAttribute('aria-busy', 'true');
        Promise.resolve(run())
          .catch((error: unknown) => toast((error as Error).message))
          .finally(() => element.removeAttribute('aria-busy'));
      };
      element.addEventListener('click', handler);
      this.ends.push(() => element.removeEventListener('click', handler));
    };
    click('mic', () => (this.call.isMuted ? this.call.unmute() : this.call.mute()));
    click('cam', () => this.toggleCamera());
    click('screen', () => this.toggleScreen());
    click('hold', () => (this.call.state === 'LocalHold' ? this.call.resume() : this.call.hold()));
    click('hang-up', () => {
      this.memory.hungUpHere = true;
      return this.call.hangUp();
    });
    click('hand', async () => {
      const hands = this.call.feature(Features.RaiseHand);
      const isUp = hands.getRaisedHands().some((hand) => sameId(hand.identifier, this.ownIdentifier));
      await (isUp ? hands.lowerHand() : hands.raiseHand());
      this.paint();
    });
    const toggle = (pane: Pane): void => this.open(this.pane === pane ? undefined : pane);
    click('figures', () => toggle('facts'));
    click('path-chip', () => toggle('facts'));
    click('people', () => toggle('people'));
    click('messages', () => toggle('messages'));
    click('alone-people', () => this.open('people'));
    click('panel-close', () => {
      const from = this.pane;
      this.open(undefined);
      byId(from === 'people' || from === 'messages' ? from : 'figures').focus();
    });
    click('more', () => void byId('controls').classList.toggle('all'));
    for (const pane of PANES) {
      click(`tab-${pane}`, () => this.open(pane));
    }
    for (const view of ['grid', 'speaker'] satisfies View[]) {
      click(`view-${view}`, () => {
        this.gallery.view = view;
        press('view', view);
      });
    }
    for (const mode of ['forwarded', 'mixed'] as const) {
      click(`mode-${mode}`, () => this.call.feature(Conference).receive(mode));
    }
    const keys = (event: KeyboardEvent): void => {
      const isTyping = (event.target as HTMLElement).closest('input, textarea, select, dialog');
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping) {
        return;
      }
      if (event.key === 'm') {
        byId('mic').click();
      } else if (event.key === 'v') {
        byId('cam').click();
      } else if (event.key === 'h') {
        byId('hand').click();
      } else if (event.key === 'Escape' && this.pane) {
        byId('panel-close').click();
      }
    };
    addEventListener('keydown', keys);
    this.ends.push(() => removeEventListener('keydown', keys));
  }

  private async toggleCamera(): Promise<void> {
    const sent = this.call.localVideoStreams.find((stream) => stream.mediaStreamType !== 'ScreenSharing');
    if (sent) {
      await this.call.stopVideo(sent);
      this.media.stopCamera();
      return;
    }
    const camera = await this.media.startCamera();
    if (camera) {
      try {
        await this.call.startVideo(camera);
        notice(undefined);
      } catch (error) {
        this.media.stopCamera();
        notice(deviceTrouble(error, 'camera'));
      }
    }
  }

  private async toggleScreen(): Promise<void> {
    if (this.call.isScreenSharingOn) {
      await this.call.stopScreenSharing();
      return;
    }
    try {
      await this.call.startScreenSharing();
    } catch (error) {
      toast(deviceTrouble(error, 'screen'));
    }
  }

  private get ownIdentifier(): { communicationUserId: string } {
    return { communicationUserId: this.selfId };
  }

  /** Which pane is open. */
  private get pane(): Pane | undefined {
    return byId('panel').hidden ? undefined : PANES.find((pane) => !paneOf(pane).hidden);
  }

  private open(wanted: Pane | undefined): void {
    show(byId('panel'), wanted !== undefined);
    byId('controls').classList.remove('all');
    for (const pane of PANES) {
      show(paneOf(pane), pane === wanted);
      byId(`tab-${pane}`).setAttribute('aria-selected', String(pane === wanted));
    }
    const expanded = { people: 'people', messages: 'messages', figures: 'facts', 'path-chip': 'facts' } as const;
    Object.entries(expanded).forEach(([id, pane]) => byId(id).setAttribute('aria-expanded', String(pane === wanted)));
    if (wanted === 'messages') {
      this.unread = 0;
      this.paintUnread();
      byId('message-text').focus({ preventScroll: true });
    }
  }

  private messageCame(from: string, text: string): void {
    if (this.pane !== 'messages') {
      this.unread += 1;
      this.paintUnread();
      toast(`${from}: ${text.length > 80 ? `${text.slice(0, 80)}…` : text}`);
    }
  }

  private paintUnread(): void {
    byId('unread').textContent = this.unread > 99 ? '99+' : String(this.unread);
    show(byId('unread'), this.unread > 0);
  }

  private tick(): void {
    this.paintState();
    void this.call
      .feature(Path)
      .read()
      .then((reading) => reading && !this.isOver && this.paintFacts(reading));
  }

  private paintFacts(reading: Reading): void {
    const { path, quality } = reading;
    if (path) {
      this.memory.path = shortPath(path);
      const trip = path.rttMs === undefined ? '' : ` · ${Math.round(path.rttMs)} ms`;
      byId('path-text').textContent = `${shortPath(path)}${trip}`;
      byId('path-sentence').textContent = longPath(path, this.call.feature(Conference).isActive);
      byId('bars').dataset.quality = verdict(reading);
      byId('path-chip').setAttribute('aria-label', `Connection: ${shortPath(path)}, ${verdict(reading)}. Show figures.`);
      this.curve(path.rttMs);
    }
    const percent = (share: number | undefined): string => (share === undefined ? '–' : `${(share * 100).toFixed(1)} %`);
    const picture = (view: typeof quality.videoIn): string =>
      view ? `${view.width}×${view.height}, ${view.framesPerSecond} fps, ${view.codec}` : 'none';
    byId('facts-list').replaceChildren(
      ...group('Path', [
        ['This side', path ? `${path.localType} ${path.local}` : '–'],
        ['Other side', path ? `${path.remoteType} ${path.remote}` : '–'],
        ['Transport', path ? (path.relayOver ? `relay over ${path.relayOver}` : path.protocol) : '–'],
      ]),
      ...group('Quality', [
        ['Lost, received', percent(quality.lossIn)],
        ['Lost, sent', percent(quality.lossOut)],
        ['Jitter', quality.jitterMs === undefined ? '–' : `${Math.round(quality.jitterMs)} ms`],
        ['Receiving', bits(quality.bitsIn)],
        ['Sending', bits(quality.bitsOut)],
        ['Room to send', bits(quality.availableOut)],
      ]),
      ...group('Media', [
        ['Sound', quality.audioCodec || '–'],
        ['Picture in', picture(quality.videoIn)],
        ['Picture out', picture(quality.videoOut)],
        ['In all', `${bytes(quality.bytesIn)} in, ${bytes(quality.bytesOut)} out`],
      ]),
    );
  }

  private curve(rttMs: number | undefined): void {
    if (rttMs === undefined) {
      return;
    }
    this.trips.push(rttMs);
    if (this.trips.length > CURVE) {
      this.trips.shift();
    }
    const highest = Math.max(20, ...this.trips);
    const points = this.trips.map((trip, index) => {
      const x = ((index + CURVE - this.trips.length) / (CURVE - 1)) * 240;
      return `${index === 0 ? 'M' : 'L'}${x.toFixed(1)} ${(41 - (trip / highest) * 36).toFixed(1)}`;
    });
    byId('spark-line').setAttribute('d', points.join(''));
    byId('spark-now').textContent = `${Math.round(rttMs)} ms`;
  }

  private complain(diagnostic: string, value: unknown): void {
    const words: Record<string, string> = {
      noNetwork: 'This device has no network. The call waits for two minutes.',
      networkReconnect: 'The connection was interrupted. Trying to mend it…',
      cameraStoppedUnexpectedly: 'The camera stopped by itself.',
      cameraPermissionDenied: deviceTrouble({ subCode: 43001 }, 'camera'),
      cameraStartFailed: 'The camera could not be started.',
      microphonePermissionDenied: deviceTrouble({ subCode: 40613 }, 'microphone'),
      microphoneNotFunctioning: 'The microphone does not work. Choose another one under Devices.',
      microphoneMuteUnexpectedly: 'The system muted your microphone.',
      microphoneNotMuteButSilent: 'No sound comes from your microphone. Check its switch, or choose another one under Devices.',
    };
    const isBad = value === true || (typeof value === 'number' && value > 1);
    if (diagnostic === 'speakingWhileMicrophoneIsMuted') {
      if (isBad) {
        toast('You are muted. Press M to speak.');
      }
    } else if (isBad && words[diagnostic]) {
      this.hasComplained = true;
      notice(words[diagnostic]);
    } else if (!isBad && this.hasComplained && words[diagnostic]) {
      this.hasComplained = false;
      notice(undefined);
    }
  }

  private over(): void {
    if (this.isOver) {
      return;
    }
    this.isOver = true;
    this.memory.seconds = this.seconds();
    this.stopRing?.();
    this.ends.splice(0).forEach((end) => end());
    this.gallery.close();
    this.roster.close();
    this.messages.close();
    this.unread = 0;
    this.paintUnread();
    show(byId('alone'), false);
    byId('spark-line').removeAttribute('d');
    notice(undefined);
    this.onOver(this);
  }
}

function group(title: string, entries: [term: string, words: string][]): HTMLElement[] {
  return [
    make('dt', { class: 'group' }, title),
    ...entries.flatMap(([term, words]) => [make('dt', {}, term), make('dd', {}, words)]),
  ];
}

function button(id: string, { icon, label, says, isRed, isActive }: { icon: string; label: string; says: string; isRed?: boolean; isActive?: boolean }): void {
  const element = byId(id);
  element.setAttribute('aria-label', says);
  element.title = says;
  element.toggleAttribute('data-off', Boolean(isRed));
  element.toggleAttribute('data-active', Boolean(isActive));
  drawing(element, icon);
  const words = element.querySelector('.label');
  if (words) {
    words.textContent = label;
  }
}

/** Marks the pressed one of a few buttons. */
function press(name: 'view' | 'mode', value: string): void {
  document.querySelectorAll<HTMLElement>(`[data-${name}]`).forEach((element) => element.setAttribute('aria-pressed', String(element.dataset[name] === value)));
}

function sameId(one: RemoteParticipant['identifier'], other: RemoteParticipant['identifier'] | { communicationUserId: string }): boolean {
  const rawId = 'kind' in other ? rawIdOf(other) : other.communicationUserId;
  return rawIdOf(one) === rawId;
}
