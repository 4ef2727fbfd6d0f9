/** Handing the other side over to somebody else, and being handed over. */

import type { TransferGoal } from '../call/peer-door.js';
import { Emitter, bindMethods } from '../emitter.js';
import { ErrorCodes } from '../errors.js';
import { rawIdOf } from '../identity.js';
import type { Call } from '../types/call.js';
import type { CallFeatureContext } from '../types/feature.js';
import type {
  Transfer as TransferShape,
  TransferCallFeature,
  TransferErrorCode,
  TransferEventArgs,
  TransferState,
  TransferToCallLocator,
  TransferToParticipantLocator,
  TransferToVoicemailLocator,
} from '../types/features/transfer.js';
import { FeatureOfCall } from './feature.js';

/** One transfer and how it goes. */
class OneTransfer implements TransferShape {
  state: TransferState = 'None';
  error?: TransferErrorCode;
  private readonly emitter = new Emitter<{ stateChanged: undefined }>();

  constructor() {
    bindMethods(this);
  }

  on(event: 'stateChanged', listener: () => void): void {
    this.emitter.on(event, listener);
  }

  off(event: 'stateChanged', listener: () => void): void {
    this.emitter.off(event, listener);
  }

  become(state: TransferState, error?: TransferErrorCode): void {
    this.state = state;
    this.error = error;
    this.emitter.emit('stateChanged');
  }
}

/** Transfers of a call. */
export class Transfers extends FeatureOfCall<{ transferAccepted: TransferEventArgs }> implements TransferCallFeature {
  readonly name = 'Transfer';

  constructor(context: CallFeatureContext) {
    super(context);
    this.ends.push(this.door.onTransferAccepted((call) => this.emitter.emit('transferAccepted', { targetCall: call as Call })));
  }

  transfer(target: TransferToParticipantLocator | TransferToCallLocator | TransferToVoicemailLocator): TransferShape {
    const transfer = new OneTransfer();
    const goal = goalOf(target);
    const refuse = ([code, subCode]: readonly [number, number]): void => {
      // Told a moment later: the application has no listener yet.
      queueMicrotask(() => transfer.become('Failed', { code, subCode }));
    };
    if (!goal) {
      refuse(target && 'targetParticipantVoicemail' in target ? ErrorCodes.notSupported : ErrorCodes.badArgument);
    } else if (this.call.state !== 'Connected' && this.call.state !== 'LocalHold' && this.call.state !== 'RemoteHold') {
      refuse(ErrorCodes.wrongState);
    } else {
      this.door.transfer(goal, (news) => {
        if (transfer.state !== news.state && transfer.state !== 'Failed' && transfer.state !== 'Transferred') {
          transfer.become(news.state, news.error);
        }
      });
    }
    return transfer;
  }
}

function goalOf(target: TransferToParticipantLocator | TransferToCallLocator | TransferToVoicemailLocator): TransferGoal | undefined {
  if (!target || typeof target !== 'object') {
    return undefined;
  }
  if ('targetCallId' in target && target.targetCallId) {
    return { kind: 'call', callId: target.targetCallId };
  }
  if ('targetParticipant' in target && target.targetParticipant) {
    try {
      return { kind: 'participant', identity: rawIdOf(target.targetParticipant) };
    } catch {
      return undefined;
    }
  }
  return undefined;
}
