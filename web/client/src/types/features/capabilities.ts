/** What the local participant may do now. */

import type { CallFeature } from '../feature.js';

export type ParticipantCapabilityName =
  | 'turnVideoOn'
  | 'unmuteMic'
  | 'shareScreen'
  | 'removeParticipant'
  | 'hangUpForEveryOne'
  | 'addCommunicationUser'
  | 'addTeamsUser'
  | 'addPhoneNumber'
  | 'manageLobby'
  | 'spotlightParticipant'
  | 'removeParticipantsSpotlight'
  | 'blurBackground'
  | 'startLiveMeetingCaptions'
  | 'startLiveCallingCaptions'
  | 'setCaptionLanguage'
  | 'raiseHand'
  | 'pstnDialOut'
  | 'muteOthers'
  | 'useReactions'
  | 'viewAttendeeNames'
  | 'startTogetherMode'
  | 'joinBreakoutRooms'
  | 'forbidOthersAudio'
  | 'forbidOthersVideo'
  | 'realTimeText';

export type CapabilityResolutionReason =
  | 'Capable'
  | 'CapabilityNotApplicableForTheCallType'
  | 'ClientRestricted'
  | 'UserPolicyRestricted'
  | 'RoleRestricted'
  | 'FeatureNotSupported'
  | 'MeetingRestricted'
  | 'NotInitialized'
  | 'NotCapable'
  | 'TeamsPremiumLicenseRestricted'
  | 'IpModeUserPolicyRestricted'
  | 'ExplicitConsentRequired';

export type CapabilitiesChangedReason =
  | 'RoleChanged'
  | 'UserPolicyChanged'
  | 'MeetingOptionOrOrganizerPolicyChanged'
  | 'TeamsPremiumLicenseChanged';

export interface ParticipantCapability {
  readonly isPresent: boolean;
  readonly reason: CapabilityResolutionReason;
}
export type ParticipantCapabilities = Record<ParticipantCapabilityName, ParticipantCapability>;
export type ChangedParticipantCapabilities = Partial<ParticipantCapabilities>;

export interface CapabilitiesChangeInfo {
  readonly oldValue: ChangedParticipantCapabilities;
  readonly newValue: ChangedParticipantCapabilities;
  readonly reason: CapabilitiesChangedReason;
}
export type CapabilitiesChangedEventType = 'capabilitiesChanged';
export type CapabilitiesChangeHandler = (info: CapabilitiesChangeInfo) => void;

export interface CapabilitiesFeature extends CallFeature {
  readonly capabilities: ParticipantCapabilities;
  on(event: CapabilitiesChangedEventType, listener: CapabilitiesChangeHandler): void;
  off(event: CapabilitiesChangedEventType, listener: CapabilitiesChangeHandler): void;
}
