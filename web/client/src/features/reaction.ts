/** Hearts and applause. */

import { CallingError, ErrorCodes } from '../errors.js';
import type { CallFeatureContext } from '../types/feature.js';
import type { Reaction as ReactionType, ReactionCallFeature, ReactionEventPayload, ReactionMessage } from '../types/features/room.js';
import type { CommunicationIdentifierKind } from '../types/identifier.js';
import { FeatureOfCall } from './feature.js';
import { senderOf } from './people.js';
import { signsOf } from './signs.js';

const REACTIONS: readonly string[] = ['like', 'heart', 'laugh', 'surprised', 'applause'] satisfies ReactionType[];

/** Sends reactions and shows those of others. */
export class Reaction extends FeatureOfCall<{ reaction: ReactionEventPayload }> implements ReactionCallFeature {
  readonly name = 'Reaction';

  constructor(context: CallFeatureContext) {
    super(context);
    this.ends.push(
      signsOf(this.door).onSign((sign, from) => {
        if (sign.kind === 'reaction' && REACTIONS.includes(sign.reaction)) {
          this.tell(sign.reaction as ReactionType, senderOf(this.door, from));
        }
      }),
    );
  }

  async sendReaction(reactionMessage: ReactionMessage): Promise<void> {
    const reaction = reactionMessage?.reactionType;
    if (!REACTIONS.includes(reaction)) {
      throw new CallingError(ErrorCodes.badArgument, `A reaction is one of ${REACTIONS.join(', ')}.`);
    }
    if (this.door.path !== 'connected') {
      throw new CallingError(ErrorCodes.wrongState, 'Reactions need a connected call.');
    }
    signsOf(this.door).say({ kind: 'reaction', reaction });
    this.tell(reaction, this.door.localIdentifier);
  }

  private tell(reactionType: ReactionType, identifier: CommunicationIdentifierKind | undefined): void {
    if (identifier) {
      this.emitter.emit('reaction', { identifier: { ...identifier }, reactionMessage: { reactionType } });
    }
  }
}
