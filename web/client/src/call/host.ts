/** What a call needs of its agent. */

import type { Devices } from '../devices/device-manager.js';
import type { Surroundings } from '../surroundings.js';
import type { CallJoined, CallStarted, Event, IceConfiguration, JoinCall, SendSignals, StartCall } from '../wire.js';
import type { LiveCall } from './call.js';
import type { CallEngine } from './engine.js';
import type { LocalStream } from './local-media.js';
import type { RelayMemory } from './relay-memory.js';

/** The agent, as its calls see it. */
export interface CallHost {
  readonly surroundings: Surroundings;
  /** Raw id of the agent's user. */
  readonly rawId: string;
  readonly displayName: string | undefined;
  readonly endpointId: string;
  readonly devices: Devices;
  readonly relayMemory: RelayMemory;
  /** Whether the event connection is up. */
  readonly isSignalling: boolean;
  /** ICE servers as they are now. */
  ice(): IceConfiguration;
  place(request: StartCall): Promise<CallStarted>;
  enter(request: JoinCall): Promise<CallJoined>;
  /** The exchange named the call that was joined: what was told of it meanwhile may follow. */
  named(call: CallEngine): void;
  post(callId: string, request: SendSignals): Promise<unknown>;
  /** Puts every other call on hold: one call at a time has media (B-CALL-4). */
  holdOthers(call: CallEngine): void;
  /** Whether another call sends this stream. */
  isUsedElsewhere(stream: LocalStream, call: CallEngine): boolean;
  /** The exchange asks this call's user to call somebody else. Gives the call that was placed. */
  transfer(call: CallEngine, event: Event & { type: 'transferRequested' }): LiveCall;
  /** The call is over. */
  ended(call: CallEngine): void;
}
