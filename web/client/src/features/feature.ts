/** What the features of a call have in common. */

import type { CallDoor } from '../call/peer-door.js';
import { Emitter, bindMethods, type Disposer, type Listener } from '../emitter.js';
import { CallingError, ErrorCodes } from '../errors.js';
import type { CallFeature, CallFeatureContext } from '../types/feature.js';
import type { Call } from '../types/call.js';

/** A feature: a name, listeners, and what ends with it. */
export abstract class Feature<Events extends object = Record<never, never>> implements CallFeature {
  abstract readonly name: string;
  protected readonly emitter = new Emitter<Events>();
  protected readonly ends: Disposer[] = [];

  constructor() {
    bindMethods(this);
  }

  on<Name extends keyof Events>(event: Name, listener: Listener<Events[Name]>): void {
    this.emitter.on(event, listener);
  }

  off<Name extends keyof Events>(event: Name, listener: Listener<Events[Name]>): void {
    this.emitter.off(event, listener);
  }

  dispose(): void {
    this.ends.splice(0).forEach((end) => end());
    this.emitter.clear();
  }
}

/** A feature of a call. */
export abstract class FeatureOfCall<Events extends object = Record<never, never>> extends Feature<Events> {
  protected readonly call: Call;
  protected readonly door: CallDoor;

  constructor(context: CallFeatureContext) {
    super();
    this.call = context.call as Call;
    this.door = context.door;
  }
}

/** The error of an operation that this service does not have. */
export function notSupported(what: string): CallingError {
  return new CallingError(ErrorCodes.notSupported, `${what} is not available on this service.`);
}

/** Runs something at intervals. Does not keep a Node process alive. */
export function every(milliseconds: number, run: () => void): Disposer {
  const timer = setInterval(run, milliseconds);
  (timer as { unref?: () => void }).unref?.();
  return () => clearInterval(timer);
}
