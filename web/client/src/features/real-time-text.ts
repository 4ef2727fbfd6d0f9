/** Text that others see while it is typed. */

import { CallingError, ErrorCodes } from '../errors.js';
import { rawIdOf } from '../identity.js';
import type { CallFeatureContext } from '../types/feature.js';
import type { RealTimeTextFeature, RealTimeTextInfo } from '../types/features/room.js';
import type { CommunicationIdentifierKind } from '../types/identifier.js';
import { FeatureOfCall } from './feature.js';
import { senderOf } from './people.js';
import { signsOf } from './signs.js';

/** The longest text of one line, in characters. */
const LONGEST = 4_000;

/** Sends and receives typed text. */
export class RealTimeText extends FeatureOfCall<{ realTimeTextReceived: RealTimeTextInfo }> implements RealTimeTextFeature {
  readonly name = 'RealTimeText';
  /** Number of the line that is being typed. */
  private sequence = 1;
  private readonly began = new Map<string, Date>();

  constructor(context: CallFeatureContext) {
    super(context);
    this.ends.push(
      signsOf(this.door).onSign((sign, from) => {
        if (sign.kind === 'text') {
          this.tell(sign.sequence, sign.text.slice(0, LONGEST), sign.final, senderOf(this.door, from));
        }
      }),
    );
  }

  async sendRealTimeText(text: string, finalized = false): Promise<void> {
    if (typeof text !== 'string' || text.length > LONGEST) {
      throw new CallingError(ErrorCodes.badArgument, `Real-time text is at most ${LONGEST} characters.`);
    }
    if (this.door.path !== 'connected') {
      throw new CallingError(ErrorCodes.wrongState, 'Real-time text needs a connected call.');
    }
    signsOf(this.door).say({ kind: 'text', sequence: this.sequence, text, final: finalized });
    this.tell(this.sequence, text, finalized, this.door.localIdentifier, true);
    if (finalized) {
      this.sequence += 1;
    }
  }

  private tell(
    sequenceId: number,
    text: string,
    isFinal: boolean,
    identifier: CommunicationIdentifierKind | undefined,
    isLocal = false,
  ): void {
    const rawId = identifier && rawIdOf(identifier);
    const displayName = isLocal ? undefined : this.call.remoteParticipants.find((one) => rawIdOf(one.identifier) === rawId)?.displayName;
    const updatedTimestamp = new Date();
    const key = `${isLocal}:${rawId}:${sequenceId}`;
    const receivedTimestamp = this.began.get(key) ?? updatedTimestamp;
    // One line is open for each person; of many people the oldest lines are kept.
    if (isFinal) {
      this.began.delete(key);
    } else if (this.began.size < 512) {
      this.began.set(key, receivedTimestamp);
    }
    this.emitter.emit('realTimeTextReceived', {
      sequenceId,
      sender: { identifier: identifier && { ...identifier }, displayName },
      text,
      resultType: isFinal ? 'Final' : 'Partial',
      receivedTimestamp,
      updatedTimestamp,
      isLocal,
    });
  }
}
