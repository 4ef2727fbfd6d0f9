/** A user who can call and be called: one event connection, its calls, and the calls that ring. */

import { LiveCall } from './call/call.js';
import { ANSWERED_ELSEWHERE, NETWORK_LOST } from './call/end-reason.js';
import { callerInfoOf } from './call/engine.js';
import type { CallEngine, Joining } from './call/engine.js';
import type { CallHost } from './call/host.js';
import type { LocalStream } from './call/local-media.js';
import { RelayMemory } from './call/relay-memory.js';
import { RingingCall } from './call/ringing-call.js';
import { EventConnection } from './connection/events.js';
import type { Trouble } from './connection/events.js';
import { Rest } from './connection/rest.js';
import type { Devices } from './devices/device-manager.js';
import { bindMethods, Emitter } from './emitter.js';
import type { Disposer } from './emitter.js';
import { holdEndpoint } from './endpoint-id.js';
import type { HeldEndpoint } from './endpoint-id.js';
import { CallingError, ErrorCodes } from './errors.js';
import { rawIdOf } from './identity.js';
import type { Surroundings } from './surroundings.js';
import { readToken, TokenProblem } from './token.js';
import type { TokenSource } from './token.js';
import type {
  CallAgent,
  ConnectionState,
  ConnectionStateChangedReason,
  GroupCallLocator,
  JoinCallOptions,
  StartCallOptions,
} from './types/agent.js';
import type { AcceptCallOptions, Call, IncomingCall } from './types/call.js';
import { CallAgentKind } from './types/enums.js';
import type { CommunicationIdentifier } from './types/identifier.js';
import type {
  CallJoined,
  CallStarted,
  CallView,
  EndReason,
  Event,
  IceConfiguration,
  IceServer,
  Incoming,
  JoinCall,
  SendSignals,
  StartCall,
  Welcome,
} from './wire.js';

/** How long `createCallAgent` waits for its first connection, in milliseconds. */
const OPEN_MS = 20_000;

/** At most this many events wait for the id of a call that is being joined. They are told within one request's time. */
const MAX_ORPHANS = 256;

/** What a group is named by: a GUID (B-CALL-7). */
const GROUP_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** How long `dispose` waits for the exchange, in milliseconds. */
const DISPOSE_MS = 2_000;

interface AgentEvents {
  incomingCall: { incomingCall: IncomingCall };
  callsUpdated: { added: Call[]; removed: Call[] };
  connectionStateChanged: { oldValue: ConnectionState; newValue: ConnectionState; reason?: ConnectionStateChangedReason };
  handleIncomingCall: { callId: string; participantId: string; code: number; subCode?: number };
}

/** What an agent is made of. */
export interface AgentOptions {
  surroundings: Surroundings;
  tokens: TokenSource;
  devices: Devices;
  displayName?: string;
  /** Address of the exchange, when the app says it. */
  endpoint?: string;
  /** Relays in place of the exchange's. */
  relays?: IceServer[];
  /** The agent was disposed. */
  onDispose(): void;
}

/** A user who can call and be called. */
export class LiveAgent implements CallAgent, CallHost {
  readonly kind = CallAgentKind.CallAgent;
  readonly displayName: string | undefined;
  readonly surroundings: Surroundings;
  readonly devices: Devices;
  readonly relayMemory: RelayMemory;

  private readonly emitter = new Emitter<AgentEvents>();
  private readonly events: EventConnection;
  private readonly rings = new Map<string, RingingCall>();
  /** Rings that nobody listened for yet. */
  private unheard: RingingCall[] = [];
  private live: LiveCall[] = [];
  /** Calls found again after a reload that nobody was told of yet: the app listens only once it has the agent. */
  private unseen: LiveCall[] = [];
  /** Requests to join that are out, and events of calls that may be theirs. */
  private entering = 0;
  private orphans: Event[] = [];
  private state: ConnectionState = 'Disconnected';
  private servers: IceConfiguration = { stun: [], turn: [], expiresAt: 0 };
  private isDisposed = false;
  private readonly ends: Disposer[] = [];

  /** Connects. Rejects with a `CallingError`: 408/40104 when it takes too long, 412/40115 and 500/40216 when the token is of no use. */
  static async open(options: AgentOptions): Promise<LiveAgent> {
    const claims = readToken(options.tokens.last ?? (await options.tokens.get()));
    const endpoint = options.endpoint?.replace(/\/+$/, '') ?? claims.endpoint;
    const held = await holdEndpoint(claims.rawId, options.surroundings);
    const rest = new Rest(endpoint, options.tokens, options.surroundings);
    const agent = new LiveAgent(options, claims.rawId, held, endpoint, rest);
    try {
      await agent.connect();
      return agent;
    } catch (error) {
      agent.end();
      throw error;
    }
  }

  private constructor(
    private readonly options: AgentOptions,
    readonly rawId: string,
    private readonly held: HeldEndpoint,
    endpoint: string,
    private readonly rest: Rest,
  ) {
    this.surroundings = options.surroundings;
    this.devices = options.devices;
    this.displayName = options.displayName;
    this.relayMemory = new RelayMemory(options.surroundings);
    this.events = new EventConnection({
      endpoint,
      endpointId: held.id,
      tokens: options.tokens,
      rest,
      surroundings: options.surroundings,
      ...(options.displayName === undefined ? {} : { displayName: options.displayName }),
    });
    this.events.on('welcome', (welcome) => this.welcomed(welcome));
    this.events.on('event', (event) => this.told(event));
    this.events.on('ice', (ice) => (this.servers = ice));
    this.events.on('status', ({ isUp, trouble }) => this.statusChanged(isUp, trouble));
    this.ends.push(
      this.surroundings.onPageHide(() => this.leave()),
      this.surroundings.onNetwork((news) => {
        if (news === 'changed') {
          this.relayMemory.forget();
        }
        this.live.forEach((call) => call.network(news));
      }),
    );
    bindMethods(this);
  }

  get connectionState(): ConnectionState {
    return this.state;
  }

  get calls(): ReadonlyArray<Call> {
    return this.live;
  }

  get endpointId(): string {
    return this.held.id;
  }

  get isSignalling(): boolean {
    return this.events.isUp;
  }

  startCall(participants: CommunicationIdentifier[], options?: StartCallOptions): Call {
    this.assertLiving();
    if (!Array.isArray(participants) || participants.length === 0) {
      throw new CallingError(ErrorCodes.badArgument, 'startCall takes a list of at least one identifier.');
    }
    const targets = participants.map((participant) => rawIdOf(participant));
    const number = options?.alternateCallerId?.phoneNumber;
    const call = this.newCall(this.surroundings.guid(), 'Outgoing');
    call.place({
      targets,
      ...(options ? { options } : {}),
      ...(options?.customContext ? { customContext: options.customContext } : {}),
      ...(number ? { alternateCallerId: number } : {}),
    });
    return call;
  }

  /**
   * Joins the call of a group, which the first to come begins. Gives the call at once: the one that is there when this page is in it
   * already, as after a reload.
   *
   * Rooms and meetings are not known to this version: such a call ends at once with 400/49001.
   */
  join(locator: object, options?: JoinCallOptions): Call {
    this.assertLiving();
    if (typeof locator !== 'object' || locator === null) {
      throw new CallingError(ErrorCodes.badArgument, 'join takes a locator, for example { groupId }.');
    }
    const { groupId } = locator as Partial<GroupCallLocator>;
    if (groupId === undefined) {
      const call = this.newCall(this.surroundings.guid(), 'Outgoing');
      call.refuse();
      return call;
    }
    if (typeof groupId !== 'string' || !GROUP_ID.test(groupId)) {
      throw new CallingError(ErrorCodes.badArgument, 'A groupId is a GUID.');
    }
    const joining: Joining = {
      locator: { kind: 'group', groupId },
      ...(options ? { options } : {}),
      ...(options?.receive ? { receive: options.receive } : {}),
    };
    const known = this.live.find((call) => call.info.groupId?.toLowerCase() === groupId.toLowerCase());
    if (known) {
      known.rejoin(joining);
      return known;
    }
    const call = this.newCall(this.surroundings.guid(), 'Outgoing');
    call.join(joining);
    return call;
  }

  async dispose(): Promise<void> {
    if (this.isDisposed) {
      return;
    }
    const farewell = Promise.all(this.live.map((call) => call.hangUp()))
      .then(() => this.rest.request('DELETE', `/client/endpoints/${this.endpointId}`))
      .catch(() => {}); // not reached: it notices by itself
    await Promise.race([farewell, new Promise<void>((resolve) => this.surroundings.after(DISPOSE_MS, resolve))]);
    this.end();
  }

  on<Name extends keyof AgentEvents>(event: Name, listener: (payload: AgentEvents[Name]) => void): void {
    this.emitter.on(event, listener);
    if (event === 'incomingCall' && this.unheard.length > 0) {
      queueMicrotask(() => this.unheard.splice(0).forEach((ring) => this.announce(ring)));
    }
    if (event === 'callsUpdated' && this.unseen.length > 0) {
      queueMicrotask(() => this.emitter.emit('callsUpdated', { added: this.unseen.splice(0), removed: [] }));
    }
  }

  off<Name extends keyof AgentEvents>(event: Name, listener: (payload: AgentEvents[Name]) => void): void {
    this.emitter.off(event, listener);
  }

  // ── What calls need ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  ice(): IceConfiguration {
    return this.options.relays ? { ...this.servers, turn: this.options.relays } : this.servers;
  }

  async place(request: StartCall): Promise<CallStarted> {
    const started = await this.rest.request<CallStarted>('POST', '/client/calls', request);
    this.servers = started.ice ?? this.servers;
    return started;
  }

  async enter(request: JoinCall): Promise<CallJoined> {
    this.entering += 1;
    try {
      const joined = await this.rest.request<CallJoined>('POST', '/client/calls/:join', request);
      this.servers = joined.ice ?? this.servers;
      return joined;
    } finally {
      this.entering -= 1;
    }
  }

  named(call: CallEngine): void {
    const own = this.orphans.filter((event) => event.callId === call.id);
    this.orphans = this.orphans.filter((event) => !own.includes(event));
    own.forEach((event) => call.told(event));
  }

  /** What somebody wished in the moment of a reload shall count: small signals go on when the page is left. */
  post(callId: string, request: SendSignals): Promise<unknown> {
    const isSmall = !request.signals.some(({ type }) => type === 'describe' || type === 'accept' || type === 'media' || type === 'candidates');
    return this.rest.request('POST', `/client/calls/${callId}/:signal`, request, isSmall ? { keepalive: true } : {});
  }

  holdOthers(call: CallEngine): void {
    for (const other of this.live) {
      if (other !== call && other.isActive && !this.replacements.has(call)) {
        other.hold().catch(() => {}); // it ended meanwhile
      }
    }
  }

  isUsedElsewhere(stream: LocalStream, call: CallEngine): boolean {
    return this.live.some((other) => other !== call && other.uses(stream));
  }

  transfer(from: CallEngine, event: Event & { type: 'transferRequested' }): LiveCall {
    const call = this.newCall(this.surroundings.guid(), 'Outgoing', event.transferor);
    this.replacements.add(call);
    call.place({
      targets: event.target.identity === undefined ? [] : [event.target.identity],
      options: from.mediaOptions(),
      transferOf: { callId: event.callId, transfer: event.transfer },
    });
    return call;
  }

  ended(call: CallEngine): void {
    const removed = this.live.filter((other) => other === call);
    this.live = this.live.filter((other) => other !== call);
    this.unseen = this.unseen.filter((other) => other !== call);
    this.emitter.emit('callsUpdated', { added: [], removed });
  }

  // ── The connection ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Calls that take another one's place by a transfer: that one is not put on hold, it ends or goes on. */
  private readonly replacements = new WeakSet<CallEngine>();

  private connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop: Disposer[] = [
        this.surroundings.after(OPEN_MS, () => {
          settle(() => reject(new CallingError(ErrorCodes.agentTimedOut, 'The exchange was not reached in time.')));
        }),
        this.events.subscribe('status', ({ isUp, trouble }) => {
          if (isUp) {
            settle(resolve);
          } else if (trouble === 'invalidToken') {
            settle(() => reject(new CallingError(ErrorCodes.agentFailed, 'The exchange does not take the access token.')));
          }
        }),
      ];
      const settle = (how: () => void): void => {
        stop.splice(0).forEach((end) => end());
        how();
      };
      this.events.open();
    });
  }

  private statusChanged(isUp: boolean, trouble: Trouble | undefined): void {
    const before = this.state;
    this.state = isUp ? 'Connected' : 'Disconnected';
    if (before !== this.state) {
      this.live.forEach((call) => call.signalling(isUp));
    }
    if (before !== this.state || trouble === 'invalidToken') {
      this.emitter.emit('connectionStateChanged', {
        oldValue: before,
        newValue: this.state,
        ...(trouble ? { reason: trouble } : {}),
      });
    }
  }

  private welcomed(welcome: Welcome): void {
    this.servers = welcome.ice;
    if (!welcome.reset) {
      return; // the missed events follow
    }
    for (const view of welcome.calls) {
      const call = this.live.find((one) => one.id === view.callId);
      if (call) {
        call.catchUp(view);
      } else {
        this.adopt(view);
      }
    }
    const isListed = (id: string): boolean => welcome.calls.some((view) => view.callId === id);
    this.live.filter((call) => call.isPlaced && !isListed(call.id)).forEach((call) => call.finish(NETWORK_LOST));
    [...this.rings.values()].filter((ring) => !isListed(ring.id)).forEach((ring) => ring.end({ code: 487, subCode: 0 }));
  }

  /** The exchange knows a call that this page does not: the page was reloaded. */
  private adopt(view: CallView): void {
    if (view.incoming) {
      const ring = this.rings.get(view.callId);
      if (ring) {
        ring.catchUp(view.incoming);
      } else {
        this.ring(view.incoming);
      }
    } else if (view.state !== 'Disconnected') {
      const other = view.participants[0];
      const isCaller = view.direction === 'Outgoing';
      const caller = isCaller || !other ? callerInfoOf(this.rawId, this.displayName) : callerInfoOf(other.identity, other.displayName);
      const call = new LiveCall(this, view.callId, view.direction, caller);
      this.live = [...this.live, call];
      if (this.emitter.count('callsUpdated') > 0) {
        this.show(call);
      } else {
        this.unseen.push(call);
      }
      void call.restore(view);
    }
  }

  private told(event: Event): void {
    if (event.type === 'incomingCall') {
      const isKnown = this.rings.has(event.callId) || this.live.some((call) => call.id === event.callId);
      if (!isKnown) {
        this.ring(event);
      }
      return;
    }
    const call = this.live.find((one) => one.id === event.callId);
    const ring = this.rings.get(event.callId);
    call?.told(event);
    ring?.told(event);
    if (!call && !ring) {
      // The events of a call that was joined may overtake the answer that names it.
      this.orphans = this.entering > 0 ? [...this.orphans, event].slice(-MAX_ORPHANS) : [];
    }
  }

  // ── Calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  private newCall(id: string, direction: 'Incoming' | 'Outgoing', transferor?: string): LiveCall {
    const call = new LiveCall(this, id, direction, callerInfoOf(this.rawId, this.displayName), transferor);
    this.add(call);
    return call;
  }

  /** Apps learn of a call after they got it from the method that made it. */
  private add(call: LiveCall): void {
    this.live = [...this.live, call];
    queueMicrotask(() => this.show(call));
  }

  private show(call: LiveCall): void {
    this.emitter.emit('callsUpdated', { added: [call], removed: [] });
  }

  private ring(incoming: Incoming): void {
    this.servers = incoming.ice ?? this.servers;
    const ring = new RingingCall(this, incoming, {
      accept: (accepted, options) => this.answer(accepted, options),
      over: (over, reason) => this.ringOver(over, reason),
    });
    this.rings.set(ring.id, ring);
    const replaced = incoming.replaces && this.live.find((call) => call.id === incoming.replaces);
    if (replaced) {
      void ring.accept(replaced.mediaOptions());
      return;
    }
    ring.alerted();
    if (this.emitter.count('incomingCall') > 0) {
      this.announce(ring);
    } else {
      this.unheard.push(ring);
    }
  }

  private announce(ring: RingingCall): void {
    if (ring.isRinging) {
      this.emitter.emit('incomingCall', { incomingCall: ring });
    }
  }

  private answer(ring: RingingCall, options: AcceptCallOptions | undefined): Call {
    this.assertLiving();
    this.rings.delete(ring.id);
    const { incoming } = ring;
    const call = new LiveCall(this, incoming.callId, 'Incoming', ring.callerInfo, incoming.transferor);
    if (incoming.replaces !== undefined) {
      this.replacements.add(call);
    }
    this.add(call);
    void call.answer(incoming, options);
    return call;
  }

  private ringOver(ring: RingingCall, reason: EndReason): void {
    this.rings.delete(ring.id);
    this.unheard = this.unheard.filter((one) => one !== ring);
    const isHandled = reason.subCode === ANSWERED_ELSEWHERE.subCode || reason.code === 487;
    if (isHandled) {
      const participantId = ring.incoming.participantId;
      this.emitter.emit('handleIncomingCall', { callId: ring.id, participantId, ...reason });
    }
  }

  /** The page closes or reloads: the exchange gives it a minute to come back. */
  private leave(): void {
    void this.rest
      .request('POST', `/client/endpoints/${this.endpointId}/:leaving`, {}, { keepalive: true })
      .catch(() => {}); // the page is gone
  }

  private end(): void {
    this.isDisposed = true;
    this.ends.splice(0).forEach((end) => end());
    this.events.close();
    this.live.forEach((call) => call.finish({ code: 0, subCode: 0 }));
    this.held.release();
    this.state = 'Disconnected';
    this.options.onDispose();
  }

  private assertLiving(): void {
    if (this.isDisposed) {
      throw new CallingError(ErrorCodes.disposed, 'The call agent was disposed.');
    }
  }
}

/** What an app is told when an agent cannot be made. */
export function agentError(error: unknown): CallingError {
  if (error instanceof CallingError) {
    return error;
  }
  const message = error instanceof TokenProblem ? error.message : 'The call agent could not be created.';
  return new CallingError(ErrorCodes.agentFailed, message, { cause: error });
}
