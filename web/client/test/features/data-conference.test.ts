/** Data in a group call: through the media processor. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallClient, Features } from '../../src/index.js';
import type { DataChannelReceiver } from '../../src/index.js';
import { MAX_MESSAGE, parseLabel, readFrame, writeFrame } from '../../src/features/data-frame.js';
import { Allowance, broadcastRate, Meter, rateOf } from '../../src/features/data-rate.js';
import { signsOf } from '../../src/features/signs.js';
import { ANN, BEN, FakeChannel, FakeDoor, fakeCall, feature, placeOf } from './fake-door.js';

const BEN_1 = '00000000-0000-4000-8000-0000000000b1';
const BEN_2 = '00000000-0000-4000-8000-0000000000b2';
const CARL = '8:acs:resource_carl';
const CARL_1 = '00000000-0000-4000-8000-0000000000c1';

/** Ann in a conference with Ben, who has two devices, and Carl. What she opens leads to the media processor. */
function conference() {
  const door = new FakeDoor(ANN, BEN);
  const server = new FakeDoor(BEN, ANN);
  door.facing = server;
  const opened: FakeChannel[] = [];
  server.onDataChannel((channel) => opened.push(channel as unknown as FakeChannel));
  const places = [placeOf(ANN, 'a1', { isOwn: true }), placeOf(BEN, BEN_1), placeOf(BEN, BEN_2), placeOf(CARL, CARL_1)];
  door.room.change('people', { isGroup: true, isConference: true, places });
  const heard: { label: string; frame: Uint8Array }[] = [];
  const listen = (): void => opened.forEach((channel) => {
      channel.addEventListener('message', (event) => heard.push({ label: channel.label, frame: new Uint8Array((event as MessageEvent<ArrayBuffer>).data) }));
    });
  /** The media processor brings a message of somebody. */
  const bring = (label: string, sequence: number, text: string): FakeChannel => {
    const near = new FakeChannel(label);
    server.openDataChannel(label, {}, (channel) => (near.other = (channel as unknown as FakeChannel).other));
    near.other!.hear(writeFrame(sequence, undefined, new TextEncoder().encode(text)).buffer);
    return near;
  };
  server.facing = door;
  return { door, data: feature(Features.DataChannel, door), opened, heard, listen, bring };
}

const bytes = (words: string): Uint8Array => new TextEncoder().encode(words);
const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data);

test('a message to everybody has an empty list, one to some names their devices', async () => {
  const { data, heard, listen } = conference();
  const sender = data.createDataChannelSender({ channelId: 5 });
  listen();
  await sender.sendMessage(bytes('all'));
  sender.setParticipants([{ communicationUserId: BEN }]);
  await sender.sendMessage(bytes('ben'));
  assert.deepEqual([...heard[0]!.frame.slice(0, 5)], [0, 0, 0, 0, 0]);
  assert.equal(text(heard[0]!.frame.slice(5)), 'all');
  assert.deepEqual([...heard[1]!.frame.slice(0, 5)], [0, 0, 0, 1, 2]);
  assert.deepEqual([heard[1]!.frame[20], heard[1]!.frame[36], heard[1]!.frame[5 + 6]], [0xb1, 0xb2, 0x40]);
  assert.equal(text(heard[1]!.frame.slice(37)), 'ben');
  sender.close();
});

test('a message for somebody who is not here is not sent, least of all to everybody', async () => {
  const { door, data, heard, listen } = conference();
  const sender = data.createDataChannelSender({ channelId: 5, participants: [{ communicationUserId: CARL }] });
  listen();
  door.room.change('people', { places: [placeOf(ANN, 'a1', { isOwn: true }), placeOf(BEN, BEN_1)] });
  await sender.sendMessage(bytes('x'));
  assert.deepEqual(heard, []);
  sender.close();
});

test('each sender is a receiver of its own, on the same channel too', () => {
  const { data, bring } = conference();
  const receivers: DataChannelReceiver[] = [];
  data.on('dataChannelReceiverCreated', (receiver) => receivers.push(receiver));
  bring(`data/5/1/Lossy/${BEN_1}`, 3, 'of ben');
  bring(`data/5/9/Lossy/${CARL_1}`, 0, 'of carl');
  const seen = receivers.map((receiver) => [(receiver.senderParticipantIdentifier as { communicationUserId: string }).communicationUserId, text(receiver.readMessage()?.data)]);
  assert.deepEqual(seen, [[BEN, 'of ben'], [CARL, 'of carl']]);
  data.dispose();
});

test('a channel of somebody who is not in the list yet waits until the exchange tells of them', () => {
  const { door, data, bring } = conference();
  const receivers: DataChannelReceiver[] = [];
  data.on('dataChannelReceiverCreated', (receiver) => receivers.push(receiver));
  const DAN_1 = '00000000-0000-4000-8000-0000000000d1';
  bring(`data/5/1/Durable/${DAN_1}`, 0, 'hello');
  assert.equal(receivers.length, 0);
  door.room.change('people', { places: [...door.room.places, placeOf('8:acs:resource_dan', DAN_1)] });
  assert.equal(receivers.length, 1);
  data.dispose();
});

test('a list has at most 64 devices, whatever the number of people', () => {
  const { door, data } = conference();
  const many = Array.from({ length: 65 }, (_, index) => placeOf(BEN, `${index}`));
  door.room.change('people', { places: many });
  assert.throws(() => data.createDataChannelSender({ participants: [{ communicationUserId: BEN }] }), { code: 400 });
});

test('reactions in a group go to everybody, and tell who sent them', async () => {
  const { door, heard, listen, bring } = conference();
  const reaction = feature(Features.Reaction, door);
  const seen: unknown[] = [];
  reaction.on('reaction', ({ identifier, reactionMessage }) => seen.push([(identifier as { communicationUserId: string }).communicationUserId, reactionMessage.reactionType]));
  listen();
  await reaction.sendReaction({ reactionType: 'like' });
  bring(`data/65535/signs-1/Durable/${CARL_1}`, 0, JSON.stringify({ kind: 'reaction', reaction: 'heart' }));
  assert.deepEqual(seen, [[ANN, 'like'], [CARL, 'heart']]);
  assert.match(heard.at(-1)!.label, /^data\/65535\/signs-\d+\/Durable$/);
  assert.equal(parseLabel(heard.at(-1)!.label), undefined, 'no channel of an application');
  assert.equal(text(heard.at(-1)!.frame.slice(5)), '{"kind":"reaction","reaction":"like"}');
});

test('hands and spotlights that somebody says on the data path mean nothing in a group', () => {
  const { door, bring } = conference();
  const hands = feature(Features.RaiseHand, door);
  signsOf(door);
  bring(`data/65535/signs-1/Durable/${CARL_1}`, 0, JSON.stringify({ kind: 'hand', up: true }));
  assert.deepEqual(hands.getRaisedHands(), []);
});

test('frames are read back, and nonsense is not', () => {
  const frame = writeFrame(7, undefined, bytes('x'));
  assert.deepEqual(readFrame(frame.buffer), { sequenceNumber: 7, data: bytes('x') });
  for (const nonsense of ['x', undefined, new ArrayBuffer(3), new ArrayBuffer(MAX_MESSAGE + 5)]) {
    assert.equal(readFrame(nonsense), undefined);
  }
  assert.equal(parseLabel(`data/5/1/Lossy/${BEN_1}`)?.sender, BEN_1);
  assert.equal(parseLabel('data/5/1/Lossy/ben'), undefined);
});

test('messages to everybody: the more is received, the less is sent, but never nothing; and at most 80 packets a second', () => {
  const most = rateOf('Lossy', false);
  assert.deepEqual([broadcastRate(most, 0), broadcastRate(most, 40_000), broadcastRate(most, 1_000_000)], [64_000, 32_000, 6_400]);
  const allowance = new Allowance(0);
  let sent = 0;
  while (allowance.take(10, most, true, 0) === 0) {
    sent += 1;
  }
  assert.equal(sent, 80);
  assert.equal(allowance.take(10, most, true, 0), 13);
  assert.equal(allowance.take(10, most, true, 13), 0);
  const large = new Allowance(0);
  assert.equal(large.take(MAX_MESSAGE, most, true, 0), 0, '28 packets');
  const meter = new Meter();
  meter.take(1_000, 0);
  meter.take(2_000, 500);
  assert.deepEqual([meter.rate(900), meter.rate(1_200), meter.rate(2_000)], [3_000, 2_000, 0]);
});

test('the extension is no feature of the vendor’s', () => {
  assert.equal('Conference' in Features, false);
  assert.ok(new CallClient() && fakeCall());
});
