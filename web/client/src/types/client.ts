/** The front door: what a client is made with. */

import type { Disposable } from './common.js';
import type { AzureLogger } from './identifier.js';
import type { BaseFeature } from './feature.js';

export interface DiagnosticOptions {
  appName?: string;
  appVersion?: string;
  tags?: string[];
}

export interface ProxyConfiguration {
  url: string;
}

export interface IceServer {
  urls: string[];
  username?: string;
  credential?: string;
}

/** Relays to use instead of those of the exchange. */
export interface TurnConfiguration {
  iceServers: IceServer[];
}

export interface NetworkConfiguration {
  proxy?: ProxyConfiguration;
  turn?: TurnConfiguration;
}

export interface CallClientOptions {
  logger?: AzureLogger;
  diagnostics?: DiagnosticOptions;
  networkConfiguration?: NetworkConfiguration;
  /** HTTPS address of the exchange. Absent: taken from the token's issuer. (Our own addition.) */
  endpoint?: string;
}

export interface EmergencyCallOptions {
  countryCode?: string;
}

export interface CallAgentOptions {
  displayName?: string;
  emergencyCallOptions?: EmergencyCallOptions;
}

/** What a feature of the client is given when it is made. */
export interface CallClientFeatureContext {
  /** The client, for what only it knows. */
  readonly callClient: unknown;
}

export interface CallClientFeature extends BaseFeature {}

export type CallClientFeatureCtor<TFeature extends CallClientFeature> = new (context: CallClientFeatureContext) => TFeature;

export interface CallClientFeatureFactory<TFeature extends CallClientFeature> {
  callClientApiCtor: CallClientFeatureCtor<TFeature>;
}

export type Environment = {
  platform: string;
  browser: string;
  browserVersion: string;
};

export type EnvironmentInfo = {
  environment: Environment;
  isSupportedPlatform: boolean;
  isSupportedBrowser: boolean;
  isSupportedBrowserVersion: boolean;
  isSupportedEnvironment: boolean;
};

/** What the browser is, and whether another tab uses calling too. */
export interface DebugInfoCallClientFeature extends CallClientFeature, Disposable {
  readonly isCallClientActiveInAnotherTab: boolean;
  getEnvironmentInfo(): Promise<EnvironmentInfo>;
  on(event: 'isCallClientActiveInAnotherTabChanged', listener: () => void): void;
  off(event: 'isCallClientActiveInAnotherTabChanged', listener: () => void): void;
}
