/** What may be done in this call. All names are always there: user interfaces show and hide buttons by them. */

import type { CallFeatureContext } from '../types/feature.js';
import type {
  CapabilitiesChangeInfo,
  CapabilitiesFeature,
  CapabilityResolutionReason,
  ParticipantCapabilities,
  ParticipantCapability,
  ParticipantCapabilityName,
} from '../types/features/capabilities.js';
import { mediaDevices } from '../devices/open.js';
import { FeatureOfCall } from './feature.js';

const yes = (): ParticipantCapability => ({ isPresent: true, reason: 'Capable' });
const no = (reason: CapabilityResolutionReason): ParticipantCapability => ({ isPresent: false, reason });

/** The capabilities of this side of a call. */
export class Capabilities extends FeatureOfCall<{ capabilitiesChanged: CapabilitiesChangeInfo }> implements CapabilitiesFeature {
  readonly name = 'Capabilities';
  private readonly current: ParticipantCapabilities;

  constructor(context: CallFeatureContext) {
    super(context);
    const notOfTwo = no('CapabilityNotApplicableForTheCallType');
    const missing = no('FeatureNotSupported');
    const canShare = mediaDevices()?.getDisplayMedia !== undefined;
    const table: Record<ParticipantCapabilityName, ParticipantCapability> = {
      turnVideoOn: yes(),
      unmuteMic: yes(),
      shareScreen: canShare ? yes() : no('ClientRestricted'),
      removeParticipant: notOfTwo,
      hangUpForEveryOne: yes(),
      addCommunicationUser: missing,
      addTeamsUser: missing,
      addPhoneNumber: missing,
      manageLobby: notOfTwo,
      spotlightParticipant: yes(),
      removeParticipantsSpotlight: yes(),
      blurBackground: missing,
      startLiveMeetingCaptions: missing,
      startLiveCallingCaptions: missing,
      setCaptionLanguage: missing,
      raiseHand: yes(),
      pstnDialOut: missing,
      muteOthers: notOfTwo,
      useReactions: yes(),
      viewAttendeeNames: yes(),
      startTogetherMode: missing,
      joinBreakoutRooms: missing,
      forbidOthersAudio: missing,
      forbidOthersVideo: missing,
      realTimeText: yes(),
    };
    // Each its own object: applications freeze what they get.
    this.current = Object.fromEntries(Object.entries(table).map(([name, value]) => [name, { ...value }])) as ParticipantCapabilities;
  }

  get capabilities(): ParticipantCapabilities {
    return this.current;
  }
}
