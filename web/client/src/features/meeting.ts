/** Features of meetings, in calls that are none: there, off, and never throwing; what they cannot do they refuse. */

import type {
  BaseMediaAccess,
  BreakoutRoom,
  BreakoutRoomsCallFeature,
  BreakoutRoomsEventData,
  BreakoutRoomsSettings,
  MediaAccess as MediaAccessOf,
  MediaAccessCallFeature,
  MediaAccessChangedEvent,
  MeetingMediaAccess,
  MeetingMediaAccessChangedEvent,
  PPTLiveCallFeature,
  TeamsMeetingAudioConferencingCallFeature,
  TeamsMeetingAudioConferencingDetails,
  TogetherModeCallFeature,
  TogetherModeSceneSize,
  TogetherModeSeatingMap,
  TogetherModeVideoStream,
} from '../types/features/meeting.js';
import { FeatureOfCall, notSupported } from './feature.js';

/** No breakout rooms. */
export class BreakoutRooms extends FeatureOfCall<{ breakoutRoomsUpdated: BreakoutRoomsEventData }> implements BreakoutRoomsCallFeature {
  readonly name = 'BreakoutRooms';
  readonly assignedBreakoutRooms?: BreakoutRoom = undefined;
  readonly breakoutRoomsSettings?: BreakoutRoomsSettings = undefined;
  readonly breakoutRooms?: BreakoutRoom[] = undefined;
}

interface TogetherModeEvents {
  togetherModeStreamsUpdated: { added: TogetherModeVideoStream[]; removed: TogetherModeVideoStream[] };
  togetherModeSceneUpdated: TogetherModeSceneSize;
  togetherModeSeatingUpdated: TogetherModeSeatingMap;
}

/** No together mode. */
export class TogetherMode extends FeatureOfCall<TogetherModeEvents> implements TogetherModeCallFeature {
  readonly name = 'TogetherMode';
  readonly togetherModeStream: ReadonlyArray<TogetherModeVideoStream> = [];
  readonly togetherModeSeatingMap: TogetherModeSeatingMap = new Map();
  sceneSize: TogetherModeSceneSize = { width: 0, height: 0 };

  async start(): Promise<void> {
    throw notSupported('Together mode');
  }
}

/** No slides. */
export class PPTLive extends FeatureOfCall<{ isActiveChanged: undefined }> implements PPTLiveCallFeature {
  readonly name = 'PPTLive';
  readonly isActive = false;
  readonly target = undefined;
  readonly activePresenterId = undefined;
}

/** No telephone numbers of a meeting. */
export class TeamsMeetingAudioConferencing extends FeatureOfCall implements TeamsMeetingAudioConferencingCallFeature {
  readonly name = 'TeamsMeetingAudioConferencing';

  async getTeamsMeetingAudioConferencingDetails(): Promise<TeamsMeetingAudioConferencingDetails> {
    throw notSupported('Teams audio conferencing');
  }
}

interface MediaAccessEvents {
  mediaAccessChanged: MediaAccessChangedEvent;
  meetingMediaAccessChanged: MeetingMediaAccessChangedEvent;
}

/** Everybody may speak and be seen; nobody can be forbidden to. */
export class MediaAccess extends FeatureOfCall<MediaAccessEvents> implements MediaAccessCallFeature {
  readonly name = 'MediaAccess';

  async permitAudio(): Promise<void> {
    throw notSupported('Media access control');
  }
  async forbidAudio(): Promise<void> {
    throw notSupported('Media access control');
  }
  async permitVideo(): Promise<void> {
    throw notSupported('Media access control');
  }
  async forbidVideo(): Promise<void> {
    throw notSupported('Media access control');
  }
  async permitOthersAudio(): Promise<void> {
    throw notSupported('Media access control');
  }
  async forbidOthersAudio(): Promise<void> {
    throw notSupported('Media access control');
  }
  async permitOthersVideo(): Promise<void> {
    throw notSupported('Media access control');
  }
  async forbidOthersVideo(): Promise<void> {
    throw notSupported('Media access control');
  }

  getAllOthersMediaAccess(): MediaAccessOf[] {
    return this.call.remoteParticipants.map((participant) => ({ participant: { ...participant.identifier }, ...everything() }));
  }

  getMeetingMediaAccess(): MeetingMediaAccess {
    return everything();
  }
}

function everything(): BaseMediaAccess {
  return { isAudioPermitted: true, isVideoPermitted: true };
}
