/** What may be done in this call. All names are always there: user interfaces show and hide buttons by them. */

import type { ParticipantRole } from '../types/call.js';
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
  private current: ParticipantCapabilities;

  constructor(context: CallFeatureContext) {
    super(context);
    this.current = this.read();
    this.ends.push(this.door.room.onChange((what) => what === 'people' && this.follow()));
  }

  get capabilities(): ParticipantCapabilities {
    return this.current;
  }

  private read(): ParticipantCapabilities {
    const { isGroup, role } = this.door.room;
    return capabilitiesOf(isGroup, role, mediaDevices()?.getDisplayMedia !== undefined);
  }

  /** A call became a group call, or this side's role is another. */
  private follow(): void {
    const before = this.current;
    const after = this.read();
    const changed = (Object.keys(after) as ParticipantCapabilityName[]).filter(
      (name) => before[name].isPresent !== after[name].isPresent || before[name].reason !== after[name].reason,
    );
    if (changed.length > 0) {
      this.current = after;
      const only = (table: ParticipantCapabilities) => Object.fromEntries(changed.map((name) => [name, { ...table[name] }]));
      this.emitter.emit('capabilitiesChanged', { oldValue: only(before), newValue: only(after), reason: 'RoleChanged' });
    }
  }
}

/**
 * The table (B-ROOM-3): in a group call presenters do everything, collaborators send all, attendees voice and picture, consumers nothing.
 * Each entry is an object of its own: applications freeze what they get.
 */
export function capabilitiesOf(isGroup: boolean, role: ParticipantRole, canShare: boolean): ParticipantCapabilities {
  const missing = (): ParticipantCapability => no('FeatureNotSupported');
  const only = (roles: ParticipantRole[]): ParticipantCapability => (roles.includes(role) || role === 'Unknown' ? yes() : no('RoleRestricted'));
  const presenting = (): ParticipantCapability => only(['Presenter', 'Organizer', 'Co-organizer']);
  const ofMany = (): ParticipantCapability => (isGroup ? presenting() : no('CapabilityNotApplicableForTheCallType'));
  const sending = (): ParticipantCapability => only(['Presenter', 'Organizer', 'Co-organizer', 'Collaborator', 'Attendee']);
  const sharing = (): ParticipantCapability => only(['Presenter', 'Organizer', 'Co-organizer', 'Collaborator']);
  return {
    turnVideoOn: sending(),
    unmuteMic: sending(),
    shareScreen: canShare ? sharing() : no('ClientRestricted'),
    removeParticipant: ofMany(),
    hangUpForEveryOne: isGroup ? presenting() : yes(),
    addCommunicationUser: presenting(),
    addTeamsUser: missing(),
    addPhoneNumber: missing(),
    manageLobby: no('CapabilityNotApplicableForTheCallType'),
    spotlightParticipant: isGroup ? presenting() : yes(),
    removeParticipantsSpotlight: isGroup ? presenting() : yes(),
    blurBackground: missing(),
    startLiveMeetingCaptions: missing(),
    startLiveCallingCaptions: missing(),
    setCaptionLanguage: missing(),
    raiseHand: yes(),
    pstnDialOut: missing(),
    muteOthers: ofMany(),
    useReactions: yes(),
    viewAttendeeNames: yes(),
    startTogetherMode: missing(),
    joinBreakoutRooms: missing(),
    forbidOthersAudio: missing(),
    forbidOthersVideo: missing(),
    realTimeText: yes(),
  };
}
