/** What the object model of the vendor has no names for: how a group call is received, and how well everybody is connected. */

import { CallingError, ErrorCodes } from '../errors.js';
import { identifierOf } from '../identity.js';
import type { ReceiveMode } from '../types/agent.js';
import type { CallFeatureContext, CallFeatureFactory } from '../types/feature.js';
import type { ConferenceCallFeature, ParticipantQualityInfo } from '../types/features/conference.js';
import type { RemoteVideoStream } from '../types/stream.js';
import { FeatureOfCall } from './feature.js';

interface ConferenceEvents {
  isActiveChanged: undefined;
  modeChanged: undefined;
  qualityChanged: undefined;
}

const MODES: readonly string[] = ['auto', 'forwarded', 'mixed'] satisfies ReceiveMode[];

class ConferenceOfCall extends FeatureOfCall<ConferenceEvents> implements ConferenceCallFeature {
  readonly name = 'Conference';
  private wasActive: boolean;

  constructor(context: CallFeatureContext) {
    super(context);
    this.wasActive = this.isActive;
    this.ends.push(
      this.door.room.onChange((what) => {
        if (this.wasActive !== this.isActive) {
          this.wasActive = this.isActive;
          this.emitter.emit('isActiveChanged');
        }
        if (what === 'mode' || what === 'quality') {
          this.emitter.emit(`${what}Changed`);
        }
      }),
    );
  }

  get isActive(): boolean {
    return this.door.room.isConference;
  }

  get isGroup(): boolean {
    return this.door.room.isGroup;
  }

  get mode(): 'forwarded' | 'mixed' | undefined {
    return this.door.room.mode;
  }

  get composition(): RemoteVideoStream {
    return this.door.room.composition;
  }

  get quality(): ReadonlyArray<ParticipantQualityInfo> {
    const { places, quality } = this.door.room;
    return quality.flatMap(({ participant, send, receive }) => {
      const place = places.find((one) => one.participantId === participant);
      return place ? [{ identifier: identifierOf(place.rawId), participantId: participant, send, receive }] : [];
    });
  }

  /** Rejects with 400/49002 for a mode that there is not, and with 412/49004 in a call between two. */
  async receive(mode: ReceiveMode): Promise<void> {
    if (!MODES.includes(mode)) {
      throw new CallingError(ErrorCodes.badArgument, `A mode is one of ${MODES.join(', ')}.`);
    }
    if (!this.isActive) {
      throw new CallingError(ErrorCodes.wrongState, 'A call between two people comes from the other side as it is.');
    }
    await this.door.room.ask({ type: 'receive', mode });
  }

  async convene(): Promise<void> {
    if (!this.isActive) {
      await this.door.room.ask({ type: 'convene' });
    }
  }
}

/** `call.feature(Conference)`: an extension of ours. `Features` has the vendor's names only. */
export const Conference: CallFeatureFactory<ConferenceCallFeature> = { callApiCtor: ConferenceOfCall };
