/**
 * A call, as apps hold it. It carries the user's wishes to the exchange and to the media session, and shows what became of them.
 */

import { Backoff } from '../connection/backoff.js';
import { isPassing } from '../connection/rest.js';
import { SignalQueue } from '../connection/signals.js';
import { bindMethods, Emitter } from '../emitter.js';
import type { Disposer } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import { identifierOf, rawIdOf } from '../identity.js';
import { LocalAudioStream } from '../streams/local-audio-stream.js';
import { LocalVideoStream } from '../streams/local-video-stream.js';
import { RemoteAudio } from '../streams/remote-audio-stream.js';
import type { NetworkNews } from '../surroundings.js';
import type {
  AcceptCallOptions,
  AddPhoneNumberOptions,
  Call,
  CallConstraints,
  CallDirection,
  CallEndReason,
  CallerInfo,
  CallInfo,
  CallPropertyEvent,
  CallState,
  DtmfTone,
  HangUpOptions,
  Lobby,
  ParticipantRole,
  RemoteParticipant,
} from '../types/call.js';
import { CallKind } from '../types/enums.js';
import type { CallFeature, CallFeatureFactory } from '../types/feature.js';
import type { CommunicationIdentifier, CommunicationIdentifierKind } from '../types/identifier.js';
import type { AudioDeviceInfo } from '../types/device.js';
import type { RemoteAudioStream } from '../types/stream.js';
import type { CallView, Description, EndReason, Event, Incoming, Participant, Sending, StartCall } from '../wire.js';
import { FeatureDoor } from './door.js';
import { callEndReason, HUNG_UP, NETWORK_LOST, NO_OFFER, NOT_SUPPORTED, placingFailed } from './end-reason.js';
import type { CallHost } from './host.js';
import { CallInformation } from './info.js';
import { EmptyLobby } from './lobby.js';
import { LocalMedia } from './local-media.js';
import type { LocalStream } from './local-media.js';
import { CallMachine, continuation } from './machine.js';
import type { CallInput } from './machine.js';
import { CallParticipant } from './participant.js';
import { DOOR } from './peer-door.js';
import type { Media, TransferGoal } from './peer-door.js';
import type { Peer } from './peer.js';
import { Session } from './session.js';
import { Speaker } from './speaker.js';

/** Whom a call is with, and why. */
export interface Placing {
  targets: string[];
  options?: AcceptCallOptions;
  customContext?: unknown;
  alternateCallerId?: string;
  transferOf?: StartCall['transferOf'];
}

type CallEvents = { [Name in CallPropertyEvent]: undefined } & {
  remoteParticipantsUpdated: Change<RemoteParticipant>;
  localVideoStreamsUpdated: Change<LocalVideoStream>;
  localAudioStreamsUpdated: Change<LocalAudioStream>;
  remoteAudioStreamsUpdated: Change<RemoteAudioStream>;
};

interface Change<Item> {
  added: Item[];
  removed: Item[];
}

/** The microphone that the system chooses. */
const DEFAULT_MICROPHONE: AudioDeviceInfo = { id: '', name: '', isSystemDefault: true, deviceType: 'Microphone' };

/** How long placing is tried while the exchange is not reached, in milliseconds. */
const PLACING_MS = 30_000;

/** How long a hang-up waits for the exchange's own word on why the call ended, in milliseconds. */
const FAREWELL_MS = 1_500;

/** How long a hang-up that does not get through is repeated after the call is over here, in milliseconds. */
const FAREWELL_REPEAT_MS = 60_000;

/** How long the exchange's `ended` may take after this side gave up on media, in milliseconds. */
const FAILED_MS = 10_000;

/** How often it is heard whether somebody speaks, in milliseconds. */
const LISTEN_MS = 200;

const TONES: Record<Exclude<DtmfTone, 'Flash'>, string> = {
  A: 'A', B: 'B', C: 'C', D: 'D', Pound: '#', Star: '*',
  Num0: '0', Num1: '1', Num2: '2', Num3: '3', Num4: '4', Num5: '5', Num6: '6', Num7: '7', Num8: '8', Num9: '9',
};

/** A call. */
export class LiveCall implements Call {
  readonly kind = CallKind.Call;
  readonly id: string;
  readonly info: CallInfo;
  readonly direction: CallDirection;
  readonly role: ParticipantRole = 'Unknown';
  readonly lobby: Lobby = new EmptyLobby();
  readonly transferorInfo: CallerInfo | undefined;

  private readonly emitter = new Emitter<CallEvents>();
  private readonly information: CallInformation;
  private readonly machine = new CallMachine();
  private readonly signals: SignalQueue;
  private readonly session: Session;
  private readonly media: LocalMedia;
  private readonly speaker = new Speaker();
  private readonly door: FeatureDoor;
  private readonly features = new Map<unknown, CallFeature>();
  private readonly audio = new RemoteAudio();
  private readonly ends: Disposer[] = [];

  private caller: CallerInfo;
  private people: CallParticipant[] = [];
  private videoStreams: LocalVideoStream[] = [];
  private audioStreams: LocalAudioStream[] = [];
  private remoteAudio: RemoteAudioStream[] = [];
  private muted = false;
  private incomingMuted = false;
  private isOwnMicrophone = false;
  private isKnownToExchange = false;
  private lastSent: Sending | undefined;
  private cancelAwait: Disposer | undefined;
  private shownState: CallState = 'None';

  constructor(
    private readonly host: CallHost,
    id: string,
    direction: CallDirection,
    caller: CallerInfo,
    transferor?: string,
  ) {
    this.id = id;
    this.direction = direction;
    this.caller = caller;
    this.transferorInfo = transferor === undefined ? undefined : { identifier: identifierOf(transferor) };
    this.information = new CallInformation(id);
    this.info = this.information;
    this.media = new LocalMedia((media, stream) => this.sourceEnded(media, stream));
    this.signals = new SignalQueue(id, host.endpointId, (call, request) => host.post(call, request), host.surroundings, () =>
      this.finish(NETWORK_LOST),
    );
    this.session = new Session({
      isCaller: direction === 'Outgoing',
      surroundings: host.surroundings,
      ice: () => host.ice(),
      relayMemory: host.relayMemory,
      send: (signal) => void this.signals.send(signal),
      isMediaAllowed: () => this.machine.isMediaAllowed,
      listener: {
        peer: (peer) => this.peerChanged(peer),
        path: (path) => {
          this.door.pathChanged(path);
          this.cancelAwait?.();
          this.cancelAwait = path === 'failed' ? this.awaitEnd() : undefined;
        },
        channel: (channel) => this.door.channelOpened(channel),
      },
    });
    const self = this;
    this.door = new FeatureDoor(
      {
        id,
        get participantId() {
          return self.information.participantId;
        },
        get isSignalling() {
          return host.isSignalling;
        },
        get remoteIdentifier() {
          return self.people[0]?.identifier;
        },
        get localIdentifier() {
          return identifierOf(host.rawId);
        },
        requestTransfer: (goal) => this.requestTransfer(goal),
      },
      this.session,
      this.media,
    );
    this.ends.push(...this.followDevices());
    bindMethods(this);
  }

  get callerInfo(): CallerInfo {
    return this.caller;
  }

  get state(): CallState {
    return this.shownState;
  }

  get callEndReason(): CallEndReason | undefined {
    return this.machine.endReason && callEndReason(this.machine.endReason);
  }

  get isMuted(): boolean {
    return this.muted;
  }

  get isIncomingAudioMuted(): boolean {
    return this.incomingMuted;
  }

  get isScreenSharingOn(): boolean {
    return this.videoStreams.some(isScreen);
  }

  get isLocalVideoStarted(): boolean {
    return this.videoStreams.some((stream) => !isScreen(stream));
  }

  get localVideoStreams(): ReadonlyArray<LocalVideoStream> {
    return this.videoStreams;
  }

  get localAudioStreams(): ReadonlyArray<LocalAudioStream> {
    return this.audioStreams;
  }

  get remoteAudioStreams(): ReadonlyArray<RemoteAudioStream> {
    return this.remoteAudio;
  }

  get remoteParticipants(): ReadonlyArray<RemoteParticipant> {
    return this.people;
  }

  /** Whether the exchange knows it. */
  get isPlaced(): boolean {
    return this.isKnownToExchange;
  }

  /** Whether it is answered and this side does not hold it: it has the microphone. */
  get isActive(): boolean {
    return this.machine.isAnswered && !this.machine.isHeldHere;
  }

  on<Name extends keyof CallEvents>(event: Name, listener: (payload: CallEvents[Name]) => void): void {
    this.emitter.on(event, listener);
  }

  off<Name extends keyof CallEvents>(event: Name, listener: (payload: CallEvents[Name]) => void): void {
    this.emitter.off(event, listener);
  }

  feature<TFeature extends CallFeature>(factory: CallFeatureFactory<TFeature>): TFeature {
    const known = this.features.get(factory);
    if (known) {
      return known as TFeature;
    }
    if (typeof factory?.callApiCtor !== 'function') {
      throw new CallingError(ErrorCodes.badArgument, 'That is no feature of calls.');
    }
    const made = new factory.callApiCtor({ call: this, door: this.door });
    this.features.set(factory, made);
    return made;
  }

  // ── Beginnings ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Places the call. Returns at once; what fails ends the call. */
  place(placing: Placing): void {
    this.setParticipants(placing.targets.map((target) => new CallParticipant(target)));
    this.prepare(placing.options);
    queueMicrotask(() => {
      this.input({ on: 'begun' });
      this.people.forEach((person) => person.become('Connecting'));
      void this.placeNow(placing).catch((error) => this.finish(error instanceof CallingError ? NO_OFFER : placingFailed(error, this.isOnline)));
    });
  }

  /** Ends at once: what was asked for does not exist in this version. */
  refuse(): void {
    queueMicrotask(() => {
      this.input({ on: 'begun' });
      this.finish(NOT_SUPPORTED);
    });
  }

  /** Answers a call that rings. */
  async answer(incoming: Incoming, options?: AcceptCallOptions): Promise<void> {
    this.information.setParticipantId(incoming.participantId);
    const caller = new CallParticipant(incoming.caller.identity, incoming.caller.displayName);
    caller.update(incoming.caller);
    caller.become('Connecting');
    this.setParticipants([caller]);
    this.prepare(options);
    this.input({ on: 'begun' });
    this.host.holdOthers(this);
    this.isKnownToExchange = true;
    await this.openMicrophone(options);
    if (this.isOver) {
      return;
    }
    incoming.candidates.forEach((batch) => this.session.candidates(batch));
    try {
      await this.session.answer(incoming.offer, (answer) => {
        this.lastSent = this.sending();
        void this.signals.send({ type: 'accept', answer, sending: this.lastSent });
      });
    } catch {
      void this.signals.send({ type: 'hangUp' });
      this.finish(NO_OFFER);
    }
    this.signals.open();
  }

  /** Goes on after a reload of this page: same call, same place, a fresh peer connection. */
  async restore(view: CallView): Promise<void> {
    this.isKnownToExchange = true;
    this.muted = view.sending.muted;
    this.media.mute(this.muted);
    this.setParticipants(view.participants.map((one) => new CallParticipant(one.identity, one.displayName)));
    this.input({ on: 'begun' });
    this.catchUp(view, false);
    this.prepare({ audioOptions: { muted: this.muted } });
    await this.openMicrophone(undefined);
    if (!this.isOver) {
      this.signals.open();
      this.lastSent = view.sending;
      this.tellSending();
      this.goOn(view);
    }
  }

  /** Events were missed: brings the call to where the exchange says it is. */
  catchUp(view: CallView, goesOn = true): void {
    this.information.setParticipantId(view.participantId);
    view.participants.forEach((one) => this.updateParticipant(one));
    this.machine.restore(view);
    this.show();
    if (goesOn && this.isKnownToExchange) {
      this.goOn(view);
    }
  }

  // ── What the user wants ───────────────────────────────────────────────────────────────────────────────────────────────────────

  async hangUp(options?: HangUpOptions): Promise<void> {
    if (this.isEnding) {
      return;
    }
    this.input({ on: 'hangUp' });
    if (this.isKnownToExchange) {
      const taken = this.signals.send({ type: 'hangUp', ...(options?.forEveryone ? { forEveryone: true } : {}) });
      await Promise.race([taken.catch(() => {}), this.pause(FAREWELL_MS)]);
    }
    this.finish(HUNG_UP);
  }

  async mute(): Promise<void> {
    this.setMuted(true);
  }

  async unmute(): Promise<void> {
    this.setMuted(false);
  }

  async muteIncomingAudio(): Promise<void> {
    this.setIncomingMuted(true);
  }

  async unmuteIncomingAudio(): Promise<void> {
    this.setIncomingMuted(false);
  }

  async muteAllRemoteParticipants(): Promise<void> {
    throw new CallingError(ErrorCodes.notSupported, 'Participants of a one-to-one call cannot be muted by each other.');
  }

  async startVideo(localVideoStream: LocalVideoStream): Promise<void> {
    if (!localVideoStream?.[DOOR] || isScreen(localVideoStream)) {
      throw new CallingError(ErrorCodes.startVideoWrongStream, 'startVideo takes a LocalVideoStream of a camera or of a MediaStream.');
    }
    this.assertGoing('start video');
    if (this.isLocalVideoStarted) {
      throw new CallingError(ErrorCodes.videoAlreadyStarted, 'Video was started already; stop it first.');
    }
    await this.startPicture('video', localVideoStream);
  }

  async stopVideo(localVideoStream: LocalVideoStream): Promise<void> {
    if (!this.isLocalVideoStarted) {
      throw new CallingError(ErrorCodes.videoAlreadyStopped, 'Video was stopped already.');
    }
    const sent = this.videoStreams.find((stream) => !isScreen(stream) && stream[DOOR] === localVideoStream?.[DOOR]);
    if (!sent) {
      throw new CallingError(ErrorCodes.videoStreamNotSent, 'That stream is not sent in this call.');
    }
    this.stopPicture('video', sent);
  }

  async startScreenSharing(screenSharingStream?: LocalVideoStream): Promise<void> {
    if (!this.machine.isAnswered) {
      throw new CallingError(ErrorCodes.screenShareNotConnected, 'A screen can be shared once the call is connected.');
    }
    if (this.isScreenSharingOn) {
      throw new CallingError(ErrorCodes.screenShareAlreadyOn, 'A screen is shared already.');
    }
    const stream = screenSharingStream ?? (await LocalVideoStream.ofScreen());
    if (!isScreen(stream)) {
      stream.setMediaStreamType('ScreenSharing');
    }
    if (this.isOver) {
      stream.dispose();
      throw new CallingError(ErrorCodes.screenShareNotConnected, 'The call is over.');
    }
    await this.startPicture('screen', stream);
  }

  async stopScreenSharing(): Promise<void> {
    const stream = this.videoStreams.find(isScreen);
    if (!stream) {
      throw new CallingError(ErrorCodes.screenShareAlreadyOff, 'No screen is shared.');
    }
    this.stopPicture('screen', stream);
    this.release([stream]);
  }

  async startAudio(localAudioStream: LocalAudioStream): Promise<void> {
    if (!localAudioStream?.[DOOR]) {
      throw new CallingError(ErrorCodes.badArgument, 'startAudio takes a LocalAudioStream.');
    }
    this.assertGoing('start audio');
    await this.media.start('audio', localAudioStream);
    this.isOwnMicrophone = false;
    this.setAudioStreams([localAudioStream]);
  }

  stopAudio(): void {
    this.media.stop('audio');
    this.setAudioStreams([]);
  }

  async hold(): Promise<void> {
    if (!this.machine.isAnswered) {
      throw new CallingError(ErrorCodes.holdFailed, 'Only a connected call can be held.');
    }
    await this.setHold(true);
  }

  async resume(): Promise<void> {
    if (!this.machine.isAnswered) {
      throw new CallingError(ErrorCodes.resumeFailed, 'Only a call on hold can be resumed.');
    }
    this.host.holdOthers(this);
    await this.setHold(false);
  }

  async sendDtmf(tone: DtmfTone): Promise<void> {
    const char = TONES[tone as keyof typeof TONES];
    if (char === undefined) {
      throw new CallingError(ErrorCodes.badArgument, `There is no tone '${String(tone)}' here.`);
    }
    const dtmf = this.door.sender('audio')?.dtmf;
    if (!this.machine.isAnswered || !dtmf) {
      throw new CallingError(ErrorCodes.wrongState, 'Tones can be sent once the call is connected.');
    }
    if (!dtmf.canInsertDTMF) {
      throw new CallingError(ErrorCodes.notSupported, 'The other side, or this browser, takes no tones.');
    }
    dtmf.insertDTMF(dtmf.toneBuffer + char);
  }

  async setConstraints(constraints: CallConstraints): Promise<void> {
    await this.media.constrain(constraints?.video?.send);
  }

  /** One-to-one calls only: the participant ends at once, with 400/49001. */
  addParticipant(identifier: CommunicationIdentifier, _options?: AddPhoneNumberOptions): RemoteParticipant {
    const person = new CallParticipant(rawIdOf(identifier));
    this.people = [...this.people, person];
    this.emitter.emit('remoteParticipantsUpdated', { added: [person], removed: [] });
    queueMicrotask(() => {
      person.end(callEndReason(NOT_SUPPORTED));
      this.people = this.people.filter((one) => one !== person);
      this.emitter.emit('remoteParticipantsUpdated', { added: [], removed: [person] });
    });
    return person;
  }

  async removeParticipant(identifier: CommunicationIdentifier): Promise<void> {
    const rawId = rawIdOf(identifier);
    if (!this.people.some((person) => person.rawId === rawId)) {
      throw new CallingError(ErrorCodes.badArgument, 'That participant is not in the call.');
    }
    throw new CallingError(ErrorCodes.notSupported, 'In a one-to-one call nobody is removed; hang up instead.');
  }

  /** Leaves the call, and forgets all listeners. */
  dispose(): void {
    void this.hangUp().then(() => this.emitter.clear());
  }

  // ── What the exchange tells ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes an event of this call. */
  told(event: Event): void {
    if (this.isOver) {
      return;
    }
    switch (event.type) {
      case 'ringing':
        this.people.forEach((person) => person.become('Ringing'));
        this.input({ on: 'ringing' });
        break;
      case 'accepted':
        this.answered(event.callee, event.answer);
        break;
      case 'joined':
        this.people.forEach((person) => person.become('Connected'));
        this.input({ on: 'answered' });
        break;
      case 'ended':
        this.finish(event.reason);
        break;
      case 'description':
        this.session.description(event.description);
        break;
      case 'candidates':
        this.session.candidates(event.candidates);
        break;
      case 'participant':
        this.updateParticipant(event.participant);
        this.input({ on: 'remote', state: event.participant.state });
        break;
      case 'state':
        this.input({ on: 'told', state: event.state });
        break;
      case 'transferRequested':
        this.door.transferAccepted(this.host.transfer(this, event));
        break;
      case 'transfer':
        this.door.transferNews(event.transfer, event.state, event.error);
        break;
      case 'incomingCall':
        break; // the agent's
    }
  }

  /** The event connection went or came. */
  signalling(isUp: boolean): void {
    this.session.signalling(isUp);
    this.door.signallingChanged(isUp);
    if (isUp) {
      this.signals.kick();
    }
  }

  /** The machine may be on another network. */
  network(news: NetworkNews): void {
    if (news === 'changed') {
      this.signals.kick();
    }
    this.session.network(news);
  }

  /** Ends the call on this side. The first reason counts. */
  finish(reason: EndReason): void {
    if (this.isOver) {
      return;
    }
    this.machine.handle({ on: 'ended', reason });
    this.cancelAwait?.();
    this.session.close();
    this.speaker.close();
    this.audio.end();
    this.ends.splice(0).forEach((end) => end());
    this.release(this.media.close());
    this.people.forEach((person) => person.end(undefined));
    this.door.ended();
    this.closeSignals();
    this.show();
    this.host.ended(this);
  }

  /** Media options of this call for one that takes its place. */
  mediaOptions(): AcceptCallOptions {
    const videos = this.videoStreams.filter((stream) => !isScreen(stream));
    return {
      audioOptions: { muted: this.muted, ...(this.isOwnMicrophone ? {} : { localAudioStreams: this.audioStreams }) },
      ...(videos.length > 0 ? { videoOptions: { localVideoStreams: videos } } : {}),
    };
  }

  /** Whether the call sends this stream. */
  uses(stream: LocalStream): boolean {
    return !this.isOver && [...this.videoStreams, ...this.audioStreams].some((one) => one[DOOR] === stream[DOOR]);
  }

  // ── How it is done ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  private get isOver(): boolean {
    return this.machine.state === 'Disconnected';
  }

  private get isEnding(): boolean {
    return this.isOver || this.machine.state === 'Disconnecting';
  }

  private get isOnline(): boolean {
    return this.host.surroundings.isOnline();
  }

  private async placeNow(placing: Placing): Promise<void> {
    this.host.holdOthers(this);
    await this.openMicrophone(placing.options);
    let request: StartCall | undefined;
    await this.session.offer(0, (offer) => {
      this.lastSent = this.sending();
      request = {
        callId: this.id,
        endpointId: this.host.endpointId,
        targets: placing.targets,
        offer,
        sending: this.lastSent,
        ...(this.host.displayName === undefined ? {} : { displayName: this.host.displayName }),
        ...(placing.transferOf ? { transferOf: placing.transferOf } : {}),
        ...(placing.customContext === undefined ? {} : { customContext: placing.customContext }),
        ...(placing.alternateCallerId === undefined ? {} : { alternateCallerId: placing.alternateCallerId }),
      };
    });
    if (!request || this.isEnding) {
      return;
    }
    const participantId = await this.ask(request);
    this.isKnownToExchange = true;
    this.information.setParticipantId(participantId);
    this.signals.open();
    if (this.isEnding) {
      void this.signals.send({ type: 'hangUp' });
    } else {
      this.tellSending();
    }
  }

  /** Asks until the exchange answers; the call's id makes it one call however often it is asked. */
  private async ask(request: StartCall): Promise<string> {
    const world = this.host.surroundings;
    const backoff = new Backoff(world);
    const until = world.now() + PLACING_MS;
    for (;;) {
      try {
        return (await this.host.place(request)).participantId;
      } catch (error) {
        if (!isPassing(error) || world.now() > until) {
          throw error;
        }
        await this.pause(backoff.next());
      }
    }
  }

  private answered(callee: Participant, answer: Description): void {
    this.updateParticipant({ ...callee, state: callee.state === 'Hold' ? 'Hold' : 'Connected' });
    this.session.description(answer);
    this.input({ on: 'answered' });
  }

  private goOn(view: CallView): void {
    const peer = this.session.current;
    const next = continuation(view, peer?.epoch, peer?.wasStable ?? false);
    if (next.do === 'offer') {
      this.session.rebuild(next.epoch);
    }
  }

  private input(input: CallInput): void {
    this.machine.handle(input);
    this.show();
  }

  /** Lets apps see the machine's state, and media follow it. */
  private show(): void {
    const isAllowed = this.machine.isMediaAllowed;
    this.media.allow(isAllowed);
    this.speaker.silence(!isAllowed || this.incomingMuted);
    if (this.shownState !== this.machine.state) {
      this.shownState = this.machine.state;
      this.emitter.emit('stateChanged');
    }
  }

  private peerChanged(peer: Peer | undefined): void {
    void this.media.attach(peer);
    this.people.forEach((person) => person.attach(peer));
    const track = peer?.transceiver('audio')?.receiver.track;
    this.speaker.setTrack(track);
    this.audio.setTrack(track);
    if (track && this.remoteAudio.length === 0) {
      this.remoteAudio = [this.audio];
      this.emitter.emit('remoteAudioStreamsUpdated', { added: [this.audio], removed: [] });
    }
    this.door.peerChanged(peer);
  }

  private updateParticipant(view: Participant): void {
    let person = this.people.find((one) => one.rawId === view.identity);
    if (!person) {
      person = new CallParticipant(view.identity, view.displayName);
      person.attach(this.session.current);
      const replaced = this.people.filter((one) => one.endpointDetails.length === 0);
      this.setParticipants([...this.people.filter((one) => !replaced.includes(one)), person]);
    }
    person.update(view);
    const first = this.people[0];
    if (this.direction === 'Incoming' && person === first && this.caller.displayName !== person.displayName) {
      this.caller = { identifier: person.identifier, displayName: person.displayName };
      this.emitter.emit('callerInfoChanged');
    }
  }

  private setParticipants(people: CallParticipant[]): void {
    const added = people.filter((one) => !this.people.includes(one));
    const removed = this.people.filter((one) => !people.includes(one));
    this.people = people;
    this.emitter.emit('remoteParticipantsUpdated', { added, removed });
  }

  /** What the options say about media before any device is opened. */
  private prepare(options: AcceptCallOptions | undefined): void {
    this.muted = options?.audioOptions?.muted === true;
    this.media.mute(this.muted);
    void this.media.constrain(options?.videoOptions?.constraints?.send);
    const video = options?.videoOptions?.localVideoStreams?.[0];
    if (video?.[DOOR]) {
      // The call does not wait for the camera, nor fail for want of one (B-CALL-15).
      void this.startPicture('video', video).catch(() => {});
    }
  }

  /** The call goes on without a microphone when there is none; diagnostics tell the user. */
  private async openMicrophone(options: AcceptCallOptions | undefined): Promise<void> {
    const given = options?.audioOptions?.localAudioStreams?.[0];
    const stream = given ?? new LocalAudioStream(this.host.devices.selectedMicrophone ?? DEFAULT_MICROPHONE);
    this.isOwnMicrophone = given === undefined;
    try {
      await this.media.start('audio', stream);
      if (this.isOver) {
        this.release(this.media.close());
      } else {
        this.setAudioStreams([stream]);
      }
    } catch {
      this.setAudioStreams([]);
    }
  }

  private setAudioStreams(streams: LocalAudioStream[]): void {
    const removed = this.audioStreams.filter((one) => !streams.includes(one));
    const added = streams.filter((one) => !this.audioStreams.includes(one));
    if (added.length + removed.length > 0) {
      this.audioStreams = streams;
      this.emitter.emit('localAudioStreamsUpdated', { added, removed });
    }
  }

  private async startPicture(media: 'video' | 'screen', stream: LocalVideoStream): Promise<void> {
    this.setVideoStreams(media, [...this.videoStreams, stream]);
    try {
      await this.media.start(media, stream);
    } catch (error) {
      this.stopPicture(media, stream);
      throw error;
    }
    if (this.isOver) {
      this.release(this.media.close());
    } else if (!this.videoStreams.includes(stream)) {
      this.media.stop(media); // stopped while its device was opening
    } else {
      this.tellSending();
    }
  }

  private stopPicture(media: 'video' | 'screen', stream: LocalVideoStream): void {
    this.media.stop(media);
    this.setVideoStreams(media, this.videoStreams.filter((one) => one !== stream));
    this.tellSending();
  }

  private setVideoStreams(media: 'video' | 'screen', streams: LocalVideoStream[]): void {
    const added = streams.filter((one) => !this.videoStreams.includes(one));
    const removed = this.videoStreams.filter((one) => !streams.includes(one));
    if (added.length + removed.length > 0) {
      this.videoStreams = streams;
      this.emitter.emit('localVideoStreamsUpdated', { added, removed });
      this.emitter.emit(media === 'video' ? 'isLocalVideoStartedChanged' : 'isScreenSharingOnChanged');
    }
  }

  /** A device was pulled, or sharing was stopped in the browser's own bar. */
  private sourceEnded(media: Media, stream: LocalStream): void {
    if (this.isOver) {
      return;
    }
    if (media !== 'audio') {
      this.stopPicture(media, stream as LocalVideoStream);
    } else if (this.isOwnMicrophone) {
      // The system names another default within a moment.
      this.ends.push(this.host.surroundings.after(500, () => void this.openMicrophone(undefined)));
    }
  }

  private followDevices(): Disposer[] {
    const devices = this.host.devices;
    const microphone = (): void => {
      const chosen = devices.selectedMicrophone;
      const stream = this.audioStreams[0];
      if (chosen && stream && this.isOwnMicrophone) {
        stream.switchSource(chosen).catch(() => {}); // the same one, or gone again
      }
    };
    const speaker = (): void => this.speaker.setDevice(devices.selectedSpeaker);
    devices.on('selectedMicrophoneChanged', microphone);
    devices.on('selectedSpeakerChanged', speaker);
    speaker();
    return [
      () => devices.off('selectedMicrophoneChanged', microphone),
      () => devices.off('selectedSpeakerChanged', speaker),
      this.every(LISTEN_MS, () => {
        const isAudible = this.machine.isMediaAllowed && this.session.path === 'connected';
        this.people.forEach((person) => person.listen(this.host.surroundings.now(), isAudible));
      }),
    ];
  }

  private setMuted(isMuted: boolean): void {
    this.media.mute(isMuted);
    if (this.muted !== isMuted) {
      this.muted = isMuted;
      this.emitter.emit('isMutedChanged');
      this.tellSending();
    }
  }

  private setIncomingMuted(isMuted: boolean): void {
    if (this.incomingMuted !== isMuted) {
      this.incomingMuted = isMuted;
      this.show();
      this.emitter.emit('isIncomingAudioMutedChanged');
    }
  }

  /** Media stops at once; the exchange follows. */
  private async setHold(holds: boolean): Promise<void> {
    if (this.machine.isHeldHere === holds) {
      return;
    }
    this.input({ on: holds ? 'hold' : 'resume' });
    try {
      await this.signals.send({ type: holds ? 'hold' : 'resume' });
    } catch (cause) {
      this.input({ on: holds ? 'resume' : 'hold' });
      const numbers = holds ? ErrorCodes.holdFailed : ErrorCodes.resumeFailed;
      throw new CallingError(numbers, `The call could not be ${holds ? 'held' : 'resumed'}.`, { cause });
    }
  }

  private sending(): Sending {
    return {
      muted: this.muted,
      video: this.media.track('video') !== undefined,
      screen: this.media.track('screen') !== undefined,
    };
  }

  private tellSending(): void {
    const sending = this.sending();
    const last = this.lastSent;
    const isSame = last?.muted === sending.muted && last.video === sending.video && last.screen === sending.screen;
    if (last && !isSame && !this.isOver) {
      this.lastSent = sending;
      void this.signals.send({ type: 'sending', sending });
    }
  }

  private requestTransfer(goal: TransferGoal): Promise<void> {
    return this.signals.send({ type: 'transfer', target: goal });
  }

  private assertGoing(what: string): void {
    if (this.isEnding) {
      throw new CallingError(ErrorCodes.wrongState, `The call is over: it is too late to ${what}.`);
    }
  }

  /** Streams that no other call sends are done with the call. */
  private release(streams: LocalStream[]): void {
    for (const stream of streams) {
      if (!this.host.isUsedElsewhere(stream, this)) {
        stream[DOOR].callEnded();
      }
    }
  }

  /** The exchange ends the call when both sides gave up; offline, nobody would tell. */
  private awaitEnd(): Disposer {
    return this.host.surroundings.after(FAILED_MS, () => this.finish(NETWORK_LOST));
  }

  /** A hang-up that is still on its way gets its time. */
  private closeSignals(): void {
    if (this.machine.endReason === HUNG_UP) {
      this.host.surroundings.after(FAREWELL_REPEAT_MS, () => this.signals.close());
    } else {
      this.signals.close();
    }
  }

  private every(ms: number, run: () => void): Disposer {
    let cancel: Disposer = () => {};
    const again = (): void => {
      cancel = this.host.surroundings.after(ms, () => {
        run();
        again();
      });
    };
    again();
    return () => cancel();
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.host.surroundings.after(ms, resolve));
  }
}

function isScreen(stream: LocalVideoStream): boolean {
  return stream.mediaStreamType === 'ScreenSharing';
}

/** Who placed a call, as a signal and a view say it. */
export function callerInfoOf(rawId: string, displayName: string | undefined): CallerInfo {
  const identifier: CommunicationIdentifierKind = identifierOf(rawId);
  return { identifier, ...(displayName === undefined ? {} : { displayName }) };
}

