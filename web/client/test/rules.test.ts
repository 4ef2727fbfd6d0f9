/** The rules that consumers depend on (client surface, section 2), on the objects that apps hold. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AzureCommunicationTokenCredential } from '@azure/communication-common';
import type { CommunicationTokenCredential } from '@azure/communication-common';
import { CallClient, Features, LocalVideoStream } from '../src/index.js';
import type { Call, CallAgent, IncomingCall } from '../src/index.js';
import type { TokenCredential } from '../src/token.js';
import { install } from './fake-connection.js';
import { settle, token, World } from './world.js';

const ice = { stun: [], turn: [], expiresAt: 0 };
const sending = { muted: false, video: false, screen: false };
const ann = { identity: '8:acs:r_ann', displayName: 'Ann', state: 'Connected', sending };

/** What a proxy of the state layer does: methods come back unbound, and `this` is the proxy. */
function wrap<Target extends object>(target: Target): Target {
  return new Proxy(target, {});
}

install();

async function agent(world = new World()): Promise<{ world: World; client: CallClient; agent: CallAgent }> {
  world.auto = (request) =>
    request.path === '/client/calls' ? { callId: request.body?.['callId'], participantId: 'p1', ice } : { fresh: true };
  const client = new CallClient(undefined, world);
  const made = client.createCallAgent(credential(), { displayName: 'Me' });
  await settle();
  world.last.open();
  world.last.say({ type: 'welcome', identity: '8:acs:r_u', seq: 1, reset: true, calls: [], ice, serverTime: 0 });
  return { world, client, agent: await made };
}

function credential(): TokenCredential {
  return { getToken: async () => ({ token: token(), expiresOnTimestamp: 1_700_003_600_000 }) };
}

function incoming(callId = 'c1', more: object = {}): object {
  const offer = { kind: 'offer', epoch: 0, sdp: 'v=0' };
  const event = { type: 'incomingCall', callId, participantId: 'p2', caller: ann, offer, candidates: [], ice, ...more };
  return { type: 'event', seq: Number(callId.slice(1)) + 1, at: 0, event };
}

test('the official credential is a credential', async () => {
  const given = new AzureCommunicationTokenCredential(token({ exp: 4_000_000_000 }));
  const official: CommunicationTokenCredential = given;
  const ours: TokenCredential = official;
  assert.equal((await ours.getToken()).token, token({ exp: 4_000_000_000 }));
});

test('a second agent for the same user is refused until the first is disposed', async () => {
  const { client, agent: first, world } = await agent();
  await assert.rejects(client.createCallAgent(credential()), { code: 409, subCode: 40228 });
  const done = first.dispose();
  await world.pass(3_000);
  await done;
  const second = client.createCallAgent(credential());
  await world.pass(1_000);
  world.last.open();
  world.last.say({ type: 'welcome', identity: '8:acs:r_u', seq: 1, reset: true, calls: [], ice, serverTime: 0 });
  assert.equal((await second).connectionState, 'Connected');
});

test('an agent that is not connected in time is refused with 408/40104', async () => {
  const world = new World();
  const made = new CallClient(undefined, world).createCallAgent(credential());
  const refused = assert.rejects(made, { code: 408, subCode: 40104, name: 'CommunicationServicesError' });
  await world.pass(20_000);
  await refused;
});

test('a token that names no exchange over https is refused', async () => {
  for (const iss of [undefined, 'http://exchange.test', 'exchange.test', 'ftp://exchange.test']) {
    const bad: TokenCredential = { getToken: async () => ({ token: token({ iss }), expiresOnTimestamp: 0 }) };
    await assert.rejects(new CallClient(undefined, new World()).createCallAgent(bad), { code: 412, subCode: 40115 });
  }
});

test('startCall gives a usable call at once, which is in calls and then in callsUpdated', async () => {
  const { agent: it } = await agent();
  const added: Call[] = [];
  it.on('callsUpdated', (change) => added.push(...change.added));
  const call = it.startCall([{ communicationUserId: '8:acs:r_bob' }]);
  assert.equal(call.state, 'None');
  assert.match(call.id, /^[0-9a-f-]{36}$/);
  assert.equal(call.info.threadId, undefined);
  assert.deepEqual(it.calls, [call]);
  assert.equal(call.remoteParticipants[0]?.identifier.kind, 'communicationUser');
  await settle();
  assert.deepEqual(added, [call]);
  assert.equal(call.state, 'Connecting');
});

test('features that consumers touch without a guard neither throw nor are undefined, and are the same each time', async () => {
  const { agent: it } = await agent();
  const call = it.startCall([{ id: '8:echo123' }]);
  assert.ok(call.feature(Features.Capabilities).capabilities.turnVideoOn);
  assert.equal(typeof call.feature(Features.OptimalVideoCount).optimalVideoCount, 'number');
  assert.equal(call.feature(Features.Captions).captions.kind, 'Captions');
  for (const name of ['DominantSpeakers', 'Captions', 'Transfer', 'Capabilities', 'Spotlight', 'BreakoutRooms'] as const) {
    const feature = call.feature(Features[name] as never) as unknown as { on(event: string, listener: () => void): void };
    feature.on('anything', () => {});
    assert.equal(call.feature(Features[name] as never), feature);
  }
  assert.throws(() => call.feature({} as never), { subCode: 49002 });
});

test('methods work unbound and through proxies, objects take further properties', async () => {
  const { agent: it, world } = await agent();
  const proxied = wrap(it);
  const { startCall } = proxied;
  const call = wrap(startCall([{ communicationUserId: '8:acs:r_bob' }]));
  Object.defineProperty(call, 'unsubscribe', { configurable: false, value: () => {} });
  const { mute, on, feature } = call;
  let heard = 0;
  on('isMutedChanged', () => (heard += 1));
  await mute();
  assert.equal(call.isMuted, true);
  assert.equal(heard, 1);
  assert.ok(feature(Features.Transfer));
  const leaving = call.hangUp();
  await world.pass(2_000);
  await leaving;
  assert.equal(call.state, 'Disconnected');
});

test('a call leaves callsUpdated after it is disconnected, with its end reason set', async () => {
  const { agent: it, world } = await agent();
  const seen: unknown[] = [];
  it.on('callsUpdated', ({ removed }) => removed.forEach((call) => seen.push(call.state, call.callEndReason?.code, call.callEndReason?.subCode)));
  const call = it.startCall([{ communicationUserId: '8:acs:r_bob' }]);
  await settle();
  world.last.say({ type: 'event', seq: 5, at: 0, event: { type: 'ended', callId: call.id, reason: { code: 603, subCode: 0 } } });
  assert.deepEqual(seen, ['Disconnected', 603, 0]);
  assert.deepEqual(it.calls, []);
});

test('plain data that apps froze is never written to', async () => {
  const { agent: it, world } = await agent();
  const call = it.startCall([{ communicationUserId: '8:acs:r_bob' }]);
  Object.freeze(call.callerInfo);
  Object.freeze(it.calls);
  Object.freeze(call.remoteParticipants);
  Object.freeze(call.localVideoStreams);
  Object.freeze(call.remoteParticipants[0]?.identifier);
  await settle();
  const participant = { ...ann, identity: '8:acs:r_bob', participantId: 'p9' };
  world.last.say({ type: 'event', seq: 5, at: 0, event: { type: 'participant', callId: call.id, participant } });
  call.addParticipant({ communicationUserId: '8:acs:r_eve' });
  assert.equal(call.remoteParticipants.length, 2);
  assert.equal(call.remoteParticipants[0]?.displayName, 'Ann');
  assert.equal(it.startCall([{ id: '8:echo123' }]) && it.calls.length, 2);
});

test('addParticipant gives a participant at once, and tells the exchange', async () => {
  const { agent: it, world } = await agent();
  const call = it.startCall([{ communicationUserId: '8:acs:r_bob' }]);
  await settle();
  await settle();
  const eve = call.addParticipant({ communicationUserId: '8:acs:r_eve' });
  assert.equal(eve.state, 'Connecting');
  assert.equal(call.addParticipant({ communicationUserId: '8:acs:r_eve' }), eve);
  assert.equal(call.remoteParticipants.length, 2);
  await settle();
  const signals = world.requests.filter((request) => request.path.endsWith(':signal')).flatMap((request) => request.body?.['signals']);
  assert.deepEqual(signals, [{ type: 'addParticipant', identity: '8:acs:r_eve' }]);
});

test('a participant whom the exchange refuses ends with its code, and leaves the list', async () => {
  const { agent: it, world } = await agent();
  const call = it.startCall([{ communicationUserId: '8:acs:r_bob' }]);
  await settle();
  await settle();
  world.auto = undefined;
  const eve = call.addParticipant({ communicationUserId: '8:acs:r_eve' });
  await settle();
  world.requests.at(-1)!.answer(403, { error: { code: 'Forbidden', message: 'No.' } });
  await settle();
  assert.equal(eve.state, 'Disconnected');
  assert.equal(eve.callEndReason?.code, 403);
  assert.equal(call.remoteParticipants.length, 1);
});

test('rooms and meetings give a call that ends with the documented reason', async () => {
  const { agent: it } = await agent();
  const call = it.join({ roomId: '99000000000000001' });
  assert.equal(call.state, 'None');
  await settle();
  assert.deepEqual([call.state, call.callEndReason?.code, call.callEndReason?.subCode], ['Disconnected', 400, 49001]);
  assert.throws(() => it.join({ groupId: 'the lunch' }), { code: 400, subCode: 49002 });
});

test('a call that rings before anybody listens is told to the first who does', async () => {
  const { agent: it, world } = await agent();
  world.last.say(incoming());
  const rings: IncomingCall[] = [];
  it.on('incomingCall', ({ incomingCall }) => rings.push(incomingCall));
  await settle();
  assert.equal(rings.length, 1);
  assert.equal(rings[0]?.kind, 'IncomingCall');
  assert.deepEqual(rings[0]?.callerInfo, { identifier: { kind: 'communicationUser', communicationUserId: '8:acs:r_ann' }, displayName: 'Ann' });
});

test('a call that rings is told once, whatever the exchange repeats, and tells the caller that it does', async () => {
  const { agent: it, world } = await agent();
  const rings: IncomingCall[] = [];
  it.on('incomingCall', ({ incomingCall }) => rings.push(incomingCall));
  world.last.say(incoming('c1'));
  world.last.say({ ...incoming('c1'), seq: 9 });
  await settle();
  assert.equal(rings.length, 1);
  const signals = world.requests.filter((request) => request.path.endsWith(':signal')).map((request) => request.body?.['signals']);
  assert.deepEqual(signals, [[{ type: 'ringing' }]]);
});

test('accepting and rejecting what rings no longer is refused with the known numbers', async () => {
  const { agent: it, world } = await agent();
  const rings: IncomingCall[] = [];
  it.on('incomingCall', ({ incomingCall }) => rings.push(incomingCall));
  const handled: unknown[] = [];
  it.on('handleIncomingCall', (what) => handled.push(what));
  world.last.say(incoming());
  world.last.say({ type: 'event', seq: 9, at: 0, event: { type: 'ended', callId: 'c1', reason: { code: 487, subCode: 10003 } } });
  assert.deepEqual([rings[0]?.callEndReason?.code, rings[0]?.callEndReason?.subCode], [487, 10003]);
  await assert.rejects(rings[0]!.accept(), { code: 400, subCode: 41006 });
  await assert.rejects(rings[0]!.reject(), { code: 400, subCode: 41007 });
  assert.deepEqual(handled, [{ callId: 'c1', participantId: 'p2', code: 487, subCode: 10003 }]);
});

test('a call of a transfer that replaces one of ours is answered without asking', async () => {
  const { agent: it, world } = await agent();
  const rings: IncomingCall[] = [];
  it.on('incomingCall', ({ incomingCall }) => rings.push(incomingCall));
  const call = it.startCall([{ communicationUserId: '8:acs:r_bob' }]);
  await settle();
  world.last.say(incoming('c1', { replaces: call.id, transferor: '8:acs:r_bob' }));
  await settle();
  assert.equal(rings.length, 0);
  assert.deepEqual(it.calls.map((one) => one.direction), ['Outgoing', 'Incoming']);
  assert.equal(it.calls[1]?.transferorInfo?.identifier?.kind, 'communicationUser');
});

test('a transfer request places the call, with the number of the transfer', async () => {
  const { agent: it, world } = await agent();
  const call = it.startCall([{ communicationUserId: '8:acs:r_bob' }]);
  await settle();
  const moved: unknown[] = [];
  call.feature(Features.Transfer).on('transferAccepted', ({ targetCall }) => moved.push(targetCall));
  const event = { type: 'transferRequested', callId: call.id, transfer: 3, transferor: '8:acs:r_bob', target: { kind: 'participant', identity: '8:acs:r_eve' } };
  world.last.say({ type: 'event', seq: 9, at: 0, event });
  await settle();
  await settle();
  const placed = world.requests.filter((request) => request.path === '/client/calls').at(-1)?.body;
  assert.deepEqual(placed?.['transferOf'], { callId: call.id, transfer: 3 });
  assert.deepEqual(placed?.['targets'], ['8:acs:r_eve']);
  assert.deepEqual(moved, [it.calls[1]]);
});

test('hanging up is quick although nothing is reached, and the exchange hears of it later', async () => {
  const { agent: it, world } = await agent();
  const call = it.startCall([{ communicationUserId: '8:acs:r_bob' }]);
  await settle();
  await settle();
  world.auto = undefined;
  const started = world.now();
  const done = call.hangUp().then(() => world.now() - started);
  await settle();
  world.requests.at(-1)!.fail();
  await world.pass(5_000);
  assert.ok((await done) <= 1_500);
  assert.equal(call.state, 'Disconnected');
  const tries = world.requests.filter((request) => JSON.stringify(request.body ?? {}).includes('hangUp'));
  assert.ok(tries.length > 1);
  assert.equal(new Set(tries.map((request) => request.body?.['requestId'])).size, 1);
});

test('the page that closes says so', async () => {
  const { world } = await agent();
  world.hidden.forEach((hide) => hide());
  await settle();
  const leaving = world.requests.at(-1)!;
  assert.match(leaving.path, /^\/client\/endpoints\/[0-9a-f-]{36}\/:leaving$/);
  assert.equal(leaving.keepalive, true);
});

test('a wish in the moment of a reload counts, a description of a peer connection that goes does not', async () => {
  const { agent: it, world } = await agent();
  const call = it.startCall([{ communicationUserId: '8:acs:r_bob' }]);
  await settle();
  await settle();
  await call.mute();
  await settle();
  const signal = world.requests.filter((request) => request.path.endsWith(':signal')).at(-1)!;
  assert.deepEqual([signal.body?.['signals'], signal.keepalive], [[{ type: 'sending', sending: { ...sending, muted: true } }], true]);
  assert.equal(world.requests.find((request) => request.path === '/client/calls')?.keepalive, false);
});

test('a reload is the same endpoint, another user is another', async () => {
  const world = new World();
  await agent(world);
  const first = world.sockets[0]!.sent[0]?.['endpointId'];
  const again = new World();
  world.kept.forEach((value, key) => again.kept.set(key, value));
  await agent(again);
  assert.equal(again.sockets[0]!.sent[0]?.['endpointId'], first);
  assert.equal(world.kept.has('centrale.endpoint:8:acs:r_u'), true);
});

test('the device manager and client features are the same each time; debug information survives a spread', async () => {
  const client = new CallClient();
  assert.equal(await client.getDeviceManager(), await client.getDeviceManager());
  const debug = client.feature(Features.DebugInfo);
  assert.equal(client.feature(Features.DebugInfo), debug);
  const copy = { ...debug };
  for (const name of ['getEnvironmentInfo', 'isCallClientActiveInAnotherTab', 'on', 'off', 'name', 'dispose']) {
    assert.ok(name in copy, name);
  }
});

test('video and screen are refused with the known numbers', async () => {
  const { agent: it } = await agent();
  const call = it.startCall([{ communicationUserId: '8:acs:r_bob' }]);
  const screen = new LocalVideoStream({ id: 'screen:', name: 'Screen', deviceType: 'ScreenSharing' });
  await assert.rejects(call.startVideo(screen), { code: 400, subCode: 41025 });
  await assert.rejects(call.stopVideo(screen), { code: 400, subCode: 41030 });
  await assert.rejects(call.startScreenSharing(), { code: 412, subCode: 41071 });
  await assert.rejects(call.stopScreenSharing(), { code: 400, subCode: 41041 });
  await assert.rejects(call.hold(), { code: 500, subCode: 41033 });
});

test('a listener that throws does not keep the others from hearing, and off of an unknown one is nothing', async () => {
  const { agent: it } = await agent();
  const call = it.startCall([{ communicationUserId: '8:acs:r_bob' }]);
  const heard: string[] = [];
  const reported: unknown[] = [];
  (globalThis as { reportError?: unknown }).reportError = (error: unknown) => reported.push(error);
  call.on('isMutedChanged', () => {
    throw new Error('of the app');
  });
  call.on('isMutedChanged', () => heard.push('second'));
  call.off('isMutedChanged', () => {});
  assert.equal(call.on('stateChanged', () => {}), undefined);
  await call.mute();
  await settle();
  delete (globalThis as { reportError?: unknown }).reportError;
  assert.deepEqual(heard, ['second']);
  assert.equal(reported.length, 1);
});
