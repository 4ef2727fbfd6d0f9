/** A call that moves from one session to the next. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Sessions } from '../../src/call/sessions.js';
import type { SessionsOptions } from '../../src/call/sessions.js';
import type { Peer } from '../../src/call/peer.js';
import type { MediaPath } from '../../src/call/peer-door.js';
import { RelayMemory } from '../../src/call/relay-memory.js';
import type { Signal } from '../../src/wire.js';
import { FakeConnection, install } from '../fake-connection.js';
import { settle, World } from '../world.js';

beforeEach(() => install());

/** Media of a call, and what became of it. */
function stage(more: Partial<SessionsOptions> = {}) {
  const world = new World();
  const seen = { peer: undefined as Peer | undefined, sends: [] as Peer[], paths: [] as MediaPath[], signals: [] as Signal[] };
  const sessions = new Sessions({
    isCaller: true,
    surroundings: world,
    ice: () => ({ stun: [], turn: [], expiresAt: 0 }),
    relayMemory: new RelayMemory(world),
    send: (signal) => seen.signals.push(signal),
    isMediaAllowed: () => true,
    isAnybodyAudible: () => true,
    wishes: () => [],
    listener: {
      peer: (peer) => (seen.peer = peer),
      sends: (peers) => (seen.sends = peers),
      path: (path) => seen.paths.push(path),
      channel: () => {},
    },
    ...more,
  });
  return { world, seen, sessions };
}

type Stage = ReturnType<typeof stage>;

/** Two people talk to each other. */
async function talking(more: Partial<SessionsOptions> = {}): Promise<Stage & { direct: FakeConnection }> {
  const it = stage(more);
  await it.sessions.offer('direct', 0, () => {});
  it.sessions.description({ kind: 'answer', epoch: 0, sdp: 'answer' });
  await settle();
  FakeConnection.last.connect();
  assert.equal(it.sessions.path, 'connected');
  return { ...it, direct: FakeConnection.last };
}

/** The exchange convenes them: offer and answer of epoch 1. */
async function convened(it: Stage): Promise<FakeConnection> {
  it.sessions.convene(1);
  await settle();
  assert.ok(it.seen.signals.some((signal) => signal.type === 'describe' && signal.description.epoch === 1));
  it.sessions.answered({ kind: 'answer', epoch: 1, sdp: 'answer' });
  await settle();
  return FakeConnection.last;
}

test('until the next session is complete people hear the old one, and both carry what is sent', async () => {
  const it = await talking();
  const next = await convened(it);
  assert.equal(it.seen.peer?.connection, it.direct as never);
  assert.deepEqual(it.seen.sends.map(({ epoch }) => epoch), [1, 0]);
  next.connect();
  await it.world.pass(500);
  assert.equal(it.seen.peer?.epoch, 0, 'connected, but nothing is heard over it');
  next.say({ type: 'slots', slots: [] });
  next.lines[3]!.receiver.arrives = true;
  await it.world.pass(50);
  assert.equal(it.seen.peer?.epoch, 1);
  assert.equal(it.direct.isClosed, false, 'the other side may still listen');
  it.sessions.convened(1);
  await it.world.pass(4_900);
  assert.equal(it.direct.isClosed, false, 'the other side is connected, and may still wait for a picture');
  await it.world.pass(200);
  assert.equal(it.direct.isClosed, true);
  assert.deepEqual(it.seen.sends.map(({ epoch }) => epoch), [1]);
  assert.equal(it.seen.paths.includes('interrupted'), false);
});

test('a picture that somebody looks at has to arrive as well', async () => {
  const it = await talking({ wishes: () => [{ participant: 'b', source: 'camera', width: 640, height: 360 }] });
  const next = await convened(it);
  next.connect();
  next.lines[0]!.receiver.arrives = true;
  next.say({ type: 'slots', slots: [{ mid: '7', participant: 'b', source: 'camera' }] });
  await it.world.pass(200);
  assert.equal(it.seen.peer?.epoch, 0);
  next.lines[7]!.receiver.arrives = true;
  await it.world.pass(50);
  assert.equal(it.seen.peer?.epoch, 1);
  assert.equal(it.sessions.conference?.receiver('b', 'camera'), next.lines[7]!.receiver);
});

test('somebody who sends nothing holds a move up for a while only', async () => {
  const it = await talking();
  (await convened(it)).connect();
  await it.world.pass(3_900);
  assert.equal(it.seen.peer?.epoch, 0);
  await it.world.pass(200);
  assert.equal(it.seen.peer?.epoch, 1);
  await it.world.pass(15_000);
  assert.equal(it.direct.isClosed, true, 'although nobody said that all have moved');
});

test('when the old session is dead the next one is taken as soon as it is connected', async () => {
  const it = await talking();
  it.direct.become('failed');
  const next = await convened(it);
  next.connect();
  await settle();
  assert.equal(it.seen.peer?.epoch, 1);
  assert.equal(it.direct.isClosed, true);
});

test('a move that comes to nothing leaves the old session as it was', async () => {
  const it = await talking();
  const next = await convened(it);
  it.sessions.adjourned(0);
  assert.equal(next.isClosed, true);
  assert.equal(it.seen.peer?.epoch, 0);
  assert.deepEqual(it.seen.sends.map(({ epoch }) => epoch), [0]);
});

test('a move that comes to nothing after this side has moved is taken back', async () => {
  const it = await talking({ isAnybodyAudible: () => false });
  const next = await convened(it);
  next.connect();
  next.say({ type: 'slots', slots: [] });
  await it.world.pass(50);
  assert.equal(it.seen.peer?.epoch, 1);
  it.sessions.adjourned(0);
  assert.equal(it.seen.peer?.epoch, 0);
  assert.equal(next.isClosed, true);
  assert.equal(it.direct.isClosed, false);
});

test('a next session that finds no path is given up, and the old one goes on', async () => {
  const it = await talking();
  await convened(it);
  await it.world.pass(30_000);
  assert.equal(it.seen.peer?.epoch, 0);
  assert.equal(it.sessions.path, 'connected');
  assert.equal(it.seen.paths.includes('failed'), false);
});

test('convening twice for the same epoch is once', async () => {
  const it = await talking();
  await convened(it);
  const made = FakeConnection.made.length;
  it.sessions.convene(1);
  await settle();
  assert.equal(FakeConnection.made.length, made);
});

test('a lost media processor is replaced by the next epoch', async () => {
  const it = stage();
  await it.sessions.offer('conference', 0, () => {});
  it.sessions.answered({ kind: 'answer', epoch: 0, sdp: 'answer' });
  await settle();
  const first = FakeConnection.last;
  first.connect();
  const second = await convened(it);
  assert.notEqual(second, first);
  second.connect();
  second.say({ type: 'slots', slots: [] });
  second.lines[0]!.receiver.arrives = true;
  await it.world.pass(50);
  assert.equal(it.seen.peer?.epoch, 1);
});

test('towards the media processor there are slots, layers, and no word about candidates', async () => {
  const it = stage();
  await it.sessions.offer('conference', 0, () => {});
  const { lines } = FakeConnection.last;
  const count = (kind: string, direction: string): number => lines.filter((line) => line.kind === kind && line.direction === direction).length;
  assert.deepEqual(
    [count('audio', 'sendrecv'), count('video', 'sendonly'), count('audio', 'recvonly'), count('video', 'recvonly')],
    [1, 2, 4, 10],
  );
  assert.deepEqual(lines[1]!.sender.parameters.encodings.map(({ rid, scaleResolutionDownBy }) => [rid, scaleResolutionDownBy]), [
    ['l', 4],
    ['m', 2],
    ['h', 1],
  ]);
  assert.equal(lines[2]!.sender.parameters.encodings.length, 1, 'a screen has one layer');
  assert.equal(it.seen.signals.some(({ type }) => type === 'candidates'), false);
});

test('the media processor that does not answer gets another offer', async () => {
  const it = stage();
  await it.sessions.offer('conference', 0, () => {});
  await it.world.pass(8_000);
  const offers = it.seen.signals.filter((signal) => signal.type === 'describe');
  assert.deepEqual(offers.map((signal) => signal.type === 'describe' && signal.description.epoch), [1]);
});
