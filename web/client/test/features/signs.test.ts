import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Features } from '../../src/features/index.js';
import { parse } from '../../src/features/signs.js';
import type { RealTimeTextInfo } from '../../src/types/index.js';
import { keepEarly, takeEarly } from '../../src/call/early.js';
import { ANN, BEN, FakeChannel, feature, twoDoors } from './fake-door.js';

const user = (communicationUserId: string) => ({ kind: 'communicationUser' as const, communicationUserId });

test('a raised hand is seen on both sides, in the order in which hands went up', async () => {
  const [ann, ben] = twoDoors();
  const ofBen = feature(Features.RaiseHand, ben);
  const ofAnn = feature(Features.RaiseHand, ann);
  const seen: unknown[] = [];
  ofBen.on('raisedHandEvent', (event) => seen.push(event.identifier));
  await ofAnn.raiseHand();
  await ofBen.raiseHand();
  assert.deepEqual(seen, [user(ANN), user(BEN)]);
  const expected = [
    { identifier: user(ANN), order: 1 },
    { identifier: user(BEN), order: 2 },
  ];
  assert.deepEqual(ofBen.getRaisedHands(), expected);
});

test('a hand that is up is told again on a new connection', async () => {
  const [ann, ben] = twoDoors();
  const ofAnn = feature(Features.RaiseHand, ann);
  await ofAnn.raiseHand();
  // Made after the sign was said, and nothing kept it: what is true is said again.
  const ofBen = feature(Features.RaiseHand, ben);
  assert.deepEqual(ofBen.getRaisedHands(), []);
  ann.reconnect();
  assert.deepEqual(ofBen.getRaisedHands(), [{ identifier: user(ANN), order: 1 }]);
});

test('a feature that is made late knows what was said while another one listened', async () => {
  const [ann, ben] = twoDoors();
  feature(Features.Reaction, ben);
  await feature(Features.RaiseHand, ann).raiseHand();
  assert.deepEqual(feature(Features.RaiseHand, ben).getRaisedHands(), [{ identifier: user(ANN), order: 1 }]);
});

test('what comes before anybody listens is kept for whoever takes the channel, and only once', () => {
  const channel = new FakeChannel('signs');
  keepEarly(channel as unknown as RTCDataChannel);
  channel.hear('{"kind":"hand","up":true}');
  channel.hear('x'.repeat(300_000));
  assert.deepEqual(takeEarly(channel as unknown as RTCDataChannel), ['{"kind":"hand","up":true}']);
  channel.hear('later');
  assert.deepEqual(takeEarly(channel as unknown as RTCDataChannel), []);
});

test('one side may ask the other to lower its hand', async () => {
  const [ann, ben] = twoDoors();
  const ofBen = feature(Features.RaiseHand, ben);
  const ofAnn = feature(Features.RaiseHand, ann);
  await ofBen.raiseHand();
  ann.reconnect();
  ben.reconnect();
  await ofAnn.lowerHands([{ communicationUserId: BEN }]);
  assert.deepEqual(ofBen.getRaisedHands(), []);
  await assert.rejects(ofAnn.lowerHands([{ communicationUserId: '8:acs:resource_carl' }]), { code: 400 });
});

test('what is handed out may be frozen, and stays right', async () => {
  const [ann] = twoDoors();
  const hands = feature(Features.RaiseHand, ann);
  await hands.raiseHand();
  const given = hands.getRaisedHands();
  given.forEach((hand) => Object.freeze(Object.freeze(hand).identifier));
  await hands.lowerHand();
  assert.equal(given.length, 1);
  assert.deepEqual(hands.getRaisedHands(), []);
});

test('reactions reach the other side, and only the five that exist', async () => {
  const [ann, ben] = twoDoors();
  const ofBen = feature(Features.Reaction, ben);
  const ofAnn = feature(Features.Reaction, ann);
  const seen: unknown[] = [];
  ofBen.on('reaction', (event) => seen.push(event));
  await ofAnn.sendReaction({ reactionType: 'heart' });
  assert.deepEqual(seen, [{ identifier: user(ANN), reactionMessage: { reactionType: 'heart' } }]);
  await assert.rejects(ofAnn.sendReaction({ reactionType: 'sigh' as 'heart' }), { code: 400 });
  ann.path = 'connecting';
  await assert.rejects(ofAnn.sendReaction({ reactionType: 'heart' }), { code: 412 });
});

test('the spotlight is agreed by both sides', async () => {
  const [ann, ben] = twoDoors();
  const ofBen = feature(Features.Spotlight, ben);
  const ofAnn = feature(Features.Spotlight, ann);
  const changes: unknown[] = [];
  ofBen.on('spotlightChanged', ({ added, removed }) => changes.push([added.length, removed.length]));
  await ofAnn.startSpotlight();
  await ofAnn.startSpotlight([{ communicationUserId: BEN }]);
  assert.deepEqual(ofBen.getSpotlightedParticipants().map(({ identifier }) => identifier), [user(ANN), user(BEN)]);
  await ofAnn.stopAllSpotlight();
  assert.deepEqual(ofBen.getSpotlightedParticipants(), []);
  assert.deepEqual(changes, [[1, 0], [1, 0], [0, 2]]);
});

test('typed text is seen while it is typed, and lines are numbered', async () => {
  const [ann, ben] = twoDoors();
  const ofBen = feature(Features.RealTimeText, ben);
  const ofAnn = feature(Features.RealTimeText, ann);
  const lines: RealTimeTextInfo[] = [];
  const own: boolean[] = [];
  ofBen.on('realTimeTextReceived', (line) => lines.push(line));
  ofAnn.on('realTimeTextReceived', (line) => own.push(line.isLocal));
  await ofAnn.sendRealTimeText('he');
  await ofAnn.sendRealTimeText('hello', true);
  await ofAnn.sendRealTimeText('x');
  assert.deepEqual(
    lines.map(({ sequenceId, text, resultType, isLocal }) => [sequenceId, text, resultType, isLocal]),
    [
      [1, 'he', 'Partial', false],
      [1, 'hello', 'Final', false],
      [2, 'x', 'Partial', false],
    ],
  );
  assert.equal(lines[0]?.receivedTimestamp, lines[1]?.receivedTimestamp);
  assert.deepEqual(own, [true, true, true]);
});

test('diagnostics are told to the other side only after it is switched on', () => {
  const [ann, ben] = twoDoors();
  const ofBen = feature(Features.UserFacingDiagnostics, ben);
  const ofAnn = feature(Features.UserFacingDiagnostics, ann);
  const seen: unknown[] = [];
  ofBen.remote.on('diagnosticChanged', ({ diagnostics }) => diagnostics.forEach(({ rawId, diagnostic, value }) => seen.push([rawId, diagnostic, value])));
  const values = ofAnn.media as unknown as { set(name: string, value: boolean): void };
  values.set('cameraFreeze', true);
  assert.deepEqual(seen, []);
  ofAnn.remote.startSendingDiagnostics();
  assert.deepEqual(seen, [[ANN, 'cameraFreeze', true]]);
  values.set('cameraFreeze', false);
  assert.deepEqual(seen.at(-1), [ANN, 'cameraFreeze', false]);
  assert.equal(ofBen.remote.getLatest().diagnostics.length, 1);
  ann.end();
  ben.end();
});

test('nonsense from the other side is dropped', () => {
  const nonsense = ['', '{', 'null', '[]', '{"kind":"hand"}', '{"kind":"hand","up":"yes"}', '{"kind":"spotlight","ids":[1]}', '{"kind":"text","sequence":"1","text":"x"}',
    '{"kind":"other"}', `{"kind":"reaction","reaction":"${'x'.repeat(20_000)}"}`, new ArrayBuffer(4), undefined];
  nonsense.forEach((data) => assert.equal(parse(data), undefined));
  assert.deepEqual(parse('{"kind":"hand","up":true,"more":1}'), { kind: 'hand', up: true });
});
