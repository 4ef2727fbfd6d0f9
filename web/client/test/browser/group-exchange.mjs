/** The small exchange, with group calls: joining, promotion, hands, muting and the rest, over a media processor that it is given. */

import { randomUUID } from 'node:crypto';
import { Exchange } from './exchange.mjs';

export class GroupExchange extends Exchange {
  /** Set once the media processor's page is open. */
  processor;
  hands = 0;

  /** A path to the media processor is there. */
  connected_(place, epoch) {
    for (const call of this.calls.values()) {
      const leg = call.legs.find((one) => one.place === place);
      if (!leg) continue;
      leg.connectedEpoch = epoch;
      const movers = call.movers ?? [];
      if (movers.length > 0 && movers.every((one) => one.connectedEpoch >= call.convenedEpoch)) {
        movers.forEach((one) => this.tell(one.id, { type: 'convened', callId: call.id, epoch: call.convenedEpoch }));
        call.movers = undefined;
      }
    }
  }

  view(call, id) {
    if (!call.isGroup) return super.view(call, id);
    const leg = call.legs.find((one) => one.id === id);
    return {
      callId: call.id, participantId: leg.place, direction: leg.isCaller ? 'Outgoing' : 'Incoming', state: leg.holds ? 'LocalHold' : 'Connected',
      isGroup: true, ...(call.groupId ? { groupId: call.groupId } : {}), conference: true, epoch: leg.epoch ?? 0, sending: leg.sending,
      own: this.participant(call, leg), participants: this.others(call, leg),
    };
  }

  participant(call, leg) {
    if (!call.isGroup) return super.participant(call, leg);
    const displayName = this.endpoints.get(leg.id)?.displayName;
    return {
      identity: leg.identity, participantId: leg.place, state: leg.holds ? 'Hold' : 'Connected', sending: leg.sending, role: 'Presenter',
      isSpotlighted: call.stage.includes(leg.place), isMutedByOthers: false, ...(leg.hand ? { handRaised: leg.hand } : {}), ...(displayName ? { displayName } : {}),
    };
  }

  others(call, leg) {
    return call.legs.filter((one) => one !== leg && one.isIn).map((one) => this.participant(call, one));
  }

  async ask(request, url, body) {
    const [, , noun, id, verb] = url.pathname.split('/');
    if (noun === 'calls' && id === ':join') return this.join(body);
    if (noun === 'calls' && !id && body.targets.length > 1) return this.startGroup(body);
    const call = this.calls.get(id);
    if (noun === 'calls' && verb === ':signal' && call && call.legs.some((one) => one.id === body.endpointId)) {
      const isFresh = !call.requests.has(body.requestId);
      call.requests.add(body.requestId);
      if (isFresh) for (const signal of body.signals) await this.takeGroup(call, body.endpointId, signal);
      return { body: { fresh: isFresh } };
    }
    return super.ask(request, url, body);
  }

  group(more) {
    const call = { id: randomUUID(), requests: new Set(), isGroup: true, isAnswered: true, stage: [], legs: [], candidates: [], epoch: 0, origin: {}, ...more };
    this.calls.set(call.id, call);
    return call;
  }

  enter(call, endpoint, sending, isCaller) {
    const known = call.legs.find((one) => one.id === endpoint.id);
    if (known) return Object.assign(known, { sending });
    const leg = { ...endpoint, place: randomUUID(), isCaller, sending, holds: false, isIn: true };
    call.legs.push(leg);
    call.legs.filter((one) => one !== leg && one.isIn).forEach((one) => this.tell(one.id, { type: 'participant', callId: call.id, participant: this.participant(call, leg) }));
    return leg;
  }

  async answer(leg, offer) {
    leg.epoch = offer.epoch;
    return { kind: 'answer', epoch: offer.epoch, sdp: await this.processor.offer(leg.place, offer.epoch, offer.sdp) };
  }

  async join(body) {
    const { groupId, callId } = body.locator;
    const call = this.calls.get(callId) ?? [...this.calls.values()].find((one) => one.groupId === groupId) ?? this.group({ groupId });
    const leg = this.enter(call, this.endpoints.get(body.endpointId), body.sending, true);
    const answer = await this.answer(leg, body.offer);
    return { body: { callId: call.id, participantId: leg.place, answer, ice: this.ice, call: this.view(call, leg.id) } };
  }

  async startGroup(body) {
    const call = this.group({ id: body.callId });
    const leg = this.enter(call, this.endpoints.get(body.endpointId), body.sending, true);
    const answer = await this.answer(leg, body.offer);
    body.targets.forEach((target) => this.ring(call, leg, target));
    return { status: 201, body: { callId: call.id, participantId: leg.place, ice: this.ice, answer } };
  }

  ring(call, by, identity) {
    for (const endpoint of [...this.endpoints.values()].filter((one) => one.identity === identity)) {
      const leg = { ...endpoint, place: randomUUID(), isCaller: false, sending: { muted: false, video: false, screen: false }, holds: false, isIn: false };
      call.legs.push(leg);
      const caller = this.participant(call, by);
      this.tell(leg.id, { type: 'incomingCall', callId: call.id, participantId: leg.place, caller, conference: true, candidates: [], ice: this.ice });
    }
    const participant = { identity, state: 'Ringing', sending: { muted: false, video: false, screen: false } };
    call.legs.filter((one) => one.isIn).forEach((one) => this.tell(one.id, { type: 'participant', callId: call.id, participant }));
  }

  async takeGroup(call, from, signal) {
    const leg = call.legs.find((one) => one.id === from);
    if (signal.type === 'addParticipant' && !call.isGroup) this.promote(call);
    if (!call.isGroup) return super.take(call, from, signal);
    this.log.push({ ...signal, from, callId: call.id });
    const tellOthers = (event) => call.legs.filter((one) => one !== leg && one.isIn).forEach((one) => this.tell(one.id, { callId: call.id, ...event }));
    const changed = (one) => call.legs.filter((other) => other.isIn && (other !== one || one !== leg || signal.type !== 'sending')).forEach((other) => this.tell(other.id, { type: 'participant', callId: call.id, participant: this.participant(call, one) }));
    const named = (ids) => call.legs.filter((one) => one.isIn && (ids ? ids.includes(one.place) : one !== leg));
    switch (signal.type) {
      case 'addParticipant':
        this.ring(call, leg, signal.identity);
        break;
      case 'accept':
        Object.assign(leg, { isIn: true, sending: signal.sending });
        this.tell(from, { type: 'joined', callId: call.id });
        this.tell(from, { type: 'conference', callId: call.id, description: await this.answer(leg, signal.offer) });
        this.tell(from, { type: 'participants', callId: call.id, participants: [...this.others(call, leg), this.participant(call, leg)] });
        tellOthers({ type: 'participant', participant: this.participant(call, leg) });
        call.legs.filter((one) => one !== leg && one.isIn).forEach((one) => this.tell(one.id, { type: 'state', callId: call.id, state: 'Connected' }));
        break;
      case 'describe':
        if (signal.description.kind === 'offer') this.tell(from, { type: 'conference', callId: call.id, description: await this.answer(leg, signal.description) });
        break;
      case 'ringing':
        tellOthers({ type: 'ringing' });
        break;
      case 'sending':
        leg.sending = signal.sending;
        changed(leg);
        break;
      case 'hold':
      case 'resume':
        leg.holds = signal.type === 'hold';
        changed(leg);
        break;
      case 'raiseHand':
        leg.hand = signal.raised ? (leg.hand ?? ++this.hands) : undefined;
        changed(leg);
        break;
      case 'lowerHands':
        named(signal.participants).concat(signal.participants ? [] : [leg]).forEach((one) => {
          one.hand = undefined;
          changed(one);
        });
        break;
      case 'spotlight': {
        const ids = signal.participants ?? call.stage;
        call.stage = [...call.stage.filter((one) => !ids.includes(one)), ...(signal.on ? ids : [])];
        call.legs.filter((one) => ids.includes(one.place)).forEach(changed);
        break;
      }
      case 'muteOthers':
        named(signal.participants).forEach((one) => this.tell(one.id, { type: 'mutedByOthers', callId: call.id, by: leg.place }));
        break;
      case 'receive':
        await this.processor.receive(leg.place, signal.mode);
        break;
      case 'removeParticipant':
        for (const one of call.legs.filter((other) => other.place === signal.participant || other.identity === signal.identity)) await this.out(call, one, { code: 0, subCode: 5300 });
        break;
      case 'decline':
      case 'hangUp':
        for (const one of signal.forEveryone ? [...call.legs] : [leg]) await this.out(call, one, { code: 0, subCode: one === leg ? 0 : 4097 });
        break;
    }
  }

  async out(call, leg, reason) {
    call.legs = call.legs.filter((one) => one !== leg);
    this.tell(leg.id, { type: 'ended', callId: call.id, reason });
    const participant = { ...this.participant(call, leg), state: 'Disconnected', endReason: reason };
    call.legs.filter((one) => one.isIn).forEach((one) => this.tell(one.id, { type: 'participant', callId: call.id, participant }));
    await this.processor.leave(leg.place);
    if (call.legs.length === 0) this.calls.delete(call.id);
  }

  /** A call between two moves to the media processor. */
  promote(call) {
    Object.assign(call, { isGroup: true, stage: [], movers: [...call.legs] });
    this.convene(call, call.epoch + 1);
  }

  /** Everybody has to build a peer connection of this epoch. */
  convene(call, epoch) {
    call.convenedEpoch = epoch;
    call.legs.forEach((leg) => {
      leg.isIn = true;
      this.tell(leg.id, { type: 'convene', callId: call.id, epoch, isGroup: true });
    });
  }
}
