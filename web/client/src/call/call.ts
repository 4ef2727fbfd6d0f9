/**
 * A call, as apps hold it. It carries the user's wishes to the exchange and to the media sessions, and shows what became of them.
 *
 * What this side sends is `own-streams.ts`, who else is there `roster.ts`, the way of media `sessions.ts`, what features see `door.ts`.
 */

import { SignalQueue } from '../connection/signals.js';
import { RestError } from '../connection/rest.js';
import { bindMethods, Emitter } from '../emitter.js';
import type { Disposer } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import { identifierOf, rawIdOf } from '../identity.js';
import type { LocalAudioStream } from '../streams/local-audio-stream.js';
import type { LocalVideoStream } from '../streams/local-video-stream.js';
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
import type { RemoteAudioStream } from '../types/stream.js';
import type {
  CallJoined,
  CallStarted,
  CallView,
  Description,
  EndReason,
  Event,
  Incoming,
  JoinCall,
  JoinLocator,
  Participant,
  ReceiveMode,
  Sending,
  Signal,
  StartCall,
} from '../wire.js';
import { askUntilAnswered } from './asking.js';
import type { CollectionChange } from './changes.js';
import { FeatureDoor } from './door.js';
import { addingFailed, callEndReason, HUNG_UP, joiningFailed, NETWORK_LOST, NO_OFFER, NOT_SUPPORTED, placingFailed } from './end-reason.js';
import type { CallHost } from './host.js';
import { CallInformation } from './info.js';
import { EmptyLobby } from './lobby.js';
import type { LocalStream } from './local-media.js';
import { CallMachine, continuation } from './machine.js';
import type { CallInput } from './machine.js';
import { OwnStreams } from './own-streams.js';
import { DOOR } from './peer-door.js';
import type { TransferGoal } from './peer-door.js';
import type { Peer } from './peer.js';
import { Room } from './room.js';
import { Roster } from './roster.js';
import { Sessions } from './sessions.js';
import { Speakers } from './speaker.js';

/** Whom a call is with, and why. */
export interface Placing {
  targets: string[];
  options?: AcceptCallOptions;
  customContext?: unknown;
  alternateCallerId?: string;
  transferOf?: StartCall['transferOf'];
}

/** Which group call is joined, and how. */
export interface Joining {
  locator: JoinLocator;
  options?: AcceptCallOptions;
  receive?: ReceiveMode;
}

type CallEvents = { [Name in CallPropertyEvent]: undefined } & {
  remoteParticipantsUpdated: CollectionChange<RemoteParticipant>;
  localVideoStreamsUpdated: CollectionChange<LocalVideoStream>;
  localAudioStreamsUpdated: CollectionChange<LocalAudioStream>;
  remoteAudioStreamsUpdated: CollectionChange<RemoteAudioStream>;
};

/** The bot that plays back what it hears (B-CALL-12): media goes to the media processor. */
const ECHO = '8:echo123';

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
  readonly info: CallInfo;
  readonly direction: CallDirection;
  readonly lobby: Lobby = new EmptyLobby();
  readonly transferorInfo: CallerInfo | undefined;

  private readonly emitter = new Emitter<CallEvents>();
  private readonly information: CallInformation;
  private readonly machine = new CallMachine();
  private readonly signals: SignalQueue;
  private readonly sessions: Sessions;
  private readonly own: OwnStreams;
  private readonly roster: Roster;
  private readonly room: Room;
  private readonly speakers = new Speakers();
  private readonly door: FeatureDoor;
  private readonly features = new Map<unknown, CallFeature>();
  private readonly ends: Disposer[] = [];

  private currentId: string;
  private caller: CallerInfo;
  private remoteAudio: RemoteAudio[] = [];
  private incomingMuted = false;
  private isKnownToExchange = false;
  private lastSent: Sending | undefined;
  private cancelAwait: Disposer | undefined;
  private stopSpeakers: Disposer = () => {};
  private shownState: CallState = 'None';

  constructor(
    private readonly host: CallHost,
    id: string,
    direction: CallDirection,
    caller: CallerInfo,
    transferor?: string,
  ) {
    this.currentId = id;
    this.direction = direction;
    this.caller = caller;
    this.transferorInfo = transferor === undefined ? undefined : { identifier: identifierOf(transferor) };
    this.information = new CallInformation(() => this.currentId);
    this.info = this.information;
    // A call that is joined learns its id with the answer; nothing is posted before.
    this.signals = new SignalQueue(id, host.endpointId, (_, request) => host.post(this.currentId, request), host.surroundings, () =>
      this.finish(NETWORK_LOST),
    );
    this.own = new OwnStreams(host.devices, host.surroundings, {
      videosChanged: (media, change) => {
        this.emitter.emit('localVideoStreamsUpdated', change);
        this.emitter.emit(media === 'video' ? 'isLocalVideoStartedChanged' : 'isScreenSharingOnChanged');
      },
      audiosChanged: (change) => this.emitter.emit('localAudioStreamsUpdated', change),
      mutedChanged: () => this.emitter.emit('isMutedChanged'),
      sendingChanged: () => this.tellSending(),
      isOver: () => this.isOver,
      isUsedElsewhere: (stream) => host.isUsedElsewhere(stream, this),
    });
    this.roster = new Roster({
      changed: (change) => this.emitter.emit('remoteParticipantsUpdated', change),
      updated: () => this.room.changed('people'),
      shown: () => this.sessions.wished(),
      mute: (participants) => this.muteOthers(participants),
    });
    this.sessions = new Sessions({
      isCaller: direction === 'Outgoing',
      surroundings: host.surroundings,
      ice: () => host.ice(),
      relayMemory: host.relayMemory,
      send: (signal) => void this.signals.send(signal),
      isMediaAllowed: () => this.machine.isMediaAllowed,
      isAnybodyAudible: () => this.roster.people.some((person) => person.state === 'Connected' && !person.isMuted),
      wishes: () => this.roster.wishes(),
      listener: {
        peer: (peer) => this.peerChanged(peer),
        sends: (peers) => void this.own.media.attach(peers),
        path: (path) => {
          this.door.pathChanged(path);
          this.cancelAwait?.();
          this.cancelAwait = path === 'failed' ? this.awaitEnd() : undefined;
        },
        channel: (channel) => this.door.channelOpened(channel),
      },
    });
    const self = this;
    this.room = new Room({
      get isGroup() {
        return self.machine.isGroup;
      },
      get participantId() {
        return self.information.participantId;
      },
      others: () => this.roster.people.flatMap((person) => person.views),
      ask: (signal) => this.request(signal),
    });
    this.door = new FeatureDoor(
      {
        get id() {
          return self.currentId;
        },
        get participantId() {
          return self.information.participantId;
        },
        get isSignalling() {
          return host.isSignalling;
        },
        get remoteIdentifier() {
          return self.machine.isGroup ? undefined : self.roster.people[0]?.identifier;
        },
        get localIdentifier() {
          return identifierOf(host.rawId);
        },
        requestTransfer: (goal) => this.requestTransfer(goal),
      },
      this.sessions,
      this.own.media,
      this.room,
    );
    this.ends.push(...this.followWorld());
    bindMethods(this);
  }

  /** Another one once the exchange named the call that was joined (`idChanged`). */
  get id(): string {
    return this.currentId;
  }

  get role(): ParticipantRole {
    return this.room.role;
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
    return this.own.isMuted;
  }

  get isIncomingAudioMuted(): boolean {
    return this.incomingMuted;
  }

  get isScreenSharingOn(): boolean {
    return this.own.screen !== undefined;
  }

  get isLocalVideoStarted(): boolean {
    return this.own.camera !== undefined;
  }

  get localVideoStreams(): ReadonlyArray<LocalVideoStream> {
    return this.own.videos;
  }

  get localAudioStreams(): ReadonlyArray<LocalAudioStream> {
    return this.own.audios;
  }

  get remoteAudioStreams(): ReadonlyArray<RemoteAudioStream> {
    return this.remoteAudio;
  }

  get remoteParticipants(): ReadonlyArray<RemoteParticipant> {
    return this.roster.people;
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
    this.roster.begin(placing.targets);
    this.own.prepare(placing.options);
    if (placing.targets.length > 1) {
      this.machine.handle({ on: 'grouped' });
    }
    queueMicrotask(() => {
      this.input({ on: 'begun' });
      this.roster.people.forEach((person) => person.become('Connecting'));
      void this.placeNow(placing).catch((error) => this.finish(error instanceof CallingError ? NO_OFFER : placingFailed(error, this.isOnline)));
    });
  }

  /** Joins a group call. Returns at once; what fails ends the call. */
  join(joining: Joining): void {
    this.own.prepare(joining.options);
    this.machine.handle({ on: 'grouped' });
    if (joining.locator.kind === 'group') {
      this.information.setGroupId(joining.locator.groupId);
    }
    queueMicrotask(() => {
      this.input({ on: 'begun' });
      void this.joinNow(joining).catch((error) => this.finish(error instanceof CallingError ? NO_OFFER : joiningFailed(error, this.isOnline)));
    });
  }

  /** The app joins what this page found again after a reload: it wants its own options. */
  rejoin({ options, receive }: Joining): void {
    if (options?.audioOptions?.muted !== undefined) {
      this.own.mute(options.audioOptions.muted);
    }
    const video = options?.videoOptions?.localVideoStreams?.[0];
    if (video && !this.own.camera) {
      void this.own.startVideo(video).catch(() => {}); // as in a call that begins: it goes on without
    }
    if (receive) {
      void this.signals.send({ type: 'receive', mode: receive });
    }
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
    if (incoming.conference) {
      this.machine.handle({ on: 'grouped' });
    }
    this.roster.update({ ...incoming.caller, state: 'Connecting' }, false);
    this.own.prepare(options);
    this.input({ on: 'begun' });
    this.host.holdOthers(this);
    this.isKnownToExchange = true;
    await this.own.openMicrophone(options);
    if (this.isOver) {
      return;
    }
    try {
      await this.accept(incoming);
    } catch {
      void this.signals.send({ type: 'hangUp' });
      this.finish(NO_OFFER);
    }
    this.signals.open();
  }

  /** Goes on after a reload of this page: same call, same place, a fresh peer connection. */
  async restore(view: CallView): Promise<void> {
    this.isKnownToExchange = true;
    this.input({ on: 'begun' });
    this.catchUp(view, false);
    this.own.prepare({ audioOptions: { muted: view.sending.muted } });
    await this.own.openMicrophone(undefined);
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
    if (view.groupId !== undefined) {
      this.information.setGroupId(view.groupId);
    }
    this.machine.restore(view);
    this.roster.catchUp(view.participants, this.machine.isGroup);
    if (view.own) {
      this.ownChanged(view.own);
    }
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
    this.own.mute(true);
  }

  async unmute(): Promise<void> {
    this.own.mute(false);
  }

  async muteIncomingAudio(): Promise<void> {
    this.setIncomingMuted(true);
  }

  async unmuteIncomingAudio(): Promise<void> {
    this.setIncomingMuted(false);
  }

  async muteAllRemoteParticipants(): Promise<void> {
    await this.muteOthers(undefined);
  }

  async startVideo(localVideoStream: LocalVideoStream): Promise<void> {
    this.assertGoing('start video');
    await this.own.startVideo(localVideoStream);
  }

  async stopVideo(localVideoStream: LocalVideoStream): Promise<void> {
    this.own.stopVideo(localVideoStream);
  }

  async startScreenSharing(screenSharingStream?: LocalVideoStream): Promise<void> {
    if (!this.machine.isAnswered) {
      throw new CallingError(ErrorCodes.screenShareNotConnected, 'A screen can be shared once the call is connected.');
    }
    await this.own.startScreen(screenSharingStream);
  }

  async stopScreenSharing(): Promise<void> {
    this.own.stopScreen();
  }

  async startAudio(localAudioStream: LocalAudioStream): Promise<void> {
    if (!localAudioStream?.[DOOR]) {
      throw new CallingError(ErrorCodes.badArgument, 'startAudio takes a LocalAudioStream.');
    }
    this.assertGoing('start audio');
    await this.own.startAudio(localAudioStream);
  }

  stopAudio(): void {
    this.own.stopAudio();
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
    await this.own.constrain(constraints);
  }

  /** Calls somebody in. A call between two becomes a group call by it; media does not pause. */
  addParticipant(identifier: CommunicationIdentifier, options?: AddPhoneNumberOptions): RemoteParticipant {
    this.assertGoing('add somebody');
    const rawId = rawIdOf(identifier);
    const isHere = this.roster.people.some((person) => person.rawId === rawId);
    const person = this.roster.invite(rawId);
    if (!isHere) {
      const number = options?.alternateCallerId?.phoneNumber;
      const signal: Signal = { type: 'addParticipant', identity: rawId, ...(number === undefined ? {} : { alternateCallerId: number }) };
      this.request(signal).catch((error) => this.roster.refuse(person, callEndReason(addingFailed(error))));
    }
    return person;
  }

  async removeParticipant(identifier: CommunicationIdentifier): Promise<void> {
    const { rawId } = this.roster.find(rawIdOf(identifier));
    if (!this.machine.isGroup) {
      throw new CallingError(ErrorCodes.notSupported, 'In a one-to-one call nobody is removed; hang up instead.');
    }
    await this.request({ type: 'removeParticipant', identity: rawId });
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
        if (!this.machine.isGroup) {
          this.roster.people.forEach((person) => person.become('Ringing'));
        }
        this.input({ on: 'ringing' });
        break;
      case 'accepted':
        this.accepted(event.callee, event.answer);
        break;
      case 'joined':
        if (!this.machine.isGroup) {
          this.roster.people.forEach((person) => person.become('Connected'));
        }
        this.input({ on: 'answered' });
        break;
      case 'ended':
        this.finish(event.reason);
        break;
      case 'description':
        this.sessions.description(event.description);
        break;
      case 'candidates':
        this.sessions.candidates(event.candidates);
        break;
      case 'conference':
        this.sessions.answered(event.description);
        break;
      case 'convene':
        if (event.isGroup) {
          this.input({ on: 'grouped' });
          this.room.changed('people');
        }
        this.sessions.convene(event.epoch);
        break;
      case 'convened':
        this.sessions.convened(event.epoch);
        break;
      case 'adjourned':
        this.sessions.adjourned(event.epoch);
        break;
      case 'participant':
        this.participantChanged(event.participant);
        break;
      case 'participants':
        event.participants.forEach((participant) => this.participantChanged(participant));
        break;
      case 'mutedByOthers':
        this.own.mute(true);
        this.emitter.emit('mutedByOthers');
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
    this.sessions.signalling(isUp);
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
    this.sessions.network(news);
  }

  /** Ends the call on this side. The first reason counts. */
  finish(reason: EndReason): void {
    if (this.isOver) {
      return;
    }
    this.machine.handle({ on: 'ended', reason });
    this.cancelAwait?.();
    this.sessions.close();
    this.stopSpeakers();
    this.speakers.close();
    this.remoteAudio.forEach((audio) => audio.end());
    this.ends.splice(0).forEach((end) => end());
    this.own.close();
    this.roster.end();
    this.room.close();
    this.door.ended();
    this.closeSignals();
    this.show();
    this.host.ended(this);
  }

  /** Media options of this call for one that takes its place. */
  mediaOptions(): AcceptCallOptions {
    return this.own.options();
  }

  /** Whether the call sends this stream. */
  uses(stream: LocalStream): boolean {
    return !this.isOver && this.own.uses(stream);
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
    await this.own.openMicrophone(placing.options);
    let request: StartCall | undefined;
    const isConference = placing.targets.length > 1 || placing.targets[0] === ECHO;
    await this.sessions.offer(isConference ? 'conference' : 'direct', 0, (offer) => {
      this.lastSent = this.own.sending;
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
    const start = request;
    const started = await askUntilAnswered<CallStarted>(this.host.surroundings, () => this.host.place(start));
    this.placed(started.participantId, started.answer);
  }

  private async joinNow({ locator, options, receive }: Joining): Promise<void> {
    this.host.holdOthers(this);
    await this.own.openMicrophone(options);
    let request: JoinCall | undefined;
    await this.sessions.offer('conference', 0, (offer) => {
      this.lastSent = this.own.sending;
      request = {
        locator,
        endpointId: this.host.endpointId,
        requestId: this.host.surroundings.guid(),
        offer,
        sending: this.lastSent,
        ...(this.host.displayName === undefined ? {} : { displayName: this.host.displayName }),
        // Without a word each sender's streams come, which is what the object model shows.
        media: receive ?? 'forwarded',
      };
    });
    if (!request || this.isEnding) {
      return;
    }
    const join = request;
    const joined = await askUntilAnswered<CallJoined>(this.host.surroundings, () => this.host.enter(join));
    const isNamed = this.currentId !== joined.callId;
    this.currentId = joined.callId;
    this.placed(joined.participantId, joined.answer);
    if (!this.isEnding) {
      this.catchUp(joined.call, false);
      this.input({ on: 'answered' });
    }
    if (isNamed) {
      this.emitter.emit('idChanged');
      this.host.named(this);
    }
  }

  /** The exchange knows the call. */
  private placed(participantId: string, answer: Description | undefined): void {
    this.isKnownToExchange = true;
    this.information.setParticipantId(participantId);
    if (answer) {
      this.sessions.answered(answer);
    }
    this.signals.open();
    if (this.isEnding) {
      void this.signals.send({ type: 'hangUp' });
    } else {
      this.tellSending();
    }
  }

  private async accept(incoming: Incoming): Promise<void> {
    const accept = (how: { answer: Description } | { offer: Description }): void => {
      this.lastSent = this.own.sending;
      void this.signals.send({ type: 'accept', ...how, sending: this.lastSent });
    };
    if (incoming.conference || !incoming.offer) {
      await this.sessions.offer('conference', 0, (offer) => accept({ offer }));
    } else {
      incoming.candidates.forEach((batch) => this.sessions.candidates(batch));
      await this.sessions.answer(incoming.offer, (answer) => accept({ answer }));
    }
  }

  private accepted(callee: Participant, answer: Description | undefined): void {
    this.participantChanged({ ...callee, state: callee.state === 'Hold' ? 'Hold' : 'Connected' });
    if (answer) {
      this.sessions.conference ? this.sessions.answered(answer) : this.sessions.description(answer);
    }
    this.input({ on: 'answered' });
  }

  private goOn(view: CallView): void {
    const kind = view.conference ? 'conference' : 'direct';
    const standing = this.sessions.standing(kind);
    const next = continuation(view, standing?.epoch, standing?.hasAnswer ?? false);
    if (next.do !== 'offer') {
      return;
    }
    if (kind === 'conference' && this.sessions.peer) {
      this.sessions.convene(next.epoch);
    } else {
      this.sessions.rebuild(kind, next.epoch);
    }
  }

  private input(input: CallInput): void {
    this.machine.handle(input);
    this.show();
  }

  /** Lets apps see the machine's state, and media follow it. */
  private show(): void {
    const isAllowed = this.machine.isMediaAllowed;
    this.own.media.allow(isAllowed);
    this.speakers.silence(!isAllowed || this.incomingMuted);
    if (this.shownState !== this.machine.state) {
      this.shownState = this.machine.state;
      this.emitter.emit('stateChanged');
    }
  }

  /** Another peer connection is in use, or its slots carry others. */
  private peerChanged(peer: Peer | undefined): void {
    const { conference } = this.sessions;
    const picture = (id: string, media: 'video' | 'screen'): MediaStreamTrack | undefined =>
      (conference ? conference.receiver(id, media === 'video' ? 'camera' : media) : peer?.transceiver(media)?.receiver)?.track;
    this.roster.attach(peer && { picture });
    const voices = conference ? conference.voices : [peer?.transceiver('audio')?.receiver];
    this.hear(voices.flatMap((receiver) => receiver?.track ?? []));
    this.stopSpeakers();
    this.stopSpeakers = conference?.on('speakers', ({ speaking }) => this.roster.setSpeaking(speaking)) ?? (() => {});
    this.room.attach(conference);
    this.door.peerChanged(peer);
  }

  /** Plays these, and gives apps what they need to do it themselves: one stream for each. */
  private hear(tracks: MediaStreamTrack[]): void {
    this.speakers.setTracks(tracks);
    const added = tracks.slice(this.remoteAudio.length).map(() => new RemoteAudio());
    this.remoteAudio = added.length > 0 ? [...this.remoteAudio, ...added] : this.remoteAudio;
    this.remoteAudio.forEach((audio, index) => audio.setTrack(tracks[index]));
    if (added.length > 0) {
      this.emitter.emit('remoteAudioStreamsUpdated', { added, removed: [] });
    }
  }

  private participantChanged(view: Participant): void {
    if (view.participantId !== undefined && view.participantId === this.information.participantId) {
      this.ownChanged(view);
      return;
    }
    this.roster.update(view, this.machine.isGroup);
    this.input({ on: 'remote', state: view.state });
    const first = this.roster.people[0];
    if (this.direction === 'Incoming' && first?.rawId === view.identity && this.caller.displayName !== first.displayName) {
      this.caller = { identifier: first.identifier, displayName: first.displayName };
      this.emitter.emit('callerInfoChanged');
    }
  }

  private ownChanged(own: Participant): void {
    if (this.room.setOwn(own)) {
      this.emitter.emit('roleChanged');
    }
  }

  private followWorld(): Disposer[] {
    const { devices, surroundings } = this.host;
    const speaker = (): void => this.speakers.setDevice(devices.selectedSpeaker);
    devices.on('selectedSpeakerChanged', speaker);
    speaker();
    return [
      () => devices.off('selectedSpeakerChanged', speaker),
      this.every(LISTEN_MS, () => {
        if (!this.sessions.conference) {
          const isAudible = this.machine.isMediaAllowed && this.sessions.path === 'connected';
          this.roster.listen(surroundings.now(), isAudible ? this.sessions.peer?.transceiver('audio')?.receiver : undefined);
        }
      }),
    ];
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

  private tellSending(): void {
    const { sending } = this.own;
    const last = this.lastSent;
    const isSame = last?.muted === sending.muted && last.video === sending.video && last.screen === sending.screen;
    if (last && !isSame && !this.isOver) {
      this.lastSent = sending;
      void this.signals.send({ type: 'sending', sending });
    }
  }

  private async muteOthers(participants: string[] | undefined): Promise<void> {
    if (!this.machine.isGroup) {
      throw new CallingError(ErrorCodes.notSupported, 'Participants of a one-to-one call cannot be muted by each other.');
    }
    await this.request({ type: 'muteOthers', ...(participants ? { participants } : {}) });
  }

  /** Asks for something that the exchange may refuse. */
  private async request(signal: Signal): Promise<void> {
    try {
      await this.signals.send(signal);
    } catch (cause) {
      if (cause instanceof RestError) {
        throw new CallingError([cause.status, ErrorCodes.refused[1]], cause.message, { cause });
      }
      throw cause;
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

/** Who placed a call, as a signal and a view say it. */
export function callerInfoOf(rawId: string, displayName: string | undefined): CallerInfo {
  const identifier: CommunicationIdentifierKind = identifierOf(rawId);
  return { identifier, ...(displayName === undefined ? {} : { displayName }) };
}

