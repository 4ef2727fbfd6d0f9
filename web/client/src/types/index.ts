/**
 * Every name of the calling API that is a type, and the enumerations.
 *
 * Written from the public documentation and from what open-source consumers use; grouped by what it is about.
 */

export * from './enums.js';
export { disconnectCategoryMap } from './disconnect.js';
export type { DisconnectCategory, DisconnectReason } from './disconnect.js';
export type * from './common.js';
export type * from './client.js';
export type * from './feature.js';
export type * from './agent.js';
export type * from './call.js';
export type * from './device.js';
export type * from './stream.js';
export type * from './teams.js';
export type * from './features/room.js';
export type * from './features/record.js';
export type * from './features/transfer.js';
export type * from './features/diagnostics.js';
export type * from './features/data-channel.js';
export type * from './features/capabilities.js';
export type * from './features/survey.js';
export type * from './features/effects.js';
export type * from './features/meeting.js';
export type * from './features/conference.js';
export type {
  IncomingAudioMediaStats,
  IncomingScreenShareMediaStats,
  IncomingVideoMediaStats,
  MediaStatValue,
  MediaStatsAggregation,
  MediaStatsCallFeature,
  MediaStatsCollector,
  MediaStatsCollectorOptions,
  MediaStatsReportSample,
  MediaStatsReportSampleEvent,
  MediaStatsReportSummary,
  MediaStatsReportSummaryEvent,
  OutgoingAudioMediaStats,
  OutgoingScreenShareMediaStats,
  OutgoingVideoMediaStats,
  TransportMediaStats,
} from './features/media-stats.js';
