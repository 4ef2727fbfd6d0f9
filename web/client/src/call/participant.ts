/** Somebody else in a call, with one device or several. */

import { bindMethods, Emitter } from '../emitter.js';
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
import type { Wish } from './control.js';

interface ParticipantEvents {
  stateChanged: undefined;
  isMutedChanged: undefined;
  isSpeakingChanged: undefined;
  roleChanged: undefined;
  displayNameChanged: { newValue?: string; oldValue?: string; reason?: DisplayNameChangedReason };
  videoStreamsUpdated: { added: RemoteVideoStream[]; removed: RemoteVideoStream[] };
}

/** Where pictures of a device arrive. */
export interface PictureSource {
  /** `undefined` while nothing carries it. */
  picture(participantId: string, media: 'video' | 'screen'): MediaStreamTrack | undefined;
}

/** What a participant asks of its call. */
export interface ParticipantOwner {
  /** Another picture is shown, or at another size. */
  shown(): void;
  /** Mutes these devices; rejects where that is not possible. */
  mute(participantIds: string[]): Promise<void>;
}

/** One device of it. */
interface Device {
  /** Empty while the exchange has not said which device it is. */
  participantId: string;
  state: RemoteParticipantState;
  sending: Sending;
  view: Participant | undefined;
  readonly videos: Map<'video' | 'screen', RemoteVideo>;
  /** Numbers of its streams begin after this. */
  readonly firstStream: number;
}

const PICTURES = [
  ['video', 1, 'Video'],
  ['screen', 2, 'ScreenSharing'],
] as const;

const SILENT: Sending = { muted: false, video: false, screen: false };

/** The state of somebody with several devices is the one that comes first here. */
const STATES: readonly RemoteParticipantState[] = [
  'Connected', 'Hold', 'InLobby', 'EarlyMedia', 'Ringing', 'Connecting', 'Idle', 'Disconnected',
];

/** Quieter than this is silence; `audioLevel` is 0 to 1, linear (W3C webrtc-stats: 1.0 is 0 dBov). */
const SPEAKING_LEVEL = 0.01;

/** How long somebody counts as speaking after the last loud moment, in milliseconds: bridges the gaps between words. */
const SPEAKING_HOLD_MS = 800;

/** A participant as `remoteParticipants` has it. */
export class CallParticipant implements RemoteParticipant {
  private readonly emitter = new Emitter<ParticipantEvents>();
  private devices: Device[] = [];
  private streamsMade = 0;
  private source: PictureSource | undefined;
  private loudAt = Number.NEGATIVE_INFINITY;

  private currentState: RemoteParticipantState = 'Idle';
  private currentName: string | undefined;
  private currentRole: ParticipantRole = 'Unknown';
  private currentStreams: RemoteVideoStream[] = [];
  private currentEndpoints: EndpointDetails[] = [];
  private currentReason: CallEndReason | undefined;
  private muted = false;
  private speaks = false;

  readonly hasDisplayNameChanged = false;
  private readonly who: CommunicationIdentifierKind;

  constructor(
    /** Raw id. */
    readonly rawId: string,
    name: string | undefined,
    private readonly owner: ParticipantOwner,
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
    return this.muted;
  }

  get isSpeaking(): boolean {
    return this.speaks;
  }

  get role(): ParticipantRole {
    return this.currentRole;
  }

  /** What the exchange said of each of its devices. */
  get views(): Participant[] {
    return this.devices.flatMap(({ view }) => (view?.participantId ? [view] : []));
  }

  /** Mutes it in a group call; refused in a call between two (B-CALL-6). */
  async mute(): Promise<void> {
    await this.owner.mute(this.currentEndpoints.map(({ participantId }) => participantId));
  }

  on<Name extends keyof ParticipantEvents>(event: Name, listener: (payload: ParticipantEvents[Name]) => void): void {
    this.emitter.on(event, listener);
  }

  off<Name extends keyof ParticipantEvents>(event: Name, listener: (payload: ParticipantEvents[Name]) => void): void {
    this.emitter.off(event, listener);
  }

  /** Brings one of its devices to what the exchange says. */
  update(view: Participant): void {
    const device = this.device(view.participantId ?? '');
    device.view = view;
    device.state = view.state;
    if (view.displayName !== undefined && view.displayName !== this.currentName) {
      const oldValue = this.currentName;
      this.currentName = view.displayName;
      this.emitter.emit('displayNameChanged', { newValue: view.displayName, oldValue });
    }
    if (view.role !== undefined && view.role !== this.currentRole) {
      this.currentRole = view.role;
      this.emitter.emit('roleChanged');
    }
    if (view.state === 'Disconnected') {
      this.send(device, SILENT);
      if (this.devices.length > 1) {
        this.drop(device);
      }
    } else {
      this.send(device, view.sending);
    }
    this.summarize();
  }

  /** Changes the state alone. */
  become(state: RemoteParticipantState): void {
    const devices = this.devices.length > 0 ? this.devices : [this.device('')];
    devices.forEach((device) => {
      device.state = state;
    });
    this.summarize();
  }

  /** It could not be added, or left. */
  end(reason: CallEndReason | undefined): void {
    this.currentReason = reason ?? this.currentReason;
    this.become('Disconnected');
    this.devices.forEach(({ videos }) => videos.forEach((video) => video.end()));
  }

  /** Where its pictures come from; again when that is another place. */
  attach(source: PictureSource | undefined): void {
    this.source = source;
    for (const { participantId, videos } of this.devices) {
      videos.forEach((video, media) => video.setTrack(source?.picture(participantId, media)));
    }
  }

  /** Which of its pictures somebody looks at. */
  wishes(): Wish[] {
    return this.devices.flatMap(({ participantId, videos }) =>
      [...videos].flatMap(([media, video]) => {
        const size = video.isAvailable && participantId !== '' ? video.shownAt : undefined;
        return size ? [{ participant: participantId, source: media === 'video' ? ('camera' as const) : media, ...size }] : [];
      }),
    );
  }

  /** Hears whether it speaks, in a call between two. `receiver`: of its voice, while media flows. */
  listen(now: number, receiver: RTCRtpReceiver | undefined): void {
    const heard = this.muted ? undefined : receiver;
    const level = heard?.getSynchronizationSources?.()[0]?.audioLevel ?? 0;
    if (level > SPEAKING_LEVEL) {
      this.loudAt = now;
    }
    this.setSpeaking(heard !== undefined && now - this.loudAt < SPEAKING_HOLD_MS);
  }

  /** Whether it speaks, as a conference says it. */
  setSpeaking(speaks: boolean): void {
    if (this.speaks !== speaks) {
      this.speaks = speaks;
      this.emitter.emit('isSpeakingChanged');
    }
  }

  private device(participantId: string): Device {
    const known = this.devices.find((one) => one.participantId === participantId);
    // Whom the exchange did not know the device of becomes the first that it names, and the other way round.
    const unnamed = known ?? this.devices.find((one) => one.participantId === '' || participantId === '');
    if (unnamed) {
      unnamed.participantId ||= participantId;
      this.tellEndpoints();
      return unnamed;
    }
    const made: Device = {
      participantId,
      state: 'Idle',
      sending: SILENT,
      view: undefined,
      videos: new Map(),
      firstStream: PICTURES.length * this.streamsMade++,
    };
    this.devices = [...this.devices, made];
    this.tellEndpoints();
    return made;
  }

  private drop(device: Device): void {
    this.devices = this.devices.filter((one) => one !== device);
    const removed = [...device.videos.values()];
    removed.forEach((video) => video.end());
    this.tellEndpoints();
    if (removed.length > 0) {
      this.currentStreams = this.currentStreams.filter((stream) => !removed.includes(stream as RemoteVideo));
      this.emitter.emit('videoStreamsUpdated', { added: [], removed });
    }
  }

  private tellEndpoints(): void {
    this.currentEndpoints = this.devices.flatMap(({ participantId }) => (participantId === '' ? [] : [{ participantId }]));
  }

  private summarize(): void {
    const living = this.devices.filter(({ state }) => state !== 'Disconnected');
    const muted = living.length > 0 && living.every(({ sending }) => sending.muted);
    if (muted !== this.muted) {
      this.muted = muted;
      this.emitter.emit('isMutedChanged');
    }
    const state = STATES.find((one) => this.devices.some((device) => device.state === one)) ?? 'Idle';
    if (state !== this.currentState && this.currentState !== 'Disconnected') {
      this.currentState = state;
      if (state === 'Disconnected') {
        this.devices.forEach((device) => this.send(device, SILENT));
        this.setSpeaking(false);
      }
      this.emitter.emit('stateChanged');
    }
  }

  private send(device: Device, sending: Sending): void {
    device.sending = sending;
    for (const [media, number, type] of PICTURES) {
      this.setVideo(device, media, device.firstStream + number, type);
    }
  }

  /** A stream appears when it is first sent, and stays: stopping it makes it unavailable. */
  private setVideo(device: Device, media: 'video' | 'screen', id: number, type: 'Video' | 'ScreenSharing'): void {
    const isSent = device.sending[media];
    let video = device.videos.get(media);
    if (!video && isSent) {
      video = new RemoteVideo(id, type);
      device.videos.set(media, video);
      video.watch('shown', () => this.owner.shown());
      video.setTrack(this.source?.picture(device.participantId, media));
      video.setAvailable(true);
      this.currentStreams = [...this.currentStreams, video];
      this.emitter.emit('videoStreamsUpdated', { added: [video], removed: [] });
    }
    if (video && video.isAvailable !== isSent) {
      video.setAvailable(isSent);
      this.owner.shown();
    }
  }
}
