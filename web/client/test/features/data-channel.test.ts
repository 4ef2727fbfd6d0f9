import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_MESSAGE, parseLabel, writeLabel } from '../../src/features/data-frame.js';
import { rateOf } from '../../src/features/data-rate.js';
import { SILENCE } from '../../src/features/data-receiver.js';
import { MAX_QUEUED } from '../../src/features/data-sender.js';
import { Features } from '../../src/features/index.js';
import type { DataChannelReceiver } from '../../src/types/index.js';
import { ANN, BEN, feature, twoDoors } from './fake-door.js';

/** Both sides, and what the second one received. */
function pair() {
  const [ann, ben] = twoDoors();
  const receivers: DataChannelReceiver[] = [];
  const sending = feature(Features.DataChannel, ann);
  feature(Features.DataChannel, ben).on('dataChannelReceiverCreated', (receiver) => receivers.push(receiver));
  return { ann, ben, sending, receivers };
}

const text = (data: Uint8Array | undefined) => new TextDecoder().decode(data);
const bytes = (words: string) => new TextEncoder().encode(words);

test('a message arrives with its number, its channel and its sender', async () => {
  const { sending, receivers } = pair();
  const sender = sending.createDataChannelSender({ channelId: 1000, reliability: 'Durable' });
  await sender.sendMessage(bytes('one'));
  await sender.sendMessage(bytes('two'));
  const [receiver] = receivers;
  assert.equal(receiver?.channelId, 1000);
  assert.deepEqual(receiver?.senderParticipantIdentifier, { kind: 'communicationUser', communicationUserId: ANN });
  const first = receiver?.readMessage();
  assert.deepEqual([first?.sequenceNumber, text(first?.data)], [0, 'one']);
  const second = receiver?.readMessage();
  assert.deepEqual([second?.sequenceNumber, text(second?.data)], [1, 'two']);
  assert.equal(receiver?.readMessage(), undefined);
  sender.close();
});

test('messageReady tells of every message', async () => {
  const { sending, receivers } = pair();
  const sender = sending.createDataChannelSender({ channelId: 7 });
  let told = 0;
  receivers[0]?.on('messageReady', () => (told += 1));
  await sender.sendMessage(bytes('x'));
  await sender.sendMessage(bytes('y'));
  assert.equal(told, 2);
  sender.close();
});

test('a channel id is chosen when none is given, and never twice', () => {
  const { sending } = pair();
  const ids = [0, undefined].map((channelId) => sending.createDataChannelSender({ channelId }).channelId);
  assert.ok(ids.every((id) => id >= 1 && id <= 65_535));
  assert.notEqual(ids[0], ids[1]);
  sending.dispose();
});

test('channel ids outside of 1 to 65535 are refused', () => {
  const { sending } = pair();
  for (const channelId of [-1, 65_536, 1.5]) {
    assert.throws(() => sending.createDataChannelSender({ channelId }), { code: 400 });
  }
});

test('a message of 32 KB goes, one byte more is refused', async () => {
  const { sending, receivers } = pair();
  const sender = sending.createDataChannelSender({ channelId: 1 });
  assert.equal(sender.maxMessageSize, 32_768);
  await sender.sendMessage(new Uint8Array(MAX_MESSAGE).fill(7));
  const received = receivers[0]?.readMessage();
  assert.equal(received?.data.byteLength, MAX_MESSAGE);
  assert.ok(received?.data.every((byte) => byte === 7));
  await assert.rejects(sender.sendMessage(new Uint8Array(MAX_MESSAGE + 1)), { code: 400 });
  sender.close();
});

test('a new sender on the same channel is a new session and closes the receiver of the old one', async () => {
  const { sending, receivers } = pair();
  const old = sending.createDataChannelSender({ channelId: 5 });
  let closed = 0;
  receivers[0]?.on('close', () => (closed += 1));
  const fresh = sending.createDataChannelSender({ channelId: 5 });
  assert.equal(closed, 1);
  assert.equal(receivers.length, 2);
  await assert.rejects(old.sendMessage(bytes('late')), { code: 412 });
  await fresh.sendMessage(bytes('new'));
  assert.equal(receivers[1]?.readMessage()?.sequenceNumber, 0);
  assert.equal(receivers[0]?.readMessage(), undefined);
  fresh.close();
});

test('a session goes on over a new peer connection, with the same receiver and rising numbers', async () => {
  const { ann, sending, receivers } = pair();
  const sender = sending.createDataChannelSender({ channelId: 5, reliability: 'Durable' });
  let closed = 0;
  receivers[0]?.on('close', () => (closed += 1));
  await sender.sendMessage(bytes('before'));
  ann.reconnect();
  await sender.sendMessage(bytes('after'));
  assert.equal(receivers.length, 1);
  assert.deepEqual([receivers[0]?.readMessage()?.sequenceNumber, receivers[0]?.readMessage()?.sequenceNumber], [0, 1]);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(closed, 0);
  sender.close();
  assert.equal(closed, 1);
});

test('messages for others are not sent, and leave gaps in the numbers', async () => {
  const { sending, receivers } = pair();
  const sender = sending.createDataChannelSender({ channelId: 5, participants: [{ communicationUserId: '8:acs:resource_carl' }] });
  await sender.sendMessage(bytes('not for ben'));
  sender.setParticipants([{ communicationUserId: BEN }]);
  await sender.sendMessage(bytes('for ben'));
  const message = receivers[0]?.readMessage();
  assert.deepEqual([message?.sequenceNumber, text(message?.data)], [1, 'for ben']);
  assert.throws(() => sender.setParticipants(Array.from({ length: 65 }, () => ({ communicationUserId: BEN }))), { code: 400 });
  sender.close();
});

test('a receiver closes after two minutes of silence', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { sending, receivers } = pair();
  sending.createDataChannelSender({ channelId: 5 });
  let closed = 0;
  receivers[0]?.on('close', () => (closed += 1));
  context.mock.timers.tick(SILENCE - 1);
  assert.equal(closed, 0);
  context.mock.timers.tick(1);
  assert.equal(closed, 1);
  sending.dispose();
});

test('what is faster than the rate waits, and what would wait too long is refused', async () => {
  const { sending, receivers } = pair();
  const sender = sending.createDataChannelSender({ channelId: 5, reliability: 'Durable' });
  const large = new Uint8Array(MAX_MESSAGE - 4);
  await sender.sendMessage(large);
  await sender.sendMessage(large);
  let isSent = false;
  const third = sender.sendMessage(large).then(() => (isSent = true));
  third.catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(isSent, false);
  assert.ok(receivers[0]?.readMessage() && receivers[0].readMessage() && !receivers[0].readMessage());
  const waiting = Array.from({ length: Math.floor(MAX_QUEUED / large.byteLength) + 1 }, () => sender.sendMessage(large));
  const outcomes = Promise.allSettled(waiting);
  sender.close();
  const refused = (await outcomes).filter((outcome) => outcome.status === 'rejected');
  assert.equal(refused.length, waiting.length);
  await assert.rejects(third, { code: 412 });
});

test('rates are those of the service limits', () => {
  assert.deepEqual([rateOf('Durable', false), rateOf('Lossy', false), rateOf('Lossy', true)], [8_000, 64_000, 25_000]);
});

test('labels are read back, and foreign ones are not ours', () => {
  const label = { channelId: 65_535, session: 1_700_000_000_000, reliability: 'Lossy' as const };
  assert.deepEqual(parseLabel(writeLabel(label)), label);
  for (const foreign of ['', 'signs', 'data/0/1/Lossy', 'data/65536/1/Lossy', 'data/1/1/Fast', 'data/1/1/Lossy/x', 'data/1/-1/Lossy']) {
    assert.equal(parseLabel(foreign), undefined);
  }
});

test('the end of the call closes both ends', () => {
  const { ann, ben, sending, receivers } = pair();
  const sender = sending.createDataChannelSender({ channelId: 5 });
  let closed = 0;
  receivers[0]?.on('close', () => (closed += 1));
  ben.end();
  assert.equal(closed, 1);
  ann.end();
  return assert.rejects(sender.sendMessage(bytes('x')), { code: 412 });
});

test('a feature that is made after the sender hears of it as soon as it listens', async () => {
  const [ann, ben] = twoDoors();
  const sender = feature(Features.DataChannel, ann).createDataChannelSender({ channelId: 9 });
  const late = feature(Features.DataChannel, ben);
  await sender.sendMessage(bytes('early'));
  const receivers: DataChannelReceiver[] = [];
  late.on('dataChannelReceiverCreated', (receiver) => receivers.push(receiver));
  await Promise.resolve();
  assert.equal(text(receivers[0]?.readMessage()?.data), 'early');
  assert.equal(receivers.length, 1);
  sender.close();
});
