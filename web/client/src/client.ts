/** The front door: makes agents, knows the devices. */

import { agentError, LiveAgent } from './agent.js';
import { Devices } from './devices/device-manager.js';
import { bindMethods } from './emitter.js';
import { CallingError, ErrorCodes } from './errors.js';
import { browser } from './surroundings.js';
import type { Surroundings } from './surroundings.js';
import { readToken, TokenSource } from './token.js';
import type { TokenCredential } from './token.js';
import type { CallAgent } from './types/agent.js';
import type { CallAgentOptions, CallClientFeature, CallClientFeatureFactory, CallClientOptions } from './types/client.js';
import type { DeviceManager } from './types/device.js';
import type { TeamsCallAgent } from './types/teams.js';

/** Makes call agents. One per page is enough. */
export class CallClient {
  private readonly options: CallClientOptions;
  private readonly surroundings: Surroundings;
  private readonly devices = new Devices();
  private readonly features = new Map<unknown, CallClientFeature>();
  /** Raw ids of users whose agent lives, or is being made. */
  private readonly users = new Set<string>();
  private readonly agents = new Set<LiveAgent>();

  /** - `surroundings`: the world, for tests. */
  constructor(options?: CallClientOptions, surroundings: Surroundings = browser) {
    this.options = options ?? {};
    this.surroundings = surroundings;
    bindMethods(this);
  }

  /**
   * Connects a user to its exchange, which the token names.
   *
   * - `credential`: gives user access tokens with the scope `voip` or `voip.join`; it is asked again before a token is over.
   *
   * Rejects with a `CallingError`: 409/40228 while another agent of the user lives in this client, 408/40104 when the exchange is not
   * reached in time, 412/40115 when the token names no exchange, 500/40216 when it is refused.
   */
  async createCallAgent(credential: TokenCredential, options?: CallAgentOptions): Promise<CallAgent> {
    if (typeof credential?.getToken !== 'function') {
      throw new CallingError(ErrorCodes.badArgument, 'createCallAgent takes a credential, an object with getToken().');
    }
    const tokens = new TokenSource(credential);
    let rawId: string | undefined;
    try {
      rawId = readToken(await tokens.get()).rawId;
      return await this.open(rawId, tokens, options);
    } catch (error) {
      throw agentError(error);
    }
  }

  /** Not supported: Teams identities belong to another service. */
  async createTeamsCallAgent(_credential: TokenCredential, _options?: object): Promise<TeamsCallAgent> {
    throw new CallingError(ErrorCodes.notSupported, 'Teams identities are not supported by this exchange.');
  }

  /** The devices of this browser. The same object each time. */
  async getDeviceManager(): Promise<DeviceManager> {
    return this.devices;
  }

  /** A feature of the client. The same object for the same factory. */
  feature<TFeature extends CallClientFeature>(factory: CallClientFeatureFactory<TFeature>): TFeature {
    const known = this.features.get(factory);
    if (known) {
      return known as TFeature;
    }
    if (typeof factory?.callClientApiCtor !== 'function') {
      throw new CallingError(ErrorCodes.badArgument, 'That is no feature of call clients.');
    }
    const made = new factory.callClientApiCtor({ callClient: this });
    this.features.set(factory, made);
    return made;
  }

  /** Ends all agents with their calls, and lets go of the devices. */
  async dispose(): Promise<void> {
    await Promise.all([...this.agents].map((agent) => agent.dispose()));
    this.features.forEach((feature) => feature.dispose());
    this.features.clear();
    this.devices.dispose();
  }

  private async open(rawId: string, tokens: TokenSource, options: CallAgentOptions | undefined): Promise<LiveAgent> {
    if (this.users.has(rawId)) {
      throw new CallingError(ErrorCodes.agentExists, 'A call agent of this user exists already; dispose it first.');
    }
    this.users.add(rawId);
    const relays = this.options.networkConfiguration?.turn?.iceServers;
    try {
      const agent: LiveAgent = await LiveAgent.open({
        surroundings: this.surroundings,
        tokens,
        devices: this.devices,
        ...(options?.displayName === undefined ? {} : { displayName: options.displayName }),
        ...(this.options.endpoint === undefined ? {} : { endpoint: this.options.endpoint }),
        ...(relays === undefined ? {} : { relays }),
        onDispose: () => {
          this.users.delete(rawId);
          this.agents.forEach((one) => one.rawId === rawId && this.agents.delete(one));
        },
      });
      this.agents.add(agent);
      return agent;
    } catch (error) {
      this.users.delete(rawId);
      throw error;
    }
  }
}
