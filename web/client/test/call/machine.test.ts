import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallMachine, continuation, judge } from '../../src/call/machine.js';
import type { NegotiationState } from '../../src/call/machine.js';
import type { CallView, Description } from '../../src/wire.js';

function talking(): CallMachine {
  const machine = new CallMachine();
  machine.handle({ on: 'begun' });
  machine.handle({ on: 'answered' });
  return machine;
}

function view(more: Partial<CallView> = {}): CallView {
  const sending = { muted: false, video: false, screen: false };
  return { callId: 'c', participantId: 'p', direction: 'Outgoing', state: 'Connected', epoch: 0, sending, participants: [], ...more };
}

test('an outgoing call goes from none to connecting, ringing, connected, disconnecting and disconnected', () => {
  const machine = new CallMachine();
  const states = [machine.state];
  for (const on of ['begun', 'ringing', 'answered', 'hangUp'] as const) {
    assert.equal(machine.handle({ on }), true);
    states.push(machine.state);
  }
  machine.handle({ on: 'ended', reason: { code: 0, subCode: 0 } });
  states.push(machine.state);
  assert.deepEqual(states, ['None', 'Connecting', 'Ringing', 'Connected', 'Disconnecting', 'Disconnected']);
});

test('late and repeated inputs change nothing', () => {
  const machine = talking();
  assert.equal(machine.handle({ on: 'ringing' }), false);
  assert.equal(machine.handle({ on: 'answered' }), false);
  machine.handle({ on: 'ended', reason: { code: 0, subCode: 0 } });
  for (const on of ['begun', 'ringing', 'answered', 'hold', 'hangUp'] as const) {
    assert.equal(machine.handle({ on }), false);
  }
  machine.handle({ on: 'ended', reason: { code: 410, subCode: 3101 } });
  assert.deepEqual(machine.endReason, { code: 0, subCode: 0 });
});

test('everyone who held must resume before media flows', () => {
  const machine = talking();
  machine.handle({ on: 'hold' });
  machine.handle({ on: 'remote', state: 'Hold' });
  assert.equal(machine.state, 'LocalHold');
  machine.handle({ on: 'resume' });
  assert.equal(machine.state, 'RemoteHold');
  assert.equal(machine.isMediaAllowed, false);
  machine.handle({ on: 'remote', state: 'Connected' });
  assert.equal(machine.state, 'Connected');
  assert.equal(machine.isMediaAllowed, true);
});

test('the echo of an older hold does not undo a newer resume', () => {
  const machine = talking();
  machine.handle({ on: 'hold' });
  machine.handle({ on: 'resume' });
  machine.handle({ on: 'told', state: 'LocalHold' });
  assert.equal(machine.state, 'Connected');
});

test('after a reload the hold of this side is what the exchange says', () => {
  const machine = CallMachine.restored(view({ state: 'LocalHold' }));
  assert.equal(machine.state, 'LocalHold');
  assert.equal(CallMachine.restored(view({ state: 'Ringing' })).state, 'Ringing');
  assert.equal(CallMachine.restored(view({ state: 'RemoteHold' })).state, 'RemoteHold');
});

test('in a group nobody else can hold the call, and the exchange says when it is connected', () => {
  const machine = new CallMachine();
  machine.handle({ on: 'begun' });
  machine.handle({ on: 'grouped' });
  machine.handle({ on: 'told', state: 'Connected' });
  assert.equal(machine.state, 'Connected');
  machine.handle({ on: 'remote', state: 'Hold' });
  machine.handle({ on: 'told', state: 'RemoteHold' });
  assert.equal(machine.state, 'Connected');
  machine.handle({ on: 'hold' });
  assert.deepEqual([machine.state, machine.isMediaAllowed], ['LocalHold', false]);
});

test('a call that becomes a group call while the other side holds goes on', () => {
  const machine = talking();
  machine.handle({ on: 'remote', state: 'Hold' });
  machine.handle({ on: 'grouped' });
  assert.equal(machine.state, 'Connected');
});

test('who waits in a lobby is not connected, and then is', () => {
  const machine = new CallMachine();
  machine.handle({ on: 'begun' });
  machine.handle({ on: 'told', state: 'InLobby' });
  assert.equal(machine.state, 'InLobby');
  machine.handle({ on: 'told', state: 'Connected' });
  assert.equal(machine.state, 'Connected');
});

const stable: NegotiationState = { epoch: 1, signalingState: 'stable', wasStable: true, isPolite: false };
const describe = (kind: Description['kind'], epoch: number): Description => ({ kind, epoch, sdp: '' });

test('when offers meet the caller begins the next epoch, and the callee waits for it', () => {
  const met: NegotiationState = { ...stable, signalingState: 'have-local-offer' };
  assert.equal(judge(describe('offer', 1), { ...met, isPolite: false }), 'renew');
  assert.equal(judge(describe('offer', 1), { ...met, isPolite: true }), 'ignore');
});

test('when first offers meet the callee throws its peer connection away', () => {
  const met: NegotiationState = { ...stable, signalingState: 'have-local-offer', wasStable: false };
  assert.equal(judge(describe('offer', 1), { ...met, isPolite: true }), 'rebuild');
  assert.equal(judge(describe('offer', 1), { ...met, isPolite: false }), 'ignore');
});

test('a higher epoch builds anew whatever goes on, a lower one is late', () => {
  for (const signalingState of ['stable', 'have-local-offer', 'closed'] as const) {
    for (const isPolite of [true, false]) {
      assert.equal(judge(describe('offer', 2), { ...stable, signalingState, isPolite }), 'rebuild');
      assert.equal(judge(describe('offer', 0), { ...stable, signalingState, isPolite }), 'ignore');
    }
  }
});

test('an answer counts only while an offer of the same epoch waits', () => {
  assert.equal(judge(describe('answer', 1), { ...stable, signalingState: 'have-local-offer' }), 'apply');
  assert.equal(judge(describe('answer', 1), stable), 'ignore');
  assert.equal(judge(describe('answer', 2), { ...stable, signalingState: 'have-local-offer' }), 'ignore');
});

test('the very first offer builds the peer connection', () => {
  assert.equal(judge(describe('offer', 0), { epoch: -1, signalingState: 'closed', wasStable: false, isPolite: true }), 'rebuild');
});

test('a page that was reloaded offers the next epoch', () => {
  assert.deepEqual(continuation(view({ epoch: 3 }), undefined, false), { do: 'offer', epoch: 4 });
});

test('a page that lived keeps its peer connection when it is the newest', () => {
  assert.deepEqual(continuation(view({ epoch: 3 }), 3, true), { do: 'keep' });
  assert.deepEqual(continuation(view({ epoch: 4 }), 3, true), { do: 'offer', epoch: 5 });
});

test('a page that missed the answer offers anew, one whose call still rings waits', () => {
  assert.deepEqual(continuation(view(), 0, false), { do: 'offer', epoch: 1 });
  assert.deepEqual(continuation(view({ state: 'Ringing' }), 0, false), { do: 'keep' });
});
