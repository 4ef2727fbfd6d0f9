/** What is wrong with network and devices, for people. */

import type { DiagnosticQuality } from '../enums.js';
import type { CallFeature } from '../feature.js';
import type { ParticipantInfo } from '../common.js';

export type DiagnosticFlag = boolean;
export type LatestDiagnosticValue = DiagnosticQuality | DiagnosticFlag;
export type DiagnosticValueType = 'DiagnosticQuality' | 'DiagnosticFlag';

export interface LatestNetworkDiagnostics {
  networkReconnect?: LatestDiagnosticValue;
  networkReceiveQuality?: LatestDiagnosticValue;
  networkSendQuality?: LatestDiagnosticValue;
  noNetwork?: LatestDiagnosticValue;
  networkRelaysNotReachable?: LatestDiagnosticValue;
}
export type NetworkDiagnosticType = keyof LatestNetworkDiagnostics;

export interface LatestMediaDiagnostics {
  speakingWhileMicrophoneIsMuted?: LatestDiagnosticValue;
  noSpeakerDevicesEnumerated?: LatestDiagnosticValue;
  noMicrophoneDevicesEnumerated?: LatestDiagnosticValue;
  cameraFreeze?: LatestDiagnosticValue;
  cameraStartFailed?: LatestDiagnosticValue;
  cameraStartTimedOut?: LatestDiagnosticValue;
  capturerStartFailed?: LatestDiagnosticValue;
  microphoneNotFunctioning?: LatestDiagnosticValue;
  microphoneMuteUnexpectedly?: LatestDiagnosticValue;
  cameraStoppedUnexpectedly?: LatestDiagnosticValue;
  capturerStoppedUnexpectedly?: LatestDiagnosticValue;
  screenshareRecordingDisabled?: LatestDiagnosticValue;
  microphonePermissionDenied?: LatestDiagnosticValue;
  cameraPermissionDenied?: LatestDiagnosticValue;
  microphoneNotMuteButSilent?: LatestDiagnosticValue;
}
export type MediaDiagnosticType = keyof LatestMediaDiagnostics;
export type ServerDiagnosticType = 'serverConnection';

export type DiagnosticChangedEventArgs = {
  value: LatestDiagnosticValue;
  valueType: DiagnosticValueType;
};
export type NetworkDiagnosticChangedEventArgs = DiagnosticChangedEventArgs & { diagnostic: NetworkDiagnosticType };
export type MediaDiagnosticChangedEventArgs = DiagnosticChangedEventArgs & { diagnostic: MediaDiagnosticType };

export interface NetworkDiagnostics {
  getLatest(): LatestNetworkDiagnostics;
  on(event: 'diagnosticChanged', listener: (args: NetworkDiagnosticChangedEventArgs) => void): void;
  off(event: 'diagnosticChanged', listener: (args: NetworkDiagnosticChangedEventArgs) => void): void;
}
export interface MediaDiagnostics {
  getLatest(): LatestMediaDiagnostics;
  on(event: 'diagnosticChanged', listener: (args: MediaDiagnosticChangedEventArgs) => void): void;
  off(event: 'diagnosticChanged', listener: (args: MediaDiagnosticChangedEventArgs) => void): void;
}

export type RemoteDiagnostic = {
  readonly participantId: string;
  readonly rawId: string;
  readonly remoteParticipant?: ParticipantInfo;
  readonly diagnostic: NetworkDiagnosticType | MediaDiagnosticType | ServerDiagnosticType;
  readonly value: LatestDiagnosticValue;
  readonly valueType: DiagnosticValueType;
};
export interface RemoteParticipantDiagnosticsData {
  readonly diagnostics: RemoteDiagnostic[];
}
export interface RemoteDiagnostics {
  readonly isSendingDiagnosticsEnabled: boolean;
  startSendingDiagnostics(): void;
  stopSendingDiagnostics(): void;
  getLatest(): RemoteParticipantDiagnosticsData;
  on(event: 'diagnosticChanged', listener: (args: RemoteParticipantDiagnosticsData) => void): void;
  off(event: 'diagnosticChanged', listener: (args: RemoteParticipantDiagnosticsData) => void): void;
}

export interface UserFacingDiagnosticsFeature extends CallFeature {
  readonly network: NetworkDiagnostics;
  readonly media: MediaDiagnostics;
  readonly remote: RemoteDiagnostics;
}
