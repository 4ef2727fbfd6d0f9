/**
 * What a call decides, without a browser: its state, who wins when two offers meet, and how a page that was reloaded goes on.
 *
 * ```text
 *   None ─place─▶ Connecting ─▶ Ringing ─answered─▶ Connected ◀─▶ LocalHold / RemoteHold ─▶ Disconnecting ─▶ Disconnected
 *        └accept─▶ Connecting ─────────joined──────────▲
 * ```
 *
 * The media path is decided in `path.ts`.
 */

import type { CallState } from '../types/call.js';
import type { CallView, Description, EndReason, ParticipantState, WireCallState } from '../wire.js';

/** What can happen to a call. Inputs that make no sense in the call's state are ignored: repeated and late ones are normal. */
export type CallInput =
  /** The user places it, or answers it. */
  | { on: 'begun' }
  /** A device of the callee alerts. */
  | { on: 'ringing' }
  /** It was answered, here or there. */
  | { on: 'answered' }
  /** The user holds (B-CALL-5). */
  | { on: 'hold' }
  /** The user no longer holds. */
  | { on: 'resume' }
  /** The exchange says how the call is for this device. */
  | { on: 'told'; state: WireCallState }
  /** The other side changed. */
  | { on: 'remote'; state: ParticipantState }
  /** It is a group call, from the beginning or from now on: hold is everybody's own affair (B-CALL-5). */
  | { on: 'grouped' }
  /** It is one between two again: the move came to nothing. */
  | { on: 'adjourned' }
  /** The user leaves. */
  | { on: 'hangUp' }
  /** It is over. */
  | { on: 'ended'; reason: EndReason };

type Phase = 'none' | 'connecting' | 'ringing' | 'lobby' | 'talking' | 'ending' | 'over';

/** The state of one call as its user sees it. */
export class CallMachine {
  private phase: Phase = 'none';
  private holdsHere = false;
  private holdsThere = false;
  private isOfMany = false;
  private reason: EndReason | undefined;

  /** A call that this page did not see begin: it was reloaded. */
  static restored(view: CallView): CallMachine {
    const machine = new CallMachine();
    machine.handle({ on: 'begun' });
    machine.restore(view);
    return machine;
  }

  /** The call's state. A hold here wins over one there. */
  get state(): CallState {
    switch (this.phase) {
      case 'none':
        return 'None';
      case 'connecting':
        return 'Connecting';
      case 'ringing':
        return 'Ringing';
      case 'lobby':
        return 'InLobby';
      case 'talking':
        return this.holdsHere ? 'LocalHold' : this.holdsThere ? 'RemoteHold' : 'Connected';
      case 'ending':
        return 'Disconnecting';
      case 'over':
        return 'Disconnected';
    }
  }

  /** Whether media may flow: never while either side holds (B-CALL-5). */
  get isMediaAllowed(): boolean {
    return !this.holdsHere && !this.holdsThere && this.phase !== 'over' && this.phase !== 'ending';
  }

  /** Whether it was answered and goes on. */
  get isAnswered(): boolean {
    return this.phase === 'talking';
  }

  /** Whether this side holds. */
  get isHeldHere(): boolean {
    return this.holdsHere;
  }

  /** Whether more than two may be in it. */
  get isGroup(): boolean {
    return this.isOfMany;
  }

  /** Why it ended. */
  get endReason(): EndReason | undefined {
    return this.reason;
  }

  /** Takes one input. Gives whether the state, or the allowance of media, changed. */
  handle(input: CallInput): boolean {
    const before = [this.state, this.isMediaAllowed];
    this.take(input);
    return before[0] !== this.state || before[1] !== this.isMediaAllowed;
  }

  /**
   * Brings the call to where the exchange says it is, after events were missed. The exchange's word on a hold of this side counts
   * here, and only here: otherwise the user's last wish does.
   */
  restore(view: CallView): boolean {
    const before = this.state;
    if (view.isGroup) {
      this.take({ on: 'grouped' });
    }
    if (view.state === 'Ringing') {
      this.take({ on: 'ringing' });
    } else if (view.state === 'InLobby') {
      this.told(view.state);
    } else if (view.state !== 'Connecting' && view.state !== 'Disconnected') {
      this.take({ on: 'answered' });
      if (this.phase === 'talking') {
        this.holdsHere = view.state === 'LocalHold';
        const isHeldThere = view.state === 'RemoteHold' || view.participants.some((other) => other.state === 'Hold');
        this.holdsThere = isHeldThere && !this.isOfMany;
      }
    }
    return before !== this.state;
  }

  private take(input: CallInput): void {
    switch (input.on) {
      case 'begun':
        this.phase = this.phase === 'none' ? 'connecting' : this.phase;
        break;
      case 'ringing':
        this.phase = this.phase === 'connecting' ? 'ringing' : this.phase;
        break;
      case 'answered':
        this.phase = ['connecting', 'ringing', 'lobby'].includes(this.phase) ? 'talking' : this.phase;
        break;
      case 'hold':
      case 'resume':
        if (this.phase === 'talking') {
          this.holdsHere = input.on === 'hold';
        }
        break;
      case 'told':
        this.told(input.state);
        break;
      case 'remote':
        if (this.phase === 'talking') {
          this.holdsThere = input.state === 'Hold' && !this.isOfMany;
        }
        break;
      case 'grouped':
        this.isOfMany = true;
        this.holdsThere = false;
        break;
      case 'adjourned':
        this.isOfMany = false;
        break;
      case 'hangUp':
        this.phase = this.phase === 'over' ? 'over' : 'ending';
        break;
      case 'ended':
        if (this.phase !== 'over') {
          this.phase = 'over';
          this.reason = input.reason;
        }
        break;
    }
  }

  /**
   * `LocalHold` says nothing new: only this side can hold for this side, and an echo of an older wish must not undo a newer one. What the
   * media processor answers is connected when the exchange says so: nobody's description tells.
   */
  private told(state: WireCallState): void {
    if (state === 'InLobby') {
      this.phase = this.phase === 'connecting' ? 'lobby' : this.phase;
    } else if (state === 'Connected' || state === 'LocalHold' || state === 'RemoteHold') {
      this.take({ on: 'answered' });
      if (this.phase === 'talking' && state !== 'LocalHold' && !this.isOfMany) {
        this.holdsThere = state === 'RemoteHold';
      }
    }
  }
}

/** What is to be done with a description of the other side. */
export type Verdict =
  /** It is old, or lost against an offer of ours. */
  | 'ignore'
  /** Apply it to the peer connection in use. */
  | 'apply'
  /** Build a peer connection of the next epoch and offer it: two offers met. */
  | 'renew'
  /** Close the peer connection in use and build one of this epoch for it. */
  | 'rebuild';

/** What a verdict depends on. */
export interface NegotiationState {
  /** Epoch of the peer connection in use; -1 when there is none. */
  epoch: number;
  /** Its signalling state. */
  signalingState: RTCSignalingState;
  /** Whether it has had both descriptions before. */
  wasStable: boolean;
  /** The callee gives way when two offers meet; the caller does not. */
  isPolite: boolean;
}

/**
 * Perfect negotiation over epochs.
 *
 * 1. A higher epoch means that the other page built a peer connection anew: so do we. Only an offer can begin one.
 * 2. A lower epoch is late.
 * 3. An answer counts only while an offer of ours waits.
 * 4. When offers meet, the caller decides and the callee waits. Where media flowed before, the caller begins the next epoch: nobody rolls
 *    back, since a rolled-back Chromium (156) decodes what arrives afterwards and shows nothing of it. A first offer has nothing to lose: the
 *    caller's stays, and the callee throws its own away, with the transceivers that were made for it (RFC 8829 section 5.10).
 */
export function judge(description: Description, now: NegotiationState): Verdict {
  if (description.epoch < now.epoch) {
    return 'ignore';
  }
  if (description.kind === 'answer') {
    return description.epoch === now.epoch && now.signalingState === 'have-local-offer' ? 'apply' : 'ignore';
  }
  if (description.epoch > now.epoch) {
    return 'rebuild';
  }
  if (now.signalingState === 'stable') {
    return now.wasStable ? 'apply' : 'rebuild';
  }
  if (now.wasStable) {
    return now.isPolite ? 'ignore' : 'renew';
  }
  return now.isPolite ? 'rebuild' : 'ignore';
}

/** How a call that the exchange knows goes on after a reload of this page, or after events were missed. */
export type Continuation =
  /** Nothing is to be done: the peer connection in use is the newest. */
  | { do: 'keep' }
  /** It rings here: alert the user (again). */
  | { do: 'ring' }
  /** Describe a fresh peer connection. */
  | { do: 'offer'; epoch: number };

/**
 * Decides how to go on.
 *
 * - `epoch`: of the peer connection in use; `undefined` when this page has none.
 * - `hasAnswer`: whether it ever was stable.
 */
export function continuation(view: CallView, epoch: number | undefined, hasAnswer: boolean): Continuation {
  if (view.incoming) {
    return { do: 'ring' };
  }
  const isAnswered = view.state !== 'Ringing' && view.state !== 'Connecting';
  const isCurrent = epoch !== undefined && epoch >= view.epoch && (hasAnswer || !isAnswered);
  return isCurrent ? { do: 'keep' } : { do: 'offer', epoch: Math.max(view.epoch, epoch ?? 0) + 1 };
}

/** What taking over from one session to the next depends on. */
export interface TakeOverState {
  /** The next one has its path. */
  isConnected: boolean;
  /** What was heard and seen before arrives over the next one. */
  isComplete: boolean;
  /** The one before still has its path. */
  isOldFlowing: boolean;
  /** How long the next one has had its path, in milliseconds. */
  connectedMs: number;
}

/**
 * How long a connected session waits for everybody's media before it is taken all the same, in milliseconds.
 *
 * Others move at their own pace, and until they have, they are heard over the old one. Lower: slow ones fall silent for a moment; higher:
 * somebody who sends nothing at all holds everything up.
 */
const COMPLETE_PATIENCE_MS = 4_000;

/** Whether people should hear and see the next session from now on. */
export function isTakeOverDue({ isConnected, isComplete, isOldFlowing, connectedMs }: TakeOverState): boolean {
  return isConnected && (isComplete || !isOldFlowing || connectedMs >= COMPLETE_PATIENCE_MS);
}
