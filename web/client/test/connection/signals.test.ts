import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NetworkError, RestError } from '../../src/connection/rest.js';
import { SignalQueue } from '../../src/connection/signals.js';
import type { SendSignals, Signal } from '../../src/wire.js';
import { settle, World } from '../world.js';

const candidate = (name: string, epoch = 0): Signal => ({ type: 'candidates', candidates: { epoch, list: [{ candidate: name }] } });

function line(answer: (request: SendSignals, tries: number) => Promise<unknown> = async () => {}) {
  const world = new World();
  const posts: SendSignals[] = [];
  const gone: RestError[] = [];
  const queue = new SignalQueue('c', 'e', (_, request) => answer(request, posts.push(request)), world, (error) => gone.push(error));
  return { world, posts, queue, gone };
}

test('nothing is sent before the exchange knows the call', async () => {
  const { world, posts, queue } = line();
  void queue.send({ type: 'hold' });
  await world.pass(1_000);
  assert.equal(posts.length, 0);
  queue.open();
  await settle();
  assert.equal(posts.length, 1);
});

test('candidates wait 20 ms for company and go as one signal, per peer connection', async () => {
  const { world, posts, queue } = line();
  queue.open();
  for (const one of [candidate('a'), candidate('b'), candidate('c', 1)]) void queue.send(one);
  await world.pass(19);
  assert.equal(posts.length, 0);
  await world.pass(1);
  assert.deepEqual(posts[0]?.signals, [
    { type: 'candidates', candidates: { epoch: 0, list: [{ candidate: 'a' }, { candidate: 'b' }] } },
    candidate('c', 1),
  ]);
});

test('anything else goes at once, and takes the candidates before it along in order', async () => {
  const { posts, queue } = line();
  queue.open();
  void queue.send(candidate('a'));
  void queue.send({ type: 'hold' });
  await settle();
  assert.deepEqual(posts[0]?.signals.map((signal) => signal.type), ['candidates', 'hold']);
});

test('one request is on its way at a time; what came meanwhile goes together afterwards', async () => {
  let finish = (): void => {};
  const { posts, queue } = line((_, tries) => (tries === 1 ? new Promise<void>((resolve) => (finish = resolve)) : Promise.resolve()));
  queue.open();
  void queue.send({ type: 'hold' });
  void queue.send({ type: 'resume' });
  void queue.send({ type: 'hangUp' });
  await settle();
  assert.equal(posts.length, 1);
  finish();
  await settle();
  assert.deepEqual(posts.map((post) => post.signals.map((signal) => signal.type)), [['hold'], ['resume', 'hangUp']]);
});

test('a request that got lost is repeated unchanged until it is taken', async () => {
  const { world, posts, queue } = line(async (_, tries) => {
    if (tries < 3) throw tries === 1 ? new NetworkError('lost') : new RestError(503, 'Busy', 'later', undefined);
  });
  queue.open();
  const taken = queue.send({ type: 'hold' });
  await world.pass(10_000);
  await taken;
  assert.equal(posts.length, 3);
  assert.deepEqual(posts[0], posts[2]);
});

test('a refused request is not repeated, and does not stop the next', async () => {
  const { world, posts, queue } = line(async (_, tries) => {
    if (tries === 1) throw new RestError(400, 'Bad', 'no', undefined);
  });
  queue.open();
  await assert.rejects(queue.send({ type: 'hold' }), { status: 400 });
  await queue.send({ type: 'resume' });
  await world.pass(10_000);
  assert.equal(posts.length, 2);
  assert.notEqual(posts[0]?.requestId, posts[1]?.requestId);
});

test('a call that the exchange does not know is told', async () => {
  const { queue, gone } = line(async () => {
    throw new RestError(404, 'CallNotFound', 'no', undefined);
  });
  queue.open();
  await assert.rejects(queue.send({ type: 'hold' }));
  assert.equal(gone.length, 1);
});

test('at most 32 signals go in one request, and at most 256 wait', async () => {
  const { posts, queue } = line();
  const sent = Array.from({ length: 300 }, () => queue.send({ type: 'hold' }).then(() => true, () => false));
  queue.open();
  const taken = (await Promise.all(sent)).filter(Boolean).length;
  assert.equal(taken, 256);
  assert.ok(posts.every((post) => post.signals.length <= 32));
});

test('closing ends the repetition', async () => {
  const { world, posts, queue } = line(async () => {
    throw new NetworkError('lost');
  });
  queue.open();
  const lost = assert.rejects(queue.send({ type: 'hold' }));
  await settle();
  queue.close();
  await lost;
  await world.pass(60_000);
  assert.equal(posts.length, 1);
});
