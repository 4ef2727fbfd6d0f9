/** A call that rings here. */

import { SignalQueue } from '../connection/signals.js';
import { bindMethods, Emitter } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import type { CustomContext } from '../types/agent.js';
import type { AcceptCallOptions, Call, CallEndReason, CallerInfo, CallInfo, IncomingCall } from '../types/call.js';
import { IncomingCallKind } from '../types/enums.js';
import type { EndReason, Event, Incoming } from '../wire.js';
import { callEndReason } from './end-reason.js';
import { callerInfoOf } from './engine.js';
import type { CallHost } from './host.js';
import { CallInformation } from './info.js';

interface RingingEvents {
  callEnded: { callEndReason: CallEndReason };
  callerInfoChanged: undefined;
  transferorInfoChanged: undefined;
}

/** At most this many batches of candidates are kept until the user answers. */
const MAX_BATCHES = 64;

/** What the agent does with it. */
export interface RingOwner {
  /** The user answers. Gives the call. */
  accept(ring: RingingCall, options: AcceptCallOptions | undefined): Call;
  /** It rings no longer, and was not answered here. */
  over(ring: RingingCall, reason: EndReason): void;
}

/** A call that rings here. */
export class RingingCall implements IncomingCall {
  readonly kind = IncomingCallKind.IncomingCall;
  readonly id: string;
  readonly info: CallInfo;
  readonly transferorInfo: CallerInfo | undefined;
  readonly customContext: CustomContext | undefined;

  private readonly emitter = new Emitter<RingingEvents>();
  private readonly signals: SignalQueue;
  private caller: CallerInfo;
  private reason: EndReason | undefined;
  private isAnswered = false;

  constructor(
    host: CallHost,
    private latest: Incoming,
    private readonly owner: RingOwner,
  ) {
    this.id = latest.callId;
    const info = new CallInformation(() => latest.callId);
    info.setParticipantId(latest.participantId);
    this.info = info;
    this.caller = callerInfoOf(latest.caller.identity, latest.caller.displayName);
    this.transferorInfo = latest.transferor === undefined ? undefined : callerInfoOf(latest.transferor, undefined);
    this.customContext = latest.customContext as CustomContext | undefined;
    const post = (call: string, request: Parameters<CallHost['post']>[1]): Promise<unknown> => host.post(call, request);
    this.signals = new SignalQueue(this.id, host.endpointId, post, host.surroundings, () => this.end({ code: 487, subCode: 0 }));
    this.signals.open();
    bindMethods(this);
  }

  get callerInfo(): CallerInfo {
    return this.caller;
  }

  get callEndReason(): CallEndReason | undefined {
    return this.reason && callEndReason(this.reason);
  }

  /** What is known of the call: the newest offer, all candidates. */
  get incoming(): Incoming {
    return this.latest;
  }

  /** Whether it still rings. */
  get isRinging(): boolean {
    return !this.isAnswered && this.reason === undefined;
  }

  async accept(options?: AcceptCallOptions): Promise<Call> {
    if (!this.isRinging) {
      throw new CallingError(ErrorCodes.acceptNotRinging, 'The call rings no longer: it cannot be accepted.');
    }
    this.isAnswered = true;
    this.signals.close();
    return this.owner.accept(this, options);
  }

  async reject(): Promise<void> {
    if (!this.isRinging) {
      throw new CallingError(ErrorCodes.rejectNotRinging, 'The call rings no longer: it cannot be rejected.');
    }
    const taken = this.signals.send({ type: 'decline' });
    this.end({ code: 603, subCode: 0 }, false);
    await taken.catch(() => {}); // it rings no longer there either
    this.signals.close();
  }

  on<Name extends keyof RingingEvents>(event: Name, listener: (payload: RingingEvents[Name]) => void): void {
    this.emitter.on(event, listener);
  }

  off<Name extends keyof RingingEvents>(event: Name, listener: (payload: RingingEvents[Name]) => void): void {
    this.emitter.off(event, listener);
  }

  /** The user is alerted: the caller may hear it. */
  alerted(): void {
    void this.signals.send({ type: 'ringing' });
  }

  /** Takes an event of this call. */
  told(event: Event): void {
    if (!this.isRinging) {
      return;
    }
    switch (event.type) {
      case 'ended':
        this.end(event.reason);
        break;
      case 'description':
        // The caller's page was reloaded: candidates of its old peer connection are of no use.
        if (event.description.kind === 'offer' && this.latest.offer && event.description.epoch > this.latest.offer.epoch) {
          const candidates = this.latest.candidates.filter((batch) => batch.epoch >= event.description.epoch);
          this.latest = { ...this.latest, offer: event.description, candidates };
        }
        break;
      case 'candidates':
        if (this.latest.candidates.length < MAX_BATCHES) {
          this.latest = { ...this.latest, candidates: [...this.latest.candidates, event.candidates] };
        }
        break;
      case 'participant':
        this.latest = { ...this.latest, caller: event.participant };
        if (event.participant.displayName !== this.caller.displayName) {
          this.caller = callerInfoOf(event.participant.identity, event.participant.displayName);
          this.emitter.emit('callerInfoChanged');
        }
        break;
      default:
        break;
    }
  }

  /** The exchange still rings it: what is known after events were missed. */
  catchUp(incoming: Incoming): void {
    this.latest = incoming;
  }

  /** It is over without an answer here. */
  end(reason: EndReason, isSilent = true): void {
    if (!this.isRinging) {
      return;
    }
    this.reason = reason;
    if (isSilent) {
      this.signals.close();
    }
    this.owner.over(this, reason);
    this.emitter.emit('callEnded', { callEndReason: callEndReason(reason) });
  }
}
