/** User-facing diagnostics of a call: the network's and the devices' troubles, and those of others. */

import { Emitter, bindMethods, type Listener } from '../emitter.js';
import { mediaDevices, TROUBLE, type SourceKind, type Trouble } from '../devices/open.js';
import { rawIdOf } from '../identity.js';
import { TrackVolume } from '../streams/volume.js';
import { DiagnosticQuality } from '../types/enums.js';
import type { CallFeatureContext } from '../types/feature.js';
import type {
  DiagnosticValueType,
  LatestDiagnosticValue,
  LatestMediaDiagnostics,
  LatestNetworkDiagnostics,
  MediaDiagnosticType,
  MediaDiagnostics,
  NetworkDiagnosticType,
  NetworkDiagnostics,
  RemoteDiagnostic,
  RemoteDiagnostics,
  RemoteParticipantDiagnosticsData,
  UserFacingDiagnosticsFeature,
} from '../types/features/diagnostics.js';
import { FeatureOfCall, every } from './feature.js';
import { senderOf } from './people.js';
import { Steady, readNetwork, receiveQuality, sendQuality, type NetworkReading } from './network-quality.js';
import { signsOf } from './signs.js';

/** How often figures are read, in milliseconds. Lower: more work; higher: people know of a bad network later. */
const READ_EVERY = 2_000;
/** After how long without a new frame a camera counts as frozen, in milliseconds (acs-behaviour section 12). */
const CAMERA_FROZEN_AFTER = 5_000;
/** After how long of digital silence a microphone that is on counts as silent, in milliseconds (acs-behaviour section 12). */
const SILENT_AFTER = 10_000;
/** From which level on somebody speaks into a muted microphone, 0 to 100. */
const SPEAKS_FROM = 55;

/** At most this many diagnostics of others are kept: two for each in the largest call, and some. */
const MAX_DIAGNOSTICS = 1_024;

/** A set of values; only changes are told. */
class Values<Latest extends object> {
  private readonly emitter = new Emitter<{
    diagnosticChanged: { diagnostic: keyof Latest; value: LatestDiagnosticValue; valueType: DiagnosticValueType };
  }>();
  private readonly latest: Partial<Record<keyof Latest, LatestDiagnosticValue>> = {};

  constructor() {
    bindMethods(this);
  }

  getLatest(): Latest {
    return { ...this.latest } as Latest;
  }

  on(event: 'diagnosticChanged', listener: Listener<never>): void {
    this.emitter.on(event, listener as Listener<unknown>);
  }

  off(event: 'diagnosticChanged', listener: Listener<never>): void {
    this.emitter.off(event, listener as Listener<unknown>);
  }

  /** Good and false are what everybody assumes: they are told only after something else. */
  set(diagnostic: keyof Latest, value: LatestDiagnosticValue): void {
    const before = this.latest[diagnostic] ?? (typeof value === 'boolean' ? false : DiagnosticQuality.Good);
    this.latest[diagnostic] = value;
    if (before !== value) {
      const valueType = typeof value === 'boolean' ? 'DiagnosticFlag' : 'DiagnosticQuality';
      this.emitter.emit('diagnosticChanged', { diagnostic, value, valueType });
    }
  }
}

/** A grade of the media processor, 5 to 1, as a diagnostic. */
function gradeOf(grade: number): DiagnosticQuality {
  return grade >= 4 ? DiagnosticQuality.Good : grade === 3 ? DiagnosticQuality.Poor : DiagnosticQuality.Bad;
}

/** What others say about their networks and devices, when they send it. */
class OtherSide implements RemoteDiagnostics {
  isSendingDiagnosticsEnabled = false;
  private readonly emitter = new Emitter<{ diagnosticChanged: RemoteParticipantDiagnosticsData }>();
  private latest: RemoteDiagnostic[] = [];

  constructor(private readonly onSend: () => void) {
    bindMethods(this);
  }

  startSendingDiagnostics(): void {
    this.isSendingDiagnosticsEnabled = true;
    this.onSend();
  }

  stopSendingDiagnostics(): void {
    this.isSendingDiagnosticsEnabled = false;
  }

  getLatest(): RemoteParticipantDiagnosticsData {
    return { diagnostics: [...this.latest] };
  }

  on(event: 'diagnosticChanged', listener: (args: RemoteParticipantDiagnosticsData) => void): void {
    this.emitter.on(event, listener);
  }

  off(event: 'diagnosticChanged', listener: (args: RemoteParticipantDiagnosticsData) => void): void {
    this.emitter.off(event, listener);
  }

  heard(diagnostic: RemoteDiagnostic): void {
    const isSame = (other: RemoteDiagnostic): boolean =>
      other.diagnostic === diagnostic.diagnostic && other.participantId === diagnostic.participantId;
    if (this.latest.find(isSame)?.value === diagnostic.value) {
      return;
    }
    this.latest = [...this.latest.filter((other) => !isSame(other)), diagnostic].slice(-MAX_DIAGNOSTICS);
    this.emitter.emit('diagnosticChanged', { diagnostics: [diagnostic] });
  }
}

/** Diagnostics for the people in a call. */
export class UserFacingDiagnostics extends FeatureOfCall implements UserFacingDiagnosticsFeature {
  readonly name = 'UserFacingDiagnostics';
  readonly network: NetworkDiagnostics;
  readonly media: MediaDiagnostics;
  readonly remote: RemoteDiagnostics;
  private readonly networkValues = new Values<LatestNetworkDiagnostics>();
  private readonly mediaValues = new Values<LatestMediaDiagnostics>();
  private readonly send = new Steady();
  private readonly receive = new Steady();
  private lastReading: NetworkReading | undefined;
  private lastFrames = { count: -1, at: 0 };
  private lastSound = 0;
  private readonly microphone = new TrackVolume();
  private microphoneTrack: MediaStreamTrack | undefined;
  private loudWhileMuted = 0;

  constructor(context: CallFeatureContext) {
    super(context);
    this.network = this.networkValues as NetworkDiagnostics;
    this.media = this.mediaValues as MediaDiagnostics;
    const other = new OtherSide(() => this.tellAll());
    this.remote = other;
    this.ends.push(
      every(READ_EVERY, () => void this.read(performance.now())),
      this.door.onPath(() => this.readPath()),
      this.door.onSignalling(() => this.readPath()),
      this.door.onPeer((peer) => this.watchRelays(peer)),
      TROUBLE.subscribe('trouble', ({ source, trouble }) => this.heardTrouble(source, trouble)),
      () => this.forgetMicrophone(),
    );
    for (const values of [this.networkValues, this.mediaValues]) {
      values.on('diagnosticChanged', ((change: { diagnostic: string; value: LatestDiagnosticValue }) => {
        if (other.isSendingDiagnosticsEnabled) {
          signsOf(this.door).say({ kind: 'diagnostic', diagnostic: change.diagnostic, value: change.value });
        }
      }) as Listener<never>);
    }
    this.ends.push(
      signsOf(this.door).onSign((sign, from) => {
        if (sign.kind === 'diagnostic') {
          this.heardOther(other, sign.diagnostic, sign.value, from);
        }
      }),
      this.door.room.onChange((what) => what === 'quality' && this.heardQuality(other)),
    );
    this.watchRelays(this.door.peer);
    this.watchDevices();
    this.door.onEnd(() => this.dispose());
  }

  private tellAll(): void {
    const latest = { ...this.networkValues.getLatest(), ...this.mediaValues.getLatest() };
    for (const [diagnostic, value] of Object.entries(latest)) {
      signsOf(this.door).say({ kind: 'diagnostic', diagnostic, value });
    }
  }

  /** The media processor sees everybody's network: its grades are their diagnostics, whether they send some or not. */
  private heardQuality(other: OtherSide): void {
    for (const { participant, send, receive } of this.door.room.quality) {
      if (participant !== this.door.participantId) {
        const told = [['networkSendQuality', send], ['networkReceiveQuality', receive]] as const;
        told.filter(([, grade]) => grade > 0).forEach(([name, grade]) => this.heardOther(other, name, gradeOf(grade), participant));
      }
    }
  }

  private heardOther(other: OtherSide, diagnostic: string, value: number | boolean, from: string | undefined): void {
    const identifier = senderOf(this.door, from);
    if (!identifier || !/^[a-zA-Z]{1,64}$/.test(diagnostic)) {
      return;
    }
    const rawId = rawIdOf(identifier);
    const remote = this.call.remoteParticipants.find((one) => rawIdOf(one.identifier) === rawId);
    other.heard({
      participantId: from ?? remote?.endpointDetails[0]?.participantId ?? '',
      rawId,
      remoteParticipant: { identifier: { ...identifier }, displayName: remote?.displayName },
      diagnostic: diagnostic as NetworkDiagnosticType | MediaDiagnosticType,
      value,
      valueType: typeof value === 'boolean' ? 'DiagnosticFlag' : 'DiagnosticQuality',
    });
  }

  /** Whether there is a way at all. */
  private readPath(): void {
    const { path, isSignalling } = this.door;
    if (path === 'closed') {
      return;
    }
    const isOffline = globalThis.navigator?.onLine === false;
    const isLost = path === 'interrupted' || path === 'failed';
    this.networkValues.set('noNetwork', isOffline || (isLost && !isSignalling));
    if (path !== 'connecting') {
      const quality = !isLost ? DiagnosticQuality.Good : isSignalling && !isOffline ? DiagnosticQuality.Poor : DiagnosticQuality.Bad;
      this.networkValues.set('networkReconnect', quality);
    }
  }

  /** A relay that answers makes a candidate; one that does not makes an error (701) and none. */
  private watchRelays(peer: RTCPeerConnection | undefined): void {
    if (!peer) {
      return;
    }
    let hasRelayed = false;
    const candidate = (event: RTCPeerConnectionIceEvent): void => {
      if (event.candidate?.type === 'relay') {
        hasRelayed = true;
        this.networkValues.set('networkRelaysNotReachable', false);
      }
    };
    const failure = (event: Event): void => {
      const { url } = event as RTCPeerConnectionIceErrorEvent;
      if (url?.startsWith('turn') && !hasRelayed && this.door.path !== 'connected') {
        this.networkValues.set('networkRelaysNotReachable', true);
      }
    };
    peer.addEventListener('icecandidate', candidate);
    peer.addEventListener('icecandidateerror', failure);
    this.ends.push(() => {
      peer.removeEventListener('icecandidate', candidate);
      peer.removeEventListener('icecandidateerror', failure);
    });
  }

  private watchDevices(): void {
    const devices = mediaDevices();
    if (!devices) {
      return;
    }
    const look = (): void => {
      void devices.enumerateDevices().then(
        (found) => {
          const has = (kind: MediaDeviceKind): boolean => found.some((device) => device.kind === kind);
          this.mediaValues.set('noMicrophoneDevicesEnumerated', !has('audioinput'));
          // Only browsers that let people choose a speaker list them.
          const listsSpeakers = typeof HTMLMediaElement !== 'undefined' && 'setSinkId' in HTMLMediaElement.prototype;
          this.mediaValues.set('noSpeakerDevicesEnumerated', listsSpeakers && !has('audiooutput'));
        },
        () => undefined,
      );
    };
    devices.addEventListener('devicechange', look);
    this.ends.push(() => devices.removeEventListener('devicechange', look));
    look();
  }

  private heardTrouble(source: SourceKind, trouble: Trouble): void {
    const set = (diagnostic: MediaDiagnosticType, value: boolean): void => this.mediaValues.set(diagnostic, value);
    if (source === 'microphone') {
      switch (trouble) {
        case 'started':
          set('microphonePermissionDenied', false);
          set('microphoneNotFunctioning', false);
          set('microphoneMuteUnexpectedly', false);
          break;
        case 'permissionDenied':
          set('microphonePermissionDenied', true);
          break;
        case 'muted':
        case 'unmuted':
          set('microphoneMuteUnexpectedly', trouble === 'muted');
          break;
        case 'startFailed':
        case 'startTimedOut':
        case 'stoppedUnexpectedly':
          set('microphoneNotFunctioning', true);
          break;
      }
    } else if (source === 'camera') {
      const of: Partial<Record<Trouble, MediaDiagnosticType>> = {
        permissionDenied: 'cameraPermissionDenied',
        startFailed: 'cameraStartFailed',
        startTimedOut: 'cameraStartTimedOut',
        stoppedUnexpectedly: 'cameraStoppedUnexpectedly',
      };
      const diagnostic = of[trouble];
      if (trouble === 'started') {
        Object.values(of).forEach((name) => set(name, false));
      } else if (diagnostic) {
        set(diagnostic, true);
      }
    } else if (trouble === 'started' || trouble === 'startFailed') {
      // Ending by the browser's own "stop sharing" looks like any other end, and choosing no screen like a denial: neither is trouble.
      set('capturerStartFailed', trouble === 'startFailed');
    }
  }

  private async read(now: number): Promise<void> {
    if (this.call.state === 'Disconnected') {
      return;
    }
    this.readPath();
    const stats = await this.door.stats().catch(() => undefined);
    if (stats && this.door.path === 'connected') {
      const reading = readNetwork(stats, (mid) => this.door.mediaOf(mid));
      if (this.lastReading && this.call.state === 'Connected') {
        this.networkValues.set('networkSendQuality', this.send.take(sendQuality(this.lastReading, reading)));
        this.networkValues.set('networkReceiveQuality', this.receive.take(receiveQuality(this.lastReading, reading)));
        this.readCamera(reading, now);
        this.readSilence(reading, now);
      }
      this.lastReading = reading;
    }
    this.readMuted();
  }

  private readCamera(reading: NetworkReading, now: number): void {
    const isSending = this.call.isLocalVideoStarted && reading.cameraFrames !== undefined;
    if (!isSending || reading.cameraFrames !== this.lastFrames.count) {
      this.lastFrames = { count: reading.cameraFrames ?? -1, at: now };
    }
    this.mediaValues.set('cameraFreeze', isSending && now - this.lastFrames.at >= CAMERA_FROZEN_AFTER);
  }

  private readSilence(reading: NetworkReading, now: number): void {
    if (this.call.isMuted || reading.microphoneLevel === undefined || reading.microphoneLevel > 0) {
      this.lastSound = now;
    }
    this.lastSound ||= now;
    this.mediaValues.set('microphoneNotMuteButSilent', now - this.lastSound >= SILENT_AFTER);
  }

  /** Listens to a copy of the microphone, which muting does not silence. */
  private readMuted(): void {
    if (!this.call.isMuted || !this.door.microphone) {
      this.forgetMicrophone();
      this.mediaValues.set('speakingWhileMicrophoneIsMuted', false);
      return;
    }
    if (!this.microphoneTrack) {
      this.microphoneTrack = this.door.microphone.clone();
      this.microphoneTrack.enabled = true;
      this.microphone.setTrack(this.microphoneTrack);
      this.microphone.on('levelChanged', this.heardMicrophone);
    }
    this.loudWhileMuted = Math.max(0, this.loudWhileMuted - 3);
    if (this.loudWhileMuted === 0) {
      this.mediaValues.set('speakingWhileMicrophoneIsMuted', false);
    }
  }

  /** Half a second of speech in all, so that a cough does not count. */
  private readonly heardMicrophone = (): void => {
    if (this.microphone.level >= SPEAKS_FROM) {
      this.loudWhileMuted = Math.min(20, this.loudWhileMuted + 1);
      if (this.loudWhileMuted >= 6) {
        this.mediaValues.set('speakingWhileMicrophoneIsMuted', true);
      }
    }
  };

  private forgetMicrophone(): void {
    this.microphone.off('levelChanged', this.heardMicrophone);
    this.microphone.setTrack(undefined);
    this.microphoneTrack?.stop();
    this.microphoneTrack = undefined;
    this.loudWhileMuted = 0;
  }
}
