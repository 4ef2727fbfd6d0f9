import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environmentOf } from '../../src/features/debug-info.js';
import { Features } from '../../src/features/index.js';
import type { CallFeatureFactory, CallFeature } from '../../src/types/index.js';
import { BEN, FakeDoor, ANN, fakeCall, feature, twoDoors } from './fake-door.js';

const callFeatures = Object.entries(Features).filter(([, factory]) => 'callApiCtor' in factory) as [string, CallFeatureFactory<CallFeature>][];

test('there are twenty-three features, each an object of its own', () => {
  assert.equal(Object.keys(Features).length, 23);
  assert.equal(new Set(Object.values(Features)).size, 23);
  assert.equal(callFeatures.length, 20);
});

test('every feature can be made for a call that never connected, carries its name, and ends twice without harm', () => {
  for (const [name, factory] of callFeatures) {
    const door = new FakeDoor(ANN, BEN);
    door.path = 'connecting';
    const made = feature(factory, door, fakeCall({ state: 'None' }));
    assert.equal(made.name, name);
    const listener = () => undefined;
    const events = made as unknown as { on(event: string, listener: () => void): void; off(event: string, listener: () => void): void };
    events.on?.('anything', listener);
    events.off?.('something', listener);
    made.dispose();
    made.dispose();
    door.end();
  }
});

test('methods of features work unbound, as through a proxy', async () => {
  const [ann] = twoDoors();
  const proxy = new Proxy(feature(Features.RaiseHand, ann), { get: (target, name) => Reflect.get(target, name) as unknown });
  const { raiseHand, getRaisedHands } = proxy;
  await raiseHand();
  assert.equal(getRaisedHands().length, 1);
});

test('debug info survives being copied with a spread', async () => {
  const made = new Features.DebugInfo.callClientApiCtor({ callClient: {} });
  const copy = { ...made };
  assert.deepEqual(Object.keys(copy).sort(), ['dispose', 'getEnvironmentInfo', 'isCallClientActiveInAnotherTab', 'name', 'off', 'on']);
  const info = await copy.getEnvironmentInfo();
  assert.equal(typeof info.environment.browser, 'string');
  assert.equal(copy.isCallClientActiveInAnotherTab, false);
  copy.dispose();
});

test('browsers are told apart', () => {
  const agents: [agent: string, platform: string, browser: string, isSupported: boolean][] = [
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36', 'windows', 'chrome', true],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36 Edg/124.0.0.0', 'windows', 'edge', true],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15', 'mac', 'safari', true],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1', 'ios', 'safari', true],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'linux', 'firefox', true],
    ['Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/60.0.0.0 Mobile Safari/537.36', 'android', 'chrome', false],
    ['curl/8.0', 'unknown', 'unknown', false],
  ];
  for (const [agent, platform, browser, isSupported] of agents) {
    const info = environmentOf(agent);
    assert.deepEqual([info.environment.platform, info.environment.browser, info.isSupportedEnvironment], [platform, browser, isSupported], agent);
  }
});

test('all capabilities are always told, and what does not exist says so', () => {
  const { capabilities } = feature(Features.Capabilities, new FakeDoor(ANN, BEN));
  assert.equal(Object.keys(capabilities).length, 25);
  assert.deepEqual(capabilities.viewAttendeeNames, { isPresent: true, reason: 'Capable' });
  assert.deepEqual(capabilities.startTogetherMode, { isPresent: false, reason: 'FeatureNotSupported' });
  assert.ok(Object.values(capabilities).every((capability) => capability.isPresent === (capability.reason === 'Capable')));
});

test('what is not there refuses instead of pretending', async () => {
  const door = new FakeDoor(ANN, BEN);
  const { captions } = feature(Features.Captions, door);
  assert.equal(captions.kind, 'Captions');
  assert.equal(captions.isCaptionsFeatureActive, false);
  const refused = { code: 400, subCode: 49001 };
  await assert.rejects(captions.startCaptions(), refused);
  await assert.rejects(feature(Features.TogetherMode, door).start(), refused);
  await assert.rejects(feature(Features.MediaAccess, door).forbidOthersAudio(), refused);
  await assert.rejects(feature(Features.TeamsMeetingAudioConferencing, door).getTeamsMeetingAudioConferencingDetails(), refused);
  await assert.rejects(feature(Features.CallSurvey, door).submitSurvey({ overallRating: { score: 5 } }), refused);
  assert.equal(feature(Features.Recording, door).isRecordingActive, false);
});

test('a survey that makes no sense is told apart', async () => {
  const survey = feature(Features.CallSurvey, new FakeDoor(ANN, BEN));
  for (const wrong of [{}, { overallRating: { score: 6 } }, { audioRating: { score: 50, scale: { lowerBound: 0, upperBound: 200, lowScoreThreshold: 3 } } }]) {
    await assert.rejects(survey.submitSurvey(wrong), { subCode: 49002 });
  }
});

test('a transfer goes as the exchange says, and its news come once', () => {
  const door = new FakeDoor(ANN, BEN);
  const transfer = feature(Features.Transfer, door).transfer({ targetParticipant: { communicationUserId: '8:acs:resource_carl' } });
  const states: string[] = [];
  transfer.on('stateChanged', () => states.push(transfer.state));
  assert.deepEqual(door.transfers[0]?.goal, { kind: 'participant', identity: '8:acs:resource_carl' });
  for (const state of ['Transferring', 'Transferring', 'Transferred', 'Failed'] as const) {
    door.transfers[0]?.tell({ state });
  }
  assert.deepEqual(states, ['Transferring', 'Transferred']);
});

test('a transfer that cannot be asked for fails a moment later, when somebody listens', async () => {
  const door = new FakeDoor(ANN, BEN);
  const refused: [object, number][] = [
    [{ targetParticipantVoicemail: { microsoftTeamsUserId: 'x' } }, 49001],
    [{ targetParticipant: {} }, 49002],
  ];
  for (const [target, subCode] of refused) {
    const transfer = feature(Features.Transfer, door).transfer(target as never);
    assert.equal(transfer.state, 'None');
    await new Promise<void>((resolve) => transfer.on('stateChanged', resolve));
    assert.deepEqual([transfer.state, transfer.error?.subCode], ['Failed', subCode]);
  }
  const early = feature(Features.Transfer, door, fakeCall({ state: 'Ringing' })).transfer({ targetCallId: 'x' });
  await new Promise<void>((resolve) => early.on('stateChanged', resolve));
  assert.equal(early.state, 'Failed');
  assert.equal(door.transfers.length, 0);
});

test('whoever is transferred hears of the new call', () => {
  const door = new FakeDoor(ANN, BEN);
  const seen: unknown[] = [];
  feature(Features.Transfer, door).on('transferAccepted', ({ targetCall }) => seen.push(targetCall));
  const call = fakeCall();
  door.accept(call);
  assert.deepEqual(seen, [call]);
});
