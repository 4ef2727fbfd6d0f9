/**
 * All features, by name. Each is one object for ever: applications compare them by identity.
 *
 * A call makes a feature once, by `new factory.callApiCtor({ call, door })`, and gives the same object ever after.
 */

import type { CallClientFeatureFactory, DebugInfoCallClientFeature } from '../types/client.js';
import type { CallFeatureFactory } from '../types/feature.js';
import type { AudioStreamFeatureFactory, VideoStreamFeatureFactory } from '../types/stream.js';
import type { CapabilitiesFeature } from '../types/features/capabilities.js';
import type { DataChannelCallFeature } from '../types/features/data-channel.js';
import type { UserFacingDiagnosticsFeature } from '../types/features/diagnostics.js';
import type { AudioEffectsFeature, VideoEffectsFeature } from '../types/features/effects.js';
import type { MediaStatsCallFeature } from '../types/features/media-stats.js';
import type {
  BreakoutRoomsCallFeature,
  MediaAccessCallFeature,
  PPTLiveCallFeature,
  TeamsMeetingAudioConferencingCallFeature,
  TogetherModeCallFeature,
} from '../types/features/meeting.js';
import type { CaptionsCallFeature, RecordingCallFeature, TranscriptionCallFeature } from '../types/features/record.js';
import type {
  DominantSpeakersCallFeature,
  OptimalVideoCountCallFeature,
  RaiseHandCallFeature,
  ReactionCallFeature,
  RealTimeTextFeature,
  SpotlightCallFeature,
} from '../types/features/room.js';
import type { CallSurveyFeature } from '../types/features/survey.js';
import type { TransferCallFeature } from '../types/features/transfer.js';
import { Capabilities } from './capabilities.js';
import { DataChannels } from './data-channel.js';
import { DebugInfo } from './debug-info.js';
import { UserFacingDiagnostics } from './diagnostics.js';
import { DominantSpeakers } from './dominant-speakers.js';
import { AudioEffects, VideoEffects } from './effects.js';
import { MediaStats } from './media-stats.js';
import { BreakoutRooms, MediaAccess, PPTLive, TeamsMeetingAudioConferencing, TogetherMode } from './meeting.js';
import { OptimalVideoCount } from './optimal-video-count.js';
import { RaiseHand } from './raise-hand.js';
import { Reaction } from './reaction.js';
import { RealTimeText } from './real-time-text.js';
import { Captions, Recording, Transcription } from './recording.js';
import { Spotlight } from './spotlight.js';
import { Survey } from './survey.js';
import { Transfers } from './transfer.js';

/** The features of calls, of the client, and of local streams. */
export const Features: {
  readonly AudioEffects: AudioStreamFeatureFactory<AudioEffectsFeature>;
  readonly BreakoutRooms: CallFeatureFactory<BreakoutRoomsCallFeature>;
  readonly CallSurvey: CallFeatureFactory<CallSurveyFeature>;
  readonly Capabilities: CallFeatureFactory<CapabilitiesFeature>;
  readonly Captions: CallFeatureFactory<CaptionsCallFeature>;
  readonly DataChannel: CallFeatureFactory<DataChannelCallFeature>;
  readonly DebugInfo: CallClientFeatureFactory<DebugInfoCallClientFeature>;
  readonly DominantSpeakers: CallFeatureFactory<DominantSpeakersCallFeature>;
  readonly MediaAccess: CallFeatureFactory<MediaAccessCallFeature>;
  readonly MediaStats: CallFeatureFactory<MediaStatsCallFeature>;
  readonly OptimalVideoCount: CallFeatureFactory<OptimalVideoCountCallFeature>;
  readonly PPTLive: CallFeatureFactory<PPTLiveCallFeature>;
  readonly RaiseHand: CallFeatureFactory<RaiseHandCallFeature>;
  readonly Reaction: CallFeatureFactory<ReactionCallFeature>;
  readonly RealTimeText: CallFeatureFactory<RealTimeTextFeature>;
  readonly Recording: CallFeatureFactory<RecordingCallFeature>;
  readonly Spotlight: CallFeatureFactory<SpotlightCallFeature>;
  readonly TeamsMeetingAudioConferencing: CallFeatureFactory<TeamsMeetingAudioConferencingCallFeature>;
  readonly TogetherMode: CallFeatureFactory<TogetherModeCallFeature>;
  readonly Transcription: CallFeatureFactory<TranscriptionCallFeature>;
  readonly Transfer: CallFeatureFactory<TransferCallFeature>;
  readonly UserFacingDiagnostics: CallFeatureFactory<UserFacingDiagnosticsFeature>;
  readonly VideoEffects: VideoStreamFeatureFactory<VideoEffectsFeature>;
} = {
  AudioEffects: { audioStreamApiCtor: AudioEffects },
  BreakoutRooms: { callApiCtor: BreakoutRooms },
  CallSurvey: { callApiCtor: Survey },
  Capabilities: { callApiCtor: Capabilities },
  Captions: { callApiCtor: Captions },
  DataChannel: { callApiCtor: DataChannels },
  DebugInfo: { callClientApiCtor: DebugInfo },
  DominantSpeakers: { callApiCtor: DominantSpeakers },
  MediaAccess: { callApiCtor: MediaAccess },
  MediaStats: { callApiCtor: MediaStats },
  OptimalVideoCount: { callApiCtor: OptimalVideoCount },
  PPTLive: { callApiCtor: PPTLive },
  RaiseHand: { callApiCtor: RaiseHand },
  Reaction: { callApiCtor: Reaction },
  RealTimeText: { callApiCtor: RealTimeText },
  Recording: { callApiCtor: Recording },
  Spotlight: { callApiCtor: Spotlight },
  TeamsMeetingAudioConferencing: { callApiCtor: TeamsMeetingAudioConferencing },
  TogetherMode: { callApiCtor: TogetherMode },
  Transcription: { callApiCtor: Transcription },
  Transfer: { callApiCtor: Transfers },
  UserFacingDiagnostics: { callApiCtor: UserFacingDiagnostics },
  VideoEffects: { videoStreamApiCtor: VideoEffects },
};
