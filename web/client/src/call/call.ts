/**
 * A call, as apps hold it: the names of the API over what carries the call (`engine.ts`).
 */

import { bindMethods } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import { rawIdOf } from '../identity.js';
import type { LocalAudioStream } from '../streams/local-audio-stream.js';
import type { LocalVideoStream } from '../streams/local-video-stream.js';
import type {
  AddPhoneNumberOptions,
  Call,
  CallConstraints,
  CallEndReason,
  CallerInfo,
  CallState,
  DtmfTone,
  HangUpOptions,
  Lobby,
  ParticipantRole,
  RemoteParticipant,
} from '../types/call.js';
import { CallKind } from '../types/enums.js';
import type { CallFeature, CallFeatureFactory } from '../types/feature.js';
import type { CommunicationIdentifier } from '../types/identifier.js';
import type { RemoteAudioStream } from '../types/stream.js';
import type { Signal } from '../wire.js';
import { addingFailed, callEndReason, HUNG_UP } from './end-reason.js';
import { CallEngine } from './engine.js';
import type { CallEvents } from './engine.js';
import { EmptyLobby } from './lobby.js';
import { DOOR } from './peer-door.js';

/** How long a hang-up waits for the exchange's own word on why the call ended, in milliseconds. */
const FAREWELL_MS = 1_500;

const TONES: Record<Exclude<DtmfTone, 'Flash'>, string> = {
  A: 'A', B: 'B', C: 'C', D: 'D', Pound: '#', Star: '*',
  Num0: '0', Num1: '1', Num2: '2', Num3: '3', Num4: '4', Num5: '5', Num6: '6', Num7: '7', Num8: '8', Num9: '9',
};

/** A call. */
export class LiveCall extends CallEngine implements Call {
  readonly kind = CallKind.Call;
  readonly lobby: Lobby = new EmptyLobby();
  private readonly features = new Map<unknown, CallFeature>();

  constructor(...parts: ConstructorParameters<typeof CallEngine>) {
    super(...parts);
    bindMethods(this);
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
    return this.hearing.isMuted;
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
    return this.hearing.streams;
  }

  get remoteParticipants(): ReadonlyArray<RemoteParticipant> {
    return this.roster.people;
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

  private setIncomingMuted(isMuted: boolean): void {
    if (this.hearing.mute(isMuted)) {
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

  private assertGoing(what: string): void {
    if (this.isEnding) {
      throw new CallingError(ErrorCodes.wrongState, `The call is over: it is too late to ${what}.`);
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.host.surroundings.after(ms, resolve));
  }
}
