/**
 * What carries a call: it begins it, takes what the exchange tells, and lets machine, media sessions, roster, own streams and features
 * follow one another. `call.ts` is its face.
 */

import { SignalQueue } from '../connection/signals.js';
import { RestError } from '../connection/rest.js';
import { Emitter } from '../emitter.js';
import type { Disposer } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import { identifierOf } from '../identity.js';
import type { LocalAudioStream } from '../streams/local-audio-stream.js';
import type { LocalVideoStream } from '../streams/local-video-stream.js';
import type { NetworkNews } from '../surroundings.js';
import type {
  AcceptCallOptions,
  CallDirection,
  CallerInfo,
  CallInfo,
  CallPropertyEvent,
  CallState,
  RemoteParticipant,
} from '../types/call.js';
import type { CommunicationIdentifierKind } from '../types/identifier.js';
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
import { HUNG_UP, joiningFailed, NETWORK_LOST, NO_OFFER, NOT_SUPPORTED, placingFailed } from './end-reason.js';
import type { CallHost } from './host.js';
import { Hearing } from './hearing.js';
import { CallInformation } from './info.js';
import type { LocalStream } from './local-media.js';
import { CallMachine, continuation } from './machine.js';
import type { CallInput } from './machine.js';
import { OwnStreams } from './own-streams.js';
import type { TransferGoal } from './peer-door.js';
import type { Peer } from './peer.js';
import { Room } from './room.js';
import { Roster } from './roster.js';
import { Sessions } from './sessions.js';

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

/** What apps hear of a call. */
export type CallEvents = { [Name in CallPropertyEvent]: undefined } & {
  remoteParticipantsUpdated: CollectionChange<RemoteParticipant>;
  localVideoStreamsUpdated: CollectionChange<LocalVideoStream>;
  localAudioStreamsUpdated: CollectionChange<LocalAudioStream>;
  remoteAudioStreamsUpdated: CollectionChange<RemoteAudioStream>;
};

/** The bot that plays back what it hears (B-CALL-12): media goes to the media processor. */
const ECHO = '8:echo123';

/** How long a hang-up that does not get through is repeated after the call is over here, in milliseconds. */
const FAREWELL_REPEAT_MS = 60_000;

/** How long the exchange's `ended` may take after this side gave up on media, in milliseconds. */
const FAILED_MS = 10_000;

/** How often it is heard whether somebody speaks, in milliseconds. */
const LISTEN_MS = 200;

/** A call without a face. */
export abstract class CallEngine {
  readonly info: CallInfo;
  readonly direction: CallDirection;
  readonly transferorInfo: CallerInfo | undefined;

  protected readonly emitter = new Emitter<CallEvents>();
  private readonly information: CallInformation;
  protected readonly machine = new CallMachine();
  protected readonly signals: SignalQueue;
  protected readonly sessions: Sessions;
  protected readonly own: OwnStreams;
  protected readonly roster: Roster;
  protected readonly room: Room;
  protected readonly hearing: Hearing;
  protected readonly door: FeatureDoor;
  private readonly ends: Disposer[] = [];

  protected currentId: string;
  protected caller: CallerInfo;
  protected isKnownToExchange = false;
  private lastSent: Sending | undefined;
  /**
   * How this side wants to receive in a conference, and what the exchange knows of it: it lets the media processor choose until it is told.
   * What the object model shows is each sender's streams.
   */
  private receive: { wanted: ReceiveMode; told: ReceiveMode } = { wanted: 'forwarded', told: 'auto' };
  private cancelAwait: Disposer | undefined;
  private stopSpeakers: Disposer = () => {};
  protected shownState: CallState = 'None';

  constructor(
    protected readonly host: CallHost,
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
    this.hearing = new Hearing(host.devices, (added) => this.emitter.emit('remoteAudioStreamsUpdated', { added, removed: [] }));
    this.roster = new Roster({
      changed: (change) => this.emitter.emit('remoteParticipantsUpdated', change),
      updated: () => {
        // Who speaks is told when it changes, which may be before somebody is in the list, or unmutes.
        this.speaks();
        this.room.changed('people');
      },
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
      rawId: host.rawId,
      others: () => this.roster.people.flatMap((person) => person.views),
      ask: (signal) => {
        if (signal.type === 'receive') {
          this.receive = { wanted: signal.mode, told: signal.mode };
        }
        return this.request(signal);
      },
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
    this.ends.push(this.every(LISTEN_MS, () => this.listen()));
  }

  /** Another one once the exchange named the call that was joined (`idChanged`). */
  get id(): string {
    return this.currentId;
  }

  /** Whether the exchange knows it. */
  get isPlaced(): boolean {
    return this.isKnownToExchange;
  }

  /** Whether it is answered and this side does not hold it: it has the microphone. */
  get isActive(): boolean {
    return this.machine.isAnswered && !this.machine.isHeldHere;
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
      this.receive = { ...this.receive, wanted: receive };
      this.tellReceive();
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
    // What was chosen before the reload stays.
    this.receive = { ...this.receive, told: this.receive.wanted };
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
        this.input({ on: 'adjourned' });
        this.sessions.adjourned(event.epoch);
        this.room.changed('people');
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
    this.hearing.close();
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

  protected get isOver(): boolean {
    return this.machine.state === 'Disconnected';
  }

  protected get isEnding(): boolean {
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
    const mode = receive ?? this.receive.wanted;
    await this.sessions.offer('conference', 0, (offer) => {
      this.lastSent = this.own.sending;
      request = {
        locator,
        endpointId: this.host.endpointId,
        requestId: this.host.surroundings.guid(),
        offer,
        sending: this.lastSent,
        ...(this.host.displayName === undefined ? {} : { displayName: this.host.displayName }),
        media: mode,
      };
      this.receive = { wanted: mode, told: mode };
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

  protected input(input: CallInput): void {
    this.machine.handle(input);
    this.show();
  }

  private tellReceive(): void {
    const { wanted, told } = this.receive;
    if (wanted !== told && this.machine.isAnswered && this.sessions.conference) {
      this.receive = { wanted, told: wanted };
      void this.signals.send({ type: 'receive', mode: wanted });
    }
  }

  /** Lets apps see the machine's state, and media follow it. */
  protected show(): void {
    const isAllowed = this.machine.isMediaAllowed;
    this.own.media.allow(isAllowed);
    this.hearing.allow(isAllowed);
    this.speaks();
    this.tellReceive();
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
    this.hearing.setTracks(voices.flatMap((receiver) => receiver?.track ?? []));
    this.stopSpeakers();
    this.stopSpeakers = conference?.on('speakers', () => this.speaks()) ?? (() => {});
    this.speaks();
    this.room.attach(conference);
    this.door.peerChanged(peer);
    this.tellReceive();
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

  private speaks(): void {
    const { conference } = this.sessions;
    if (conference) {
      this.roster.setSpeaking(this.machine.isMediaAllowed ? conference.speakers.speaking : []);
    }
  }

  /** Hears who speaks; in a conference the media processor says it. */
  private listen(): void {
    if (!this.sessions.conference) {
      const isAudible = this.machine.isMediaAllowed && this.sessions.path === 'connected';
      this.roster.listen(this.host.surroundings.now(), isAudible ? this.sessions.peer?.transceiver('audio')?.receiver : undefined);
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

  protected async muteOthers(participants: string[] | undefined): Promise<void> {
    if (!this.machine.isGroup) {
      throw new CallingError(ErrorCodes.notSupported, 'Participants of a one-to-one call cannot be muted by each other.');
    }
    await this.request({ type: 'muteOthers', ...(participants ? { participants } : {}) });
  }

  /** Asks for something that the exchange may refuse. */
  protected async request(signal: Signal): Promise<void> {
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
}

/** Who placed a call, as a signal and a view say it. */
export function callerInfoOf(rawId: string, displayName: string | undefined): CallerInfo {
  const identifier: CommunicationIdentifierKind = identifierOf(rawId);
  return { identifier, ...(displayName === undefined ? {} : { displayName }) };
}

