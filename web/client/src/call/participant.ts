/** Somebody else in a call. */

import { bindMethods, Emitter } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import { identifierOf } from '../identity.js';
import { RemoteVideo } from '../streams/remote-video-stream.js';
import type {
  CallEndReason,
  DisplayNameChangedReason,
  EndpointDetails,
  ParticipantRole,
  RemoteParticipant,
  RemoteParticipantState,
} from '../types/call.js';
import type { CommunicationIdentifierKind } from '../types/identifier.js';
import type { RemoteVideoStream } from '../types/stream.js';
import type { Participant, Sending } from '../wire.js';
import type { Peer } from './peer.js';

interface ParticipantEvents {
  stateChanged: undefined;
  isMutedChanged: undefined;
  isSpeakingChanged: undefined;
  roleChanged: undefined;
  displayNameChanged: { newValue?: string; oldValue?: string; reason?: DisplayNameChangedReason };
  videoStreamsUpdated: { added: RemoteVideoStream[]; removed: RemoteVideoStream[] };
}

/** Numbers of a participant's streams, unique within it. */
const STREAMS = { video: { id: 1, type: 'Video' }, screen: { id: 2, type: 'ScreenSharing' } } as const;

/** Quieter than this is silence; `audioLevel` is 0 to 1, linear (W3C webrtc-stats: 1.0 is 0 dBov). */
const SPEAKING_LEVEL = 0.01;

/** How long somebody counts as speaking after the last loud moment, in milliseconds: bridges the gaps between words. */
const SPEAKING_HOLD_MS = 800;

/** A participant as `remoteParticipants` has it. */
export class CallParticipant implements RemoteParticipant {
  private readonly emitter = new Emitter<ParticipantEvents>();
  private readonly videos = new Map<'video' | 'screen', RemoteVideo>();
  private peer: Peer | undefined;
  private sending: Sending = { muted: false, video: false, screen: false };
  private loudAt = Number.NEGATIVE_INFINITY;

  private currentState: RemoteParticipantState = 'Idle';
  private currentName: string | undefined;
  private currentStreams: RemoteVideoStream[] = [];
  private currentEndpoints: EndpointDetails[] = [];
  private currentReason: CallEndReason | undefined;
  private speaks = false;

  readonly hasDisplayNameChanged = false;
  readonly role: ParticipantRole = 'Unknown';
  private readonly who: CommunicationIdentifierKind;

  constructor(
    /** Raw id. */
    readonly rawId: string,
    name?: string,
  ) {
    this.who = identifierOf(rawId);
    this.currentName = name;
    bindMethods(this);
  }

  get identifier(): CommunicationIdentifierKind {
    return this.who;
  }

  get displayName(): string | undefined {
    return this.currentName;
  }

  get endpointDetails(): ReadonlyArray<EndpointDetails> {
    return this.currentEndpoints;
  }

  get state(): RemoteParticipantState {
    return this.currentState;
  }

  get callEndReason(): CallEndReason | undefined {
    return this.currentReason;
  }

  get videoStreams(): ReadonlyArray<RemoteVideoStream> {
    return this.currentStreams;
  }

  get isMuted(): boolean {
    return this.sending.muted;
  }

  get isSpeaking(): boolean {
    return this.speaks;
  }

  /** Refused: in a one-to-one call nobody mutes the other (B-CALL-6). */
  async mute(): Promise<void> {
    throw new CallingError(ErrorCodes.notSupported, 'Participants of a one-to-one call cannot be muted by each other.');
  }

  on<Name extends keyof ParticipantEvents>(event: Name, listener: (payload: ParticipantEvents[Name]) => void): void {
    this.emitter.on(event, listener);
  }

  off<Name extends keyof ParticipantEvents>(event: Name, listener: (payload: ParticipantEvents[Name]) => void): void {
    this.emitter.off(event, listener);
  }

  /** Brings it to what the exchange says. */
  update(view: Participant): void {
    if (view.participantId && !this.currentEndpoints.some((one) => one.participantId === view.participantId)) {
      this.currentEndpoints = [...this.currentEndpoints, { participantId: view.participantId }];
    }
    if (view.displayName !== undefined && view.displayName !== this.currentName) {
      const oldValue = this.currentName;
      this.currentName = view.displayName;
      this.emitter.emit('displayNameChanged', { newValue: view.displayName, oldValue });
    }
    this.sends(view.sending);
    this.become(view.state);
  }

  /** Changes the state alone. */
  become(state: RemoteParticipantState): void {
    if (this.currentState !== state && this.currentState !== 'Disconnected') {
      this.currentState = state;
      if (state === 'Disconnected') {
        this.sends({ ...this.sending, video: false, screen: false });
        this.setSpeaking(false);
      }
      this.emitter.emit('stateChanged');
    }
  }

  /** It could not be added, or left. */
  end(reason: CallEndReason | undefined): void {
    this.currentReason = reason;
    this.become('Disconnected');
    this.videos.forEach((video) => video.end());
  }

  /** The peer connection that its media comes over. */
  attach(peer: Peer | undefined): void {
    this.peer = peer;
    for (const [media, video] of this.videos) {
      video.setTrack(peer?.transceiver(media)?.receiver.track);
    }
  }

  /** Hears whether it speaks. `isAudible`: media flows. */
  listen(now: number, isAudible: boolean): void {
    const receiver = isAudible && !this.sending.muted ? this.peer?.transceiver('audio')?.receiver : undefined;
    const level = receiver?.getSynchronizationSources?.()[0]?.audioLevel ?? 0;
    if (level > SPEAKING_LEVEL) {
      this.loudAt = now;
    }
    this.setSpeaking(receiver !== undefined && now - this.loudAt < SPEAKING_HOLD_MS);
  }

  private setSpeaking(speaks: boolean): void {
    if (this.speaks !== speaks) {
      this.speaks = speaks;
      this.emitter.emit('isSpeakingChanged');
    }
  }

  private sends(sending: Sending): void {
    const before = this.sending;
    this.sending = sending;
    if (before.muted !== sending.muted) {
      this.emitter.emit('isMutedChanged');
    }
    this.setVideo('video', sending.video);
    this.setVideo('screen', sending.screen);
  }

  /** A stream appears when it is first sent, and stays: stopping it makes it unavailable. */
  private setVideo(media: 'video' | 'screen', isSent: boolean): void {
    let video = this.videos.get(media);
    if (!video && isSent) {
      video = new RemoteVideo(STREAMS[media].id, STREAMS[media].type);
      this.videos.set(media, video);
      video.setTrack(this.peer?.transceiver(media)?.receiver.track);
      video.setAvailable(true);
      this.currentStreams = [...this.currentStreams, video];
      this.emitter.emit('videoStreamsUpdated', { added: [video], removed: [] });
    }
    if (video && video.isAvailable !== isSent) {
      video.setAvailable(isSent);
    }
  }
}
