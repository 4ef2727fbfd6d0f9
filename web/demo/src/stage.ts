/** A call on the screen: pictures, controls, path and quality. */

import { Features, VideoStreamRenderer } from '/sdk/calling.js';
import type { Call, RemoteParticipant, RemoteVideoStream, VideoStreamRendererView } from '/sdk/calling.js';
import { byId, drawing, make, notice, show, toast } from './dom.js';
import type { Media } from './media.js';
import { nameOf, paint } from './names.js';
import { longPath, Path, shortPath, verdict, type Reading } from './path.js';
import { ring } from './ring.js';
import { bits, bytes, clock, deviceTrouble } from './words.js';

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

/** Shows one call until it is over. */
export class Stage {
  readonly memory: Memory = { seconds: 0, wasConnected: false, hungUpHere: false };
  private readonly views = new Map<RemoteVideoStream, VideoStreamRendererView>();
  private readonly opening = new Set<RemoteVideoStream>();
  private selfView: VideoStreamRendererView | undefined;
  private readonly ends: (() => void)[] = [];
  private connectedAt: number | undefined;
  private stopRing: (() => void) | undefined;
  private readonly trips: number[] = [];
  private isOver = false;
  private hasComplained = false;

  constructor(
    private readonly call: Call,
    private readonly media: Media,
    self: { id: string; name: string },
    private readonly remoteId: string,
    private readonly onOver: (stage: Stage) => void,
  ) {
    this.listen();
    this.wire();
    paint(byId('self-avatar'), self.id, self.name);
    byId('stage-name').textContent = this.remoteName;
    paint(byId('remote-avatar'), remoteId, this.remoteName);
    byId('path-text').textContent = 'Finding a path…';
    byId('bars').removeAttribute('data-quality');
    this.openFacts(false);
    this.stateChanged();
    const timer = setInterval(() => this.tick(), 1000);
    this.ends.push(() => clearInterval(timer));
  }

  get remoteName(): string {
    const caller = this.call.direction === 'Incoming' ? this.call.callerInfo?.displayName : undefined;
    return this.call.remoteParticipants[0]?.displayName || caller || nameOf(this.remoteId);
  }

  private listen(): void {
    const { call } = this;
    const on = (event: 'stateChanged' | 'isMutedChanged' | 'isScreenSharingOnChanged' | 'isLocalVideoStartedChanged', run: () => void): void => {
      call.on(event, run);
      this.ends.push(() => call.off(event, run));
    };
    on('stateChanged', () => this.stateChanged());
    on('isMutedChanged', () => this.paint());
    on('isScreenSharingOnChanged', () => this.paint());
    on('isLocalVideoStartedChanged', () => void this.showSelf());
    const people = ({ added }: { added: RemoteParticipant[] }): void => added.forEach((person) => this.meet(person));
    call.on('remoteParticipantsUpdated', people);
    this.ends.push(() => call.off('remoteParticipantsUpdated', people));
    call.remoteParticipants.forEach((person) => this.meet(person));
    const { network, media } = call.feature(Features.UserFacingDiagnostics);
    const complain = ({ diagnostic, value }: { diagnostic: string; value: unknown }): void => this.complain(diagnostic, value);
    network.on('diagnosticChanged', complain);
    media.on('diagnosticChanged', complain);
    this.ends.push(
      () => network.off('diagnosticChanged', complain),
      () => media.off('diagnosticChanged', complain),
    );
  }

  private meet(person: RemoteParticipant): void {
    const changed = (): void => this.paintRemote();
    const streams = ({ added, removed }: { added: RemoteVideoStream[]; removed: RemoteVideoStream[] }): void => {
      added.forEach((stream) => this.watch(stream));
      removed.forEach((stream) => this.drop(stream));
    };
    person.on('isMutedChanged', changed);
    person.on('isSpeakingChanged', changed);
    person.on('displayNameChanged', changed);
    person.on('stateChanged', changed);
    person.on('videoStreamsUpdated', streams);
    person.videoStreams.forEach((stream) => this.watch(stream));
    this.paintRemote();
  }

  private watch(stream: RemoteVideoStream): void {
    const changed = (): void => void this.showRemote(stream);
    stream.on('isAvailableChanged', changed);
    stream.on('isReceivingChanged', () => this.paintRemote());
    changed();
  }

  private async showRemote(stream: RemoteVideoStream): Promise<void> {
    if (!stream.isAvailable) {
      this.drop(stream);
      return;
    }
    if (this.views.has(stream) || this.opening.has(stream)) {
      return;
    }
    this.opening.add(stream);
    try {
      const scalingMode = stream.mediaStreamType === 'ScreenSharing' ? 'Fit' : 'Crop';
      const view = await new VideoStreamRenderer(stream).createView({ scalingMode });
      if (this.isOver || !stream.isAvailable) {
        view.dispose();
        return;
      }
      this.views.set(stream, view);
      this.arrange();
    } catch {
      // Stopped again, or no frame came: the avatar stays.
    } finally {
      this.opening.delete(stream);
    }
  }

  private drop(stream: RemoteVideoStream): void {
    this.views.get(stream)?.dispose();
    this.views.delete(stream);
    this.arrange();
  }

  /** A screen gets the large tile, and the camera goes beside it. */
  private arrange(): void {
    const of = (type: string): VideoStreamRendererView | undefined =>
      [...this.views].find(([stream]) => stream.mediaStreamType === type)?.[1];
    const screen = of('ScreenSharing');
    const camera = of('Video') ?? of('RawMedia');
    const main = screen ?? camera;
    const side = screen ? camera : undefined;
    const mainTile = byId('remote-main');
    const sideTile = byId('remote-side');
    if (main && main.target.parentElement !== mainTile) {
      mainTile.append(main.target);
    }
    if (side && side.target.parentElement !== sideTile) {
      sideTile.append(side.target);
    }
    void camera?.updateScalingMode('Crop');
    show(sideTile, side !== undefined);
    byId('stage').querySelector('.tiles')?.classList.toggle('with-side', side !== undefined);
    show(byId('remote-avatar'), main === undefined);
    this.paintRemote();
  }

  private async showSelf(): Promise<void> {
    this.selfView?.dispose();
    this.selfView = undefined;
    this.paint();
    const stream = this.call.localVideoStreams.find((local) => local.mediaStreamType !== 'ScreenSharing');
    if (stream) {
      try {
        this.selfView = await new VideoStreamRenderer(stream).createView({ isMirrored: true, scalingMode: 'Crop' });
        byId('self-tile').append(this.selfView.target);
      } catch (error) {
        notice(deviceTrouble(error, 'camera'));
      }
    }
    show(byId('self-avatar'), this.selfView === undefined);
  }

  private stateChanged(): void {
    const { state } = this.call;
    if (state === 'Connected' && this.connectedAt === undefined) {
      this.connectedAt = performance.now();
      this.memory.wasConnected = true;
      void this.showSelf();
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
    this.paintRemote();
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

  private paintRemote(): void {
    const person = this.call.remoteParticipants[0];
    const name = this.remoteName;
    byId('stage-name').textContent = name;
    paint(byId('remote-avatar'), this.remoteId, name);
    byId('remote-main').classList.toggle('speaking', Boolean(person?.isSpeaking) && this.call.state === 'Connected');
    const frozen = [...this.views.keys()].some((stream) => stream.isAvailable && !stream.isReceiving);
    const note =
      this.call.state === 'RemoteHold' || this.call.state === 'LocalHold'
        ? 'On hold'
        : person?.isMuted && this.call.state === 'Connected'
          ? `${name} is muted`
          : frozen
            ? 'The picture is waiting for the network'
            : '';
    const element = byId('remote-note');
    element.textContent = note;
    show(element, note !== '');
  }

  private paint(): void {
    const { call } = this;
    const isOnHold = call.state === 'LocalHold';
    const isUp = call.state === 'Connected';
    const { isMuted, isLocalVideoStarted: hasVideo, isScreenSharingOn: isSharing } = call;
    button('mic', { icon: isMuted ? 'mic-off' : 'mic', label: isMuted ? 'Unmute' : 'Mute', says: isMuted ? 'Unmute (M)' : 'Mute (M)', isRed: isMuted });
    button('cam', { icon: hasVideo ? 'cam' : 'cam-off', label: 'Camera', says: hasVideo ? 'Stop the camera (V)' : 'Start the camera (V)' });
    button('screen', { icon: 'screen', label: isSharing ? 'Stop' : 'Share', says: isSharing ? 'Stop sharing the screen' : 'Share the screen', isActive: isSharing });
    button('hold', { icon: isOnHold ? 'play' : 'pause', label: isOnHold ? 'Resume' : 'Hold', says: isOnHold ? 'Resume the call' : 'Put the call on hold', isActive: isOnHold });
    show(byId('screen'), 'getDisplayMedia' in (navigator.mediaDevices ?? {}));
    byId<HTMLButtonElement>('screen').disabled = !isUp;
    byId('stage').querySelector('.tiles')?.classList.toggle('held', isOnHold || call.state === 'RemoteHold');
    byId<HTMLButtonElement>('hold').disabled = !(isUp || isOnHold || call.state === 'RemoteHold');
    byId<HTMLButtonElement>('cam').disabled = isOnHold;
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
    click('figures', () => this.openFacts(byId('facts').hidden));
    click('path-chip', () => this.openFacts(byId('facts').hidden));
    click('facts-close', () => {
      this.openFacts(false);
      byId('figures').focus();
    });
    const keys = (event: KeyboardEvent): void => {
      const isTyping = (event.target as HTMLElement).closest('input, textarea, select, dialog');
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping) {
        return;
      }
      if (event.key === 'm') {
        byId('mic').click();
      } else if (event.key === 'v') {
        byId('cam').click();
      } else if (event.key === 'Escape' && !byId('facts').hidden) {
        byId('facts-close').click();
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

  private openFacts(isOpen: boolean): void {
    show(byId('facts'), isOpen);
    byId('figures').setAttribute('aria-expanded', String(isOpen));
    byId('path-chip').setAttribute('aria-expanded', String(isOpen));
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
      byId('path-sentence').textContent = longPath(path);
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
    [...this.views.values()].forEach((view) => view.dispose());
    this.views.clear();
    this.selfView?.dispose();
    show(byId('remote-side'), false);
    byId('stage').querySelector('.tiles')?.classList.remove('with-side');
    show(byId('remote-avatar'), true);
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
