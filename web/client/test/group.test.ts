/** Group calls on the objects that apps hold: joining, placing, being called, and what the exchange tells. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { CallClient, Conference, Features, LocalVideoStream } from '../src/index.js';
import type { Call, CallAgent, IncomingCall, LocalAudioStream } from '../src/index.js';
import { DOOR } from '../src/call/peer-door.js';
import { FakeConnection, FakeTrack, install } from './fake-connection.js';
import { settle, token, World } from './world.js';
import type { FakeRequest } from './world.js';

const GROUP = '10000000-0000-4000-8000-00000000cafe';
const ice = { stun: [], turn: [], expiresAt: 0 };
const quiet = { muted: false, video: false, screen: false };
const person = (name: string, more: object = {}) => ({
  identity: `8:acs:r_${name}`, participantId: `p-${name}`, displayName: name, state: 'Connected', sending: quiet, role: 'Presenter', ...more,
});
const view = (more: object = {}) => ({
  callId: 'c-group', participantId: 'p-u', direction: 'Outgoing', state: 'Connected', isGroup: true, groupId: GROUP, conference: true, epoch: 0,
  own: { ...person('u') }, sending: quiet, participants: [person('bob')], ...more,
});

beforeEach(() => install());

/** An agent whose requests to join and place are answered by `answers`, or wait. */
async function agent(answers: (request: FakeRequest) => unknown = usual): Promise<{ world: World; agent: CallAgent; tell(event: object): void }> {
  const world = new World();
  world.auto = answers;
  const made = new CallClient(undefined, world).createCallAgent(
    { getToken: async () => ({ token: token(), expiresOnTimestamp: 1_700_003_600_000 }) },
    { displayName: 'Me' },
  );
  await settle();
  world.last.open();
  world.last.say({ type: 'welcome', identity: '8:acs:r_u', seq: 1, reset: true, calls: [], ice, serverTime: 0 });
  let seq = 1;
  return { world, agent: await made, tell: (event) => world.last.say({ type: 'event', seq: ++seq, at: 0, event: { callId: 'c-group', ...event } }) };
}

function usual(request: FakeRequest): unknown {
  const answer = { kind: 'answer', epoch: 0, sdp: 'answer\r\na=simulcast:recv l;m;h' };
  if (request.path === '/client/calls/:join') {
    return { callId: 'c-group', participantId: 'p-u', answer, ice, call: view() };
  }
  return request.path === '/client/calls' ? { callId: request.body?.['callId'], participantId: 'p-u', answer, ice } : { fresh: true };
}

const signalsOf = (world: World): Record<string, unknown>[] =>
  world.requests.filter(({ path }) => path.endsWith(':signal')).flatMap(({ body }) => body?.['signals'] as Record<string, unknown>[]);
/** What was asked for: figures are sent anyway, and how to receive is said once where a call became a conference without joining. */
const said = (world: World): unknown[] => signalsOf(world).filter(({ type, mode }) => type !== 'media' && !(type === 'receive' && mode === 'forwarded'));

/** Joined, connected, and the media processor has spoken. */
async function joined(): Promise<{ world: World; call: Call; tell(event: object): void; media: FakeConnection }> {
  const { world, agent: it, tell } = await agent();
  const call = it.join({ groupId: GROUP });
  await settle();
  await settle();
  FakeConnection.last.connect();
  await world.pass(100);
  return { world, call, tell, media: FakeConnection.last };
}

test('joining a group gives a call at once, which learns its id and its people from the answer', async () => {
  const { agent: it, world } = await agent();
  const call = it.join({ groupId: GROUP }, { audioOptions: { muted: true }, receive: 'auto' });
  assert.deepEqual([call.state, call.info.groupId, it.calls.length], ['None', GROUP, 1]);
  const before = call.id;
  let renamed = 0;
  call.on('idChanged', () => (renamed += 1));
  await settle();
  await settle();
  assert.notEqual(call.id, before);
  assert.deepEqual([call.id, renamed, call.state, call.role], ['c-group', 1, 'Connected', 'Presenter']);
  assert.deepEqual(call.remoteParticipants.map(({ displayName, state }) => [displayName, state]), [['bob', 'Connected']]);
  assert.equal(await call.info.getServerCallId(), 'c-group');
  const asked = world.requests.find(({ path }) => path === '/client/calls/:join')?.body;
  assert.deepEqual(asked?.['locator'], { kind: 'group', groupId: GROUP });
  assert.deepEqual([asked?.['media'], asked?.['sending']], ['auto', { ...quiet, muted: true }]);
});

test('a join that does not get through is asked again with the same id; joining twice is joining once', async () => {
  const { agent: it, world } = await agent((request) => (request.path.endsWith(':join') ? undefined : usual(request)));
  const call = it.join({ groupId: GROUP });
  assert.equal(it.join({ groupId: GROUP.toUpperCase() }), call);
  await settle();
  world.requests.at(-1)!.fail();
  await world.pass(3_000);
  const asked = world.requests.filter(({ path }) => path === '/client/calls/:join');
  assert.equal(asked.length, 2);
  assert.equal(asked[0]?.body?.['requestId'], asked[1]?.body?.['requestId']);
});

test('a group that is full ends the call with a code of its own', async () => {
  const { agent: it, world } = await agent((request) => (request.path.endsWith(':join') ? undefined : usual(request)));
  const call = it.join({ groupId: GROUP });
  await settle();
  world.requests.at(-1)!.answer(403, { error: { code: 'CallIsFull', message: 'Full.' } });
  await settle();
  assert.deepEqual([call.state, call.callEndReason?.code, call.callEndReason?.subCode], ['Disconnected', 403, 49006]);
});

test('events that overtake the answer to a join are not lost', async () => {
  const { agent: it, world, tell } = await agent((request) => (request.path.endsWith(':join') ? undefined : usual(request)));
  const call = it.join({ groupId: GROUP });
  await settle();
  tell({ type: 'participant', participant: person('eve') });
  world.requests.at(-1)!.answer(200, usual(world.requests.at(-1)!));
  await settle();
  assert.deepEqual(call.remoteParticipants.map(({ displayName }) => displayName), ['bob', 'eve']);
});

test('calling several is a group call: the media processor answers, and the first who comes connects it', async () => {
  const { agent: it, tell: say } = await agent();
  const call = it.startCall([{ communicationUserId: '8:acs:r_bob' }, { communicationUserId: '8:acs:r_eve' }]);
  await settle();
  await settle();
  assert.match(FakeConnection.last.remoteDescription?.sdp ?? '', /^answer/);
  const tell = (event: object): void => say({ callId: call.id, ...event });
  tell({ type: 'participant', participant: person('bob', { participantId: undefined, state: 'Ringing' }) });
  tell({ type: 'ringing' });
  assert.deepEqual([call.state, call.remoteParticipants.map(({ state }) => state)], ['Ringing', ['Ringing', 'Connecting']]);
  tell({ type: 'participant', participant: person('bob') });
  tell({ type: 'state', state: 'Connected' });
  assert.equal(call.state, 'Connected');
  tell({ type: 'participant', participant: person('eve', { participantId: undefined, state: 'Disconnected', endReason: { code: 603, subCode: 0 } }) });
  assert.deepEqual(call.remoteParticipants.map(({ displayName }) => displayName), ['bob']);
});

test('a call that rings for a conference is accepted with an offer, and answered by the media processor', async () => {
  const { agent: it, world, tell } = await agent();
  const rings: IncomingCall[] = [];
  it.on('incomingCall', ({ incomingCall }) => rings.push(incomingCall));
  tell({ type: 'incomingCall', participantId: 'p-u', caller: person('bob'), conference: true, candidates: [], ice });
  await settle();
  const call = await rings[0]!.accept();
  await settle();
  const accept = signalsOf(world).find(({ type }) => type === 'accept');
  assert.deepEqual(accept, { type: 'accept', offer: { kind: 'offer', epoch: 0, sdp: 'offer' }, sending: quiet });
  tell({ type: 'conference', description: { kind: 'answer', epoch: 0, sdp: 'answer' } });
  tell({ type: 'joined' });
  tell({ type: 'participants', participants: [person('bob'), person('eve')] });
  await settle();
  assert.match(FakeConnection.last.remoteDescription?.sdp ?? '', /^answer/);
  assert.deepEqual([call.state, call.remoteParticipants.length], ['Connected', 2]);
});

test('people come, mute, speak, share and go', async () => {
  const { call, tell, media } = await joined();
  const changes: string[] = [];
  call.on('remoteParticipantsUpdated', ({ added, removed }) =>
    changes.push(...added.map((one) => `+${one.displayName}`), ...removed.map((one) => `-${one.displayName}`)),
  );
  tell({ type: 'participant', participant: person('eve', { sending: { muted: true, video: true, screen: false } }) });
  const eve = call.remoteParticipants[1]!;
  assert.deepEqual([eve.isMuted, eve.videoStreams[0]?.isAvailable, eve.role], [true, true, 'Presenter']);
  media.say({ type: 'speakers', dominant: ['p-bob', 'p-u'], speaking: ['p-bob'] });
  assert.equal(call.remoteParticipants[0]?.isSpeaking, true);
  const speakers = call.feature(Features.DominantSpeakers).dominantSpeakers.speakersList;
  assert.deepEqual(speakers.map((one) => one.kind === 'communicationUser' && one.communicationUserId), ['8:acs:r_bob']);
  tell({ type: 'participant', participant: person('eve', { state: 'Disconnected', endReason: { code: 0, subCode: 5300 } }) });
  assert.deepEqual(changes, ['+eve', '-eve']);
  assert.equal(eve.callEndReason?.subCode, 5300);
});

test('who spoke before the exchange told of them speaks, and nobody does while one holds', async () => {
  const { call, tell, media } = await joined();
  media.say({ type: 'speakers', dominant: ['p-eve'], speaking: ['p-eve', 'p-bob'] });
  tell({ type: 'participant', participant: person('eve') });
  assert.deepEqual(call.remoteParticipants.map(({ isSpeaking }) => isSpeaking), [true, true]);
  await call.hold();
  assert.deepEqual(call.remoteParticipants.map(({ isSpeaking }) => isSpeaking), [false, false]);
  await call.resume();
  tell({ type: 'participant', participant: person('eve', { sending: { ...quiet, muted: true } }) });
  assert.deepEqual(call.remoteParticipants.map(({ isSpeaking }) => isSpeaking), [true, false]);
});

test('a hold in a group is everybody’s own affair', async () => {
  const { call, tell, world } = await joined();
  tell({ type: 'participant', participant: person('bob', { state: 'Hold' }) });
  assert.deepEqual([call.state, call.remoteParticipants[0]?.state], ['Connected', 'Hold']);
  await call.hold();
  assert.equal(call.state, 'LocalHold');
  await call.resume();
  assert.equal(call.state, 'Connected');
  assert.deepEqual(said(world), [{ type: 'hold' }, { type: 'resume' }]);
});

test('others are muted, removed and put on the stage through the exchange', async () => {
  const { call, world } = await joined();
  await call.muteAllRemoteParticipants();
  await call.remoteParticipants[0]?.mute();
  await call.removeParticipant({ communicationUserId: '8:acs:r_bob' });
  const spotlight = call.feature(Features.Spotlight);
  await spotlight.startSpotlight([{ communicationUserId: '8:acs:r_bob' }]);
  await spotlight.stopSpotlight();
  await spotlight.stopAllSpotlight();
  assert.deepEqual(said(world), [
    { type: 'muteOthers' },
    { type: 'muteOthers', participants: ['p-bob'] },
    { type: 'removeParticipant', identity: '8:acs:r_bob' },
    { type: 'spotlight', participants: ['p-bob'], on: true },
    { type: 'spotlight', participants: ['p-u'], on: false },
    { type: 'spotlight', on: false },
  ]);
  await assert.rejects(call.removeParticipant({ communicationUserId: '8:acs:r_carl' }), { code: 400 });
});

test('who is muted by others mutes, says so, and hears of it; afterwards it may unmute', async () => {
  const { call, tell, world } = await joined();
  let told = 0;
  call.on('mutedByOthers', () => (told += 1));
  tell({ type: 'mutedByOthers', by: 'p-bob' });
  assert.deepEqual([call.isMuted, told], [true, 1]);
  await settle();
  await call.unmute();
  await settle();
  assert.deepEqual(said(world), [
    { type: 'sending', sending: { ...quiet, muted: true } },
    { type: 'sending', sending: quiet },
  ]);
});

test('hands and the stage are as the exchange says, this side’s included', async () => {
  const { call, tell, world } = await joined();
  const hands = call.feature(Features.RaiseHand);
  const spotlight = call.feature(Features.Spotlight);
  const heard: string[] = [];
  hands.on('raisedHandEvent', ({ identifier }) => heard.push(`up ${(identifier as { communicationUserId: string }).communicationUserId}`));
  hands.on('loweredHandEvent', ({ identifier }) => heard.push(`down ${(identifier as { communicationUserId: string }).communicationUserId}`));
  spotlight.on('spotlightChanged', ({ added }) => heard.push(`stage ${added.length}`));
  await hands.raiseHand();
  tell({ type: 'participant', participant: person('bob', { handRaised: 1 }) });
  tell({ type: 'participant', participant: person('u', { handRaised: 2, isSpotlighted: true }) });
  assert.deepEqual(hands.getRaisedHands().map(({ order }) => order), [1, 2]);
  await hands.lowerHands([{ communicationUserId: '8:acs:r_bob' }]);
  await hands.lowerAllHands();
  tell({ type: 'participant', participant: person('bob') });
  assert.deepEqual(heard, ['up 8:acs:r_bob', 'up 8:acs:r_u', 'stage 1', 'down 8:acs:r_bob']);
  assert.deepEqual(said(world), [
    { type: 'raiseHand', raised: true },
    { type: 'lowerHands', participants: ['p-bob'] },
    { type: 'lowerHands' },
  ]);
});

test('capabilities are those of the role, and change with it', async () => {
  const { call, tell } = await joined();
  const feature = call.feature(Features.Capabilities);
  assert.deepEqual([feature.capabilities.muteOthers.isPresent, feature.capabilities.removeParticipant.isPresent], [true, true]);
  const changed: string[] = [];
  feature.on('capabilitiesChanged', ({ newValue }) => changed.push(...Object.keys(newValue)));
  let roles = 0;
  call.on('roleChanged', () => (roles += 1));
  tell({ type: 'participant', participant: person('u', { role: 'Consumer' }) });
  assert.deepEqual([feature.capabilities.muteOthers.reason, feature.capabilities.unmuteMic.reason, roles], ['RoleRestricted', 'RoleRestricted', 1]);
  assert.ok(changed.includes('muteOthers') && !changed.includes('raiseHand'));
});

test('how to receive is asked of the exchange, and the composed picture comes and goes with the mode', async () => {
  const { call, world, media } = await joined();
  const conference = call.feature(Conference);
  assert.deepEqual([conference.isActive, conference.isGroup, conference.composition.isAvailable], [true, true, false]);
  await conference.receive('mixed');
  await assert.rejects(conference.receive('loud' as never), { code: 400 });
  assert.deepEqual(said(world), [{ type: 'receive', mode: 'mixed' }]);
  media.say({ type: 'mode', mode: 'mixed' });
  media.say({ type: 'slots', slots: [{ mid: '0', source: 'mix' }, { mid: '7', source: 'composition' }] });
  assert.deepEqual([conference.mode, conference.composition.isAvailable], ['mixed', true]);
  const stream = await conference.composition.getMediaStream();
  assert.equal(stream.getVideoTracks()[0], media.lines[7]!.receiver.track as never);
  media.say({ type: 'slots', slots: [] });
  assert.equal(conference.composition.isAvailable, false);
});

test('the quality of everybody is told, and is their network diagnostics', async () => {
  const { call, media } = await joined();
  const conference = call.feature(Conference);
  const { remote } = call.feature(Features.UserFacingDiagnostics);
  media.say({ type: 'quality', participants: [{ participant: 'p-bob', send: 1, receive: 5 }, { participant: 'p-u', send: 4, receive: 0 }] });
  assert.deepEqual(conference.quality.map(({ participantId, send, receive }) => [participantId, send, receive]), [
    ['p-bob', 1, 5],
    ['p-u', 4, 0],
  ]);
  assert.deepEqual(remote.getLatest().diagnostics.map(({ participantId, diagnostic, value }) => [participantId, diagnostic, value]), [
    ['p-bob', 'networkSendQuality', 3],
    ['p-bob', 'networkReceiveQuality', 1],
  ]);
  call.feature(Features.UserFacingDiagnostics).dispose();
});

test('all voices of a conference are streams of the call, five of them', async () => {
  const { call, media } = await joined();
  assert.equal(call.remoteAudioStreams.length, 5);
  const stream = await call.remoteAudioStreams[4]!.getMediaStream();
  assert.equal(stream.getAudioTracks()[0], media.lines[6]!.receiver.track as never);
});

test('a call between two becomes a group call when somebody is added, and its objects stay', async () => {
  const { agent: it, world, tell: say } = await agent();
  const call = it.startCall([{ communicationUserId: '8:acs:r_bob' }]);
  await settle();
  await settle();
  const tell = (event: object): void => say({ callId: call.id, ...event });
  tell({ type: 'accepted', callee: person('bob', { sending: { ...quiet, video: true } }), answer: { kind: 'answer', epoch: 0, sdp: 'answer' } });
  await settle();
  const direct = FakeConnection.last;
  direct.connect();
  const [bob] = call.remoteParticipants;
  const camera = bob!.videoStreams[0] as unknown as { currentTrack: unknown };
  assert.equal(camera.currentTrack, direct.lines[1]!.receiver.track);
  assert.equal(call.feature(Features.Capabilities).capabilities.muteOthers.isPresent, false);
  await assert.rejects(call.muteAllRemoteParticipants(), { code: 400, subCode: 49001 });
  const eve = call.addParticipant({ communicationUserId: '8:acs:r_eve' });
  tell({ type: 'convene', epoch: 1, isGroup: true });
  await settle();
  assert.deepEqual(said(world).map((signal) => (signal as { type: string }).type).filter((type) => type !== 'candidates'), ['addParticipant', 'describe']);
  tell({ type: 'conference', description: { kind: 'answer', epoch: 1, sdp: 'answer' } });
  await settle();
  const media = FakeConnection.last;
  media.connect();
  media.say({ type: 'slots', slots: [{ mid: '7', participant: 'p-bob', source: 'camera' }] });
  media.lines[0]!.receiver.arrives = true;
  await world.pass(100);
  assert.equal(camera.currentTrack, media.lines[7]!.receiver.track);
  tell({ type: 'convened', epoch: 1 });
  await world.pass(5_000);
  assert.equal(direct.isClosed, true);
  tell({ type: 'participant', participant: person('eve') });
  assert.deepEqual([call.remoteParticipants[0], call.remoteParticipants[1], eve.state], [bob, eve, 'Connected']);
  assert.equal(call.feature(Features.Capabilities).capabilities.muteOthers.isPresent, true);
  await call.muteAllRemoteParticipants();
  await call.feature(Features.Spotlight).startSpotlight();
  assert.deepEqual(said(world).at(-1), { type: 'spotlight', participants: ['p-u'], on: true });
});

test('who did not join but was called says once that each sender’s streams are wanted', async () => {
  const { agent: it, world, tell } = await agent();
  const rings: IncomingCall[] = [];
  it.on('incomingCall', ({ incomingCall }) => rings.push(incomingCall));
  tell({ type: 'incomingCall', participantId: 'p-u', caller: person('bob'), conference: true, candidates: [], ice });
  await settle();
  await rings[0]!.accept();
  await settle();
  tell({ type: 'joined' });
  tell({ type: 'state', state: 'Connected' });
  await settle();
  assert.deepEqual(signalsOf(world).filter(({ type }) => type === 'receive'), [{ type: 'receive', mode: 'forwarded' }]);
});

test('a move that comes to nothing makes it a call between two again', async () => {
  const { agent: it, tell: say } = await agent();
  const call = it.startCall([{ communicationUserId: '8:acs:r_bob' }]);
  await settle();
  await settle();
  const tell = (event: object): void => say({ callId: call.id, ...event });
  tell({ type: 'accepted', callee: person('bob'), answer: { kind: 'answer', epoch: 0, sdp: 'answer' } });
  await settle();
  tell({ type: 'convene', epoch: 1, isGroup: true });
  await settle();
  assert.equal(call.feature(Conference).isGroup, true);
  tell({ type: 'adjourned', epoch: 0 });
  assert.equal(call.feature(Conference).isGroup, false);
  assert.equal(FakeConnection.last.isClosed, true);
  tell({ type: 'participant', participant: person('bob', { state: 'Hold' }) });
  assert.equal(call.state, 'RemoteHold');
});

test('a page that was reloaded is in its group call again with the next epoch, and joining it is the same call', async () => {
  const world = new World();
  world.auto = usual;
  const made = new CallClient(undefined, world).createCallAgent({ getToken: async () => ({ token: token(), expiresOnTimestamp: 1_700_003_600_000 }) });
  await settle();
  world.last.open();
  world.last.say({ type: 'welcome', identity: '8:acs:r_u', seq: 1, reset: true, calls: [view({ epoch: 3 })], ice, serverTime: 0 });
  const it = await made;
  await settle();
  const [call] = it.calls;
  assert.deepEqual([call?.state, call?.info.groupId, call?.remoteParticipants.length], ['Connected', GROUP, 1]);
  assert.deepEqual(said(world), [{ type: 'describe', description: { kind: 'offer', epoch: 4, sdp: 'offer' } }]);
  assert.equal(it.join({ groupId: GROUP }, { audioOptions: { muted: true } }), call);
  assert.equal(call?.isMuted, true);
});

test('a camera that is sent to a conference keeps its layers under constraints', async () => {
  const { call, media } = await joined();
  const camera = new LocalVideoStream(new MediaStream([new FakeTrack('video') as unknown as MediaStreamTrack]));
  await call.startVideo(camera);
  await call.setConstraints({ video: { send: { frameHeight: { max: 360 }, bitrate: { max: 400_000 } } } });
  const { encodings } = media.lines[1]!.sender.parameters;
  assert.deepEqual(encodings.map(({ rid, scaleResolutionDownBy, maxBitrate }) => [rid, scaleResolutionDownBy, maxBitrate]), [
    ['l', 8, 150_000],
    ['m', 4, 400_000],
    ['h', 2, 400_000],
  ]);
  assert.ok((camera as unknown as { [DOOR]: unknown })[DOOR]);
});

test('where the other end takes no layers the whole picture is sent', async () => {
  const { agent: it } = await agent((request) => JSON.parse(JSON.stringify(usual(request)).replace('a=simulcast:recv l;m;h', '')));
  it.join({ groupId: GROUP });
  await settle();
  await settle();
  const [first] = FakeConnection.last.lines[1]!.sender.parameters.encodings;
  assert.deepEqual([first?.scaleResolutionDownBy, first?.maxBitrate], [1, 1_800_000]);
});

test('the echo bot is a call whose other side is the media processor', async () => {
  const { agent: it, tell } = await agent();
  const call = it.startCall([{ id: '8:echo123' }]);
  await settle();
  await settle();
  assert.equal(call.state, 'Connecting');
  tell({ callId: call.id, type: 'state', state: 'Connected' });
  assert.equal(call.state, 'Connected');
  assert.equal(FakeConnection.last.lines.length, 17);
  assert.match(FakeConnection.last.remoteDescription?.sdp ?? '', /^answer/);
  assert.equal((call.localAudioStreams as ReadonlyArray<LocalAudioStream>).length, 0);
});
