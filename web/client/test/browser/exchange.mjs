/**
 * A small exchange for the browser tests: one node, no store, one-to-one calls, as far as the client can tell from a real one.
 *
 * It keeps what it was sent (`log`), and can be told to misbehave (`isDown`, `hasWebSocket`).
 */

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const NOBODY = { muted: false, video: false, screen: false };

export class Exchange {
  isDown = false;
  hasWebSocket = true;
  log = [];
  calls = new Map();
  /** Events of each endpoint. */
  streams = new Map();
  sockets = new Map();
  endpoints = new Map();
  seq = 0;
  ice = { stun: [], turn: [], expiresAt: Date.now() + 3_600_000 };

  constructor(script) {
    this.script = script;
  }

  async listen() {
    this.server = createServer((request, response) => void this.serve(request, response));
    const sockets = new WebSocketServer({ noServer: true });
    this.server.on('upgrade', (request, socket, head) => {
      if (this.isDown || !this.hasWebSocket) {
        socket.destroy();
        return;
      }
      sockets.handleUpgrade(request, socket, head, (ws) => this.connected(ws));
    });
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://localhost:${this.server.address().port}`;
  }

  close() {
    this.sockets.forEach((ws) => ws.terminate());
    this.server.closeAllConnections();
    this.server.close();
  }

  /** Cuts every event connection. */
  cut() {
    this.sockets.forEach((ws) => ws.terminate());
    this.sockets.clear();
  }

  token(user, seconds = 3600) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = { skypeid: user, iss: this.url, exp: Math.floor(Date.now() / 1000) + seconds, scp: 1792 };
    return `${part({ alg: 'none' })}.${part(claims)}.x`;
  }

  signals(type) {
    return this.log.filter((entry) => entry.type === type);
  }

  connected(ws) {
    ws.once('message', (data) => {
      const hello = JSON.parse(data);
      const endpoint = this.register(hello.token, hello.endpointId, hello.displayName);
      this.sockets.set(endpoint.id, ws);
      ws.send(JSON.stringify({ type: 'welcome', ...this.welcome(endpoint, hello.after) }));
      for (const frame of this.after(endpoint.id, hello.after)) ws.send(JSON.stringify(frame));
      const ping = setInterval(() => ws.send(JSON.stringify({ type: 'ping' })), 5000);
      ws.on('message', (more) => JSON.parse(more).type === 'token' && ws.send(JSON.stringify({ type: 'tokenTaken' })));
      ws.on('close', () => clearInterval(ping));
    });
  }

  register(token, id, displayName) {
    const identity = `8:${JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).skypeid}`;
    const endpoint = { id, identity, displayName };
    this.endpoints.set(id, endpoint);
    return endpoint;
  }

  welcome({ id, identity }, after) {
    const isReset = after === undefined;
    const calls = isReset ? [...this.calls.values()].filter((call) => call.legs.some((leg) => leg.id === id)).map((call) => this.view(call, id)) : [];
    return { identity, seq: after ?? this.seq, reset: isReset, calls, ice: this.ice, serverTime: Date.now() };
  }

  view(call, id) {
    const leg = call.legs.find((one) => one.id === id);
    const state = !call.isAnswered ? 'Ringing' : leg.holds ? 'LocalHold' : call.legs.some((one) => one.holds) ? 'RemoteHold' : 'Connected';
    return {
      callId: call.id,
      participantId: leg.place,
      direction: leg.isCaller ? 'Outgoing' : 'Incoming',
      state,
      epoch: call.epoch,
      sending: leg.sending,
      participants: call.legs.filter((one) => one !== leg).map((one) => this.participant(call, one)),
      ...(call.isAnswered || leg.isCaller ? {} : { incoming: this.incoming(call, leg) }),
    };
  }

  participant(call, leg) {
    const state = !call.isAnswered ? 'Ringing' : leg.holds ? 'Hold' : 'Connected';
    const displayName = this.endpoints.get(leg.id)?.displayName;
    return { identity: leg.identity, participantId: leg.place, state, sending: leg.sending, ...(displayName ? { displayName } : {}) };
  }

  incoming(call, leg) {
    const caller = this.participant(call, call.legs[0]);
    return { callId: call.id, participantId: leg.place, caller, offer: call.offer, candidates: call.candidates, ice: this.ice, ...call.origin };
  }

  after(id, after = this.seq) {
    return (this.streams.get(id) ?? []).filter((frame) => frame.seq > after);
  }

  tell(id, event) {
    const frame = { type: 'event', seq: ++this.seq, at: Date.now(), event };
    this.streams.set(id, [...(this.streams.get(id) ?? []), frame]);
    this.sockets.get(id)?.send(JSON.stringify(frame));
  }

  async serve(request, response) {
    if (this.isDown) {
      request.destroy();
      return;
    }
    const url = new URL(request.url, this.url);
    if (url.pathname === '/' || url.pathname === '/sdk/calling.js') {
      const isScript = url.pathname !== '/';
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      response.end(isScript ? this.script : '<!doctype html><title>test</title><body></body>');
      return;
    }
    if (url.pathname === '/favicon.ico') {
      response.end();
      return;
    }
    let text = '';
    for await (const chunk of request) text += chunk;
    const answer = await this.ask(request, url, text === '' ? undefined : JSON.parse(text));
    response.statusCode = answer === undefined ? 204 : (answer.status ?? 200);
    response.setHeader('content-type', 'application/json');
    response.end(answer === undefined ? '' : JSON.stringify(answer.body));
  }

  async ask(request, url, body) {
    const [, , noun, id, verb] = url.pathname.split('/');
    const token = request.headers.authorization?.replace('Bearer ', '');
    if (noun === 'endpoints' && request.method === 'PUT') {
      const endpoint = this.register(token, id, body.displayName);
      return { body: this.welcome(endpoint, body.after) };
    }
    if (noun === 'endpoints') {
      this.log.push({ type: verb === ':leaving' ? 'leaving' : 'gone', from: id });
      return undefined;
    }
    if (noun === 'events') {
      return this.poll(url.searchParams);
    }
    if (noun === 'calls' && !id) {
      return this.start(body);
    }
    const call = this.calls.get(id);
    if (!call) {
      return { status: 404, body: { error: { code: 'CallNotFound', message: 'There is no such call.' } } };
    }
    const isFresh = !call.requests.has(body.requestId);
    call.requests.add(body.requestId);
    if (isFresh) body.signals.forEach((signal) => this.take(call, body.endpointId, signal));
    return { body: { fresh: isFresh } };
  }

  async poll(query) {
    const [id, after] = [query.get('endpointId'), Number(query.get('after'))];
    const until = Date.now() + Number(query.get('wait')) * 1000;
    while (this.after(id, after).length === 0 && Date.now() < until && !this.isDown) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const frames = this.after(id, after);
    return { body: { frames, seq: frames.at(-1)?.seq ?? after } };
  }

  start(body) {
    const caller = this.endpoints.get(body.endpointId);
    const callees = [...this.endpoints.values()].filter((one) => body.targets.includes(one.identity));
    const leg = (endpoint, isCaller, sending) => ({ ...endpoint, place: randomUUID(), isCaller, sending, holds: false });
    const call = {
      id: body.callId,
      epoch: body.offer.epoch,
      offer: body.offer,
      candidates: [],
      requests: new Set(),
      isAnswered: false,
      legs: [leg(caller, true, body.sending), ...callees.map((one) => leg(one, false, NOBODY))],
      origin: {},
    };
    if (!this.calls.has(call.id)) {
      this.calls.set(call.id, call);
      const from = body.transferOf && this.calls.get(body.transferOf.callId);
      if (from) {
        call.transferOf = body.transferOf;
        const replaces = from.replaces;
        call.origin = { transferor: from.transferor, ...(replaces ? { replaces } : {}) };
      }
      call.legs.slice(1).forEach((one) => this.tell(one.id, { type: 'incomingCall', ...this.incoming(call, one) }));
      if (callees.length === 0) this.end(call, () => ({ code: 480, subCode: 10037 }));
    }
    return { status: 201, body: { callId: call.id, participantId: call.legs[0].place, ice: this.ice } };
  }

  end(call, reasonFor) {
    this.calls.delete(call.id);
    call.legs.forEach((leg) => this.tell(leg.id, { type: 'ended', callId: call.id, reason: reasonFor(leg) }));
  }

  take(call, from, signal) {
    this.log.push({ ...signal, from, callId: call.id });
    const leg = call.legs.find((one) => one.id === from);
    const others = call.legs.filter((one) => one.id !== from);
    const tellOthers = (event) => others.forEach((one) => this.tell(one.id, { callId: call.id, ...event }));
    switch (signal.type) {
      case 'ringing':
        tellOthers({ type: 'ringing' });
        break;
      case 'accept':
        call.isAnswered = true;
        leg.sending = signal.sending;
        others.filter((one) => !one.isCaller).forEach((one) => this.tell(one.id, { type: 'ended', callId: call.id, reason: { code: 487, subCode: 10003 } }));
        call.legs = call.legs.filter((one) => one.isCaller || one === leg);
        this.tell(from, { type: 'joined', callId: call.id });
        this.tell(from, { type: 'participant', callId: call.id, participant: this.participant(call, call.legs[0]) });
        this.tell(call.legs[0].id, { type: 'accepted', callId: call.id, callee: this.participant(call, leg), answer: signal.answer });
        this.transferred(call);
        break;
      case 'decline':
        this.end(call, () => ({ code: 603, subCode: 0 }));
        break;
      case 'hangUp':
        this.end(call, (one) => (one !== leg && !call.isAnswered ? { code: 487, subCode: 0 } : { code: 0, subCode: 0 }));
        break;
      case 'describe':
        if (signal.description.epoch < call.epoch) break;
        if (!call.isAnswered) [call.offer, call.candidates] = [signal.description, []];
        call.epoch = signal.description.epoch;
        tellOthers({ type: 'description', from: leg.place, description: signal.description });
        break;
      case 'candidates':
        if (!call.isAnswered) call.candidates.push(signal.candidates);
        tellOthers({ type: 'candidates', from: leg.place, candidates: signal.candidates });
        break;
      case 'sending':
        leg.sending = signal.sending;
        tellOthers({ type: 'participant', participant: this.participant(call, leg) });
        break;
      case 'hold':
      case 'resume':
        leg.holds = signal.type === 'hold';
        tellOthers({ type: 'participant', participant: this.participant(call, leg) });
        call.legs.forEach((one) => this.tell(one.id, { type: 'state', callId: call.id, state: this.view(call, one.id).state }));
        break;
      case 'transfer':
        this.transfer(call, leg, others[0], signal.target);
        break;
    }
  }

  transfer(call, transferor, transferee, target) {
    const other = target.kind === 'call' ? this.calls.get(target.callId) : undefined;
    const identity = target.identity ?? other?.legs.find((one) => one.id !== transferor.id)?.identity;
    call.transferor = transferor.identity;
    call.replaces = other?.id;
    this.tell(transferor.id, { type: 'transfer', callId: call.id, transfer: 1, state: 'Transferring' });
    this.tell(transferee.id, { type: 'transferRequested', callId: call.id, transfer: 1, transferor: transferor.identity, target: { ...target, identity } });
  }

  transferred(call) {
    const from = call.transferOf && this.calls.get(call.transferOf.callId);
    if (!from) return;
    const transferor = from.legs.find((one) => one.identity === from.transferor);
    this.tell(transferor.id, { type: 'transfer', callId: from.id, transfer: 1, state: 'Transferred' });
    const ended = () => ({ code: 0, subCode: 7015 });
    if (from.replaces) this.end(this.calls.get(from.replaces), ended);
    this.end(from, ended);
  }
}
