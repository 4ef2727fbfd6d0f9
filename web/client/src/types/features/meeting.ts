/** Features of meetings. One-to-one calls have none of them: they exist, say that they are off, and never throw. */

import type { CollectionUpdatedEvent, PropertyChangedEvent } from '../common.js';
import type { Call } from '../call.js';
import type { CallFeature } from '../feature.js';
import type { CommunicationIdentifier, CommunicationIdentifierKind } from '../identifier.js';
import type { RemoteVideoStreamCommon } from '../stream.js';
import type { TeamsCall } from '../teams.js';

export type BreakoutRoomState = 'unknown' | 'open' | 'closed';
export interface BreakoutRoom {
  readonly displayName: string;
  readonly threadId?: string;
  readonly state: BreakoutRoomState;
  readonly autoMoveParticipantToBreakoutRoom: boolean;
  readonly call?: Call | TeamsCall;
  readonly invitees: Invited[];
  join(): Promise<Call | TeamsCall>;
}
interface Invited {
  readonly identifier: CommunicationIdentifierKind;
}
export interface BreakoutRoomsSettings {
  readonly disableReturnToMainMeeting: boolean;
  readonly timeLimit?: number;
  readonly roomEndTime?: Date;
}
export interface BreakoutRoomsEvent {
  readonly type: 'breakoutRooms';
  readonly data: BreakoutRoom[] | undefined;
}
export interface BreakoutRoomsSettingsEvent {
  readonly type: 'breakoutRoomsSettings';
  readonly data: BreakoutRoomsSettings | undefined;
}
export interface AssignedBreakoutRoomsEvent {
  readonly type: 'assignedBreakoutRooms';
  readonly data: BreakoutRoom | undefined;
}
export interface JoinBreakoutRoomsEvent {
  readonly type: 'join';
  readonly data: Call | TeamsCall;
}
export type BreakoutRoomsEventData =
  | BreakoutRoomsEvent
  | BreakoutRoomsSettingsEvent
  | AssignedBreakoutRoomsEvent
  | JoinBreakoutRoomsEvent;
export type BreakoutRoomsUpdated = 'breakoutRoomsUpdated';
export type BreakoutRoomsUpdatedListener = (event: BreakoutRoomsEventData) => void;
export interface BreakoutRoomsCallFeature extends CallFeature {
  readonly assignedBreakoutRooms?: BreakoutRoom;
  readonly breakoutRoomsSettings?: BreakoutRoomsSettings;
  readonly breakoutRooms?: BreakoutRoom[];
  on(event: BreakoutRoomsUpdated, listener: BreakoutRoomsUpdatedListener): void;
  off(event: BreakoutRoomsUpdated, listener: BreakoutRoomsUpdatedListener): void;
}

export interface TogetherModeSceneSize {
  width: number;
  height: number;
}
export interface TogetherModeSeatingPosition {
  readonly top: number;
  readonly left: number;
  readonly width: number;
  readonly height: number;
}
export type TogetherModeSeatingMap = Map<string, TogetherModeSeatingPosition>;
export interface TogetherModeVideoStream extends RemoteVideoStreamCommon {}
export type TogetherModeSceneUpdatedListener = (size: TogetherModeSceneSize) => void;
export type TogetherModeSeatingUpdatedListener = (seating: TogetherModeSeatingMap) => void;
export interface TogetherModeCallFeature extends CallFeature {
  readonly togetherModeStream: ReadonlyArray<TogetherModeVideoStream>;
  readonly togetherModeSeatingMap: TogetherModeSeatingMap;
  sceneSize: TogetherModeSceneSize;
  start(): Promise<void>;
  on(event: 'togetherModeStreamsUpdated', listener: CollectionUpdatedEvent<TogetherModeVideoStream>): void;
  on(event: 'togetherModeSceneUpdated', listener: TogetherModeSceneUpdatedListener): void;
  on(event: 'togetherModeSeatingUpdated', listener: TogetherModeSeatingUpdatedListener): void;
  off(event: 'togetherModeStreamsUpdated', listener: CollectionUpdatedEvent<TogetherModeVideoStream>): void;
  off(event: 'togetherModeSceneUpdated', listener: TogetherModeSceneUpdatedListener): void;
  off(event: 'togetherModeSeatingUpdated', listener: TogetherModeSeatingUpdatedListener): void;
}

export interface PPTLiveCallFeature extends CallFeature {
  readonly isActive: boolean;
  readonly target: HTMLElement | undefined;
  readonly activePresenterId?: CommunicationIdentifierKind;
  on(event: 'isActiveChanged', listener: PropertyChangedEvent): void;
  off(event: 'isActiveChanged', listener: PropertyChangedEvent): void;
}

export interface TeamsMeetingAudioConferencingPhoneNumber {
  readonly phoneNumber: string;
  readonly isTollFree?: boolean;
  readonly countryName?: string;
  readonly cityName?: string;
}
export interface TeamsMeetingAudioConferencingDetails {
  readonly phoneConferenceId: string;
  readonly phoneNumbers: TeamsMeetingAudioConferencingPhoneNumber[];
}
export interface TeamsMeetingAudioConferencingCallFeature extends CallFeature {
  getTeamsMeetingAudioConferencingDetails(): Promise<TeamsMeetingAudioConferencingDetails>;
}

export interface BaseMediaAccess {
  readonly isAudioPermitted: boolean;
  readonly isVideoPermitted: boolean;
}
export interface MediaAccess extends BaseMediaAccess {
  readonly participant: CommunicationIdentifierKind;
}
export interface MeetingMediaAccess extends BaseMediaAccess {}
export interface MediaAccessChangedEvent {
  readonly mediaAccesses: MediaAccess[];
}
export interface MeetingMediaAccessChangedEvent {
  readonly meetingMediaAccess: MeetingMediaAccess;
}
export type MediaAccessChangedListener = (event: MediaAccessChangedEvent) => void;
export type MeetingMediaAccessChangedListener = (event: MeetingMediaAccessChangedEvent) => void;
export interface MediaAccessCallFeature extends CallFeature {
  permitAudio(participants: CommunicationIdentifier[]): Promise<void>;
  forbidAudio(participants: CommunicationIdentifier[]): Promise<void>;
  permitVideo(participants: CommunicationIdentifier[]): Promise<void>;
  forbidVideo(participants: CommunicationIdentifier[]): Promise<void>;
  permitOthersAudio(): Promise<void>;
  forbidOthersAudio(): Promise<void>;
  permitOthersVideo(): Promise<void>;
  forbidOthersVideo(): Promise<void>;
  getAllOthersMediaAccess(): MediaAccess[];
  getMeetingMediaAccess(): MeetingMediaAccess;
  on(event: 'mediaAccessChanged', listener: MediaAccessChangedListener): void;
  on(event: 'meetingMediaAccessChanged', listener: MeetingMediaAccessChangedListener): void;
  off(event: 'mediaAccessChanged', listener: MediaAccessChangedListener): void;
  off(event: 'meetingMediaAccessChanged', listener: MeetingMediaAccessChangedListener): void;
}
