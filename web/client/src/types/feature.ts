/** What all features have in common. */

import type { Disposable } from './common.js';
import type { Call } from './call.js';
import type { TeamsCall } from './teams.js';
import type { CallDoor } from '../call/peer-door.js';

export interface BaseFeature extends Disposable {
  /** Name of the feature. */
  readonly name: string;
}

/** A feature of a call. */
export interface CallFeature extends BaseFeature {}

/** A feature of a call agent. */
export interface CallAgentFeature extends BaseFeature {}

/** What a feature of a call is given when it is made. */
export interface CallFeatureContext {
  /** The call. */
  readonly call: Call | TeamsCall;
  /** What the call lets its features do beyond its public face. */
  readonly door: CallDoor;
}

export type CallFeatureCtor<TFeature extends CallFeature> = new (context: CallFeatureContext) => TFeature;

export interface CallFeatureFactory<TFeature extends CallFeature> {
  callApiCtor: CallFeatureCtor<TFeature>;
}

/** Any factory of a call feature. */
export interface FeatureFactory<TFeature extends CallFeature> extends CallFeatureFactory<TFeature> {}
