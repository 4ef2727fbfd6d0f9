import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventConnection } from '../../src/connection/events.js';
import { Rest } from '../../src/connection/rest.js';
import { TokenSource } from '../../src/token.js';
import { settle, token, World } from '../world.js';

const ice = { stun: [], turn: [], expiresAt: 0 };
const welcome = (seq: number, reset = false) => ({ type: 'welcome', identity: '8:acs:r_u', seq, reset, calls: [], ice, serverTime: 0 });
const event = (seq: number) => ({ type: 'event', seq, at: 0, event: { type: 'ringing', callId: `c${seq}` } });

async function connection(tokens: () => { token: string; expiresOnTimestamp: number } = () => given('one'), world = new World()) {
  const source = new TokenSource({ getToken: async () => tokens() });
  const rest = new Rest('https://exchange.test', source, world);
  const events = new EventConnection({ endpoint: 'https://exchange.test', endpointId: 'e', tokens: source, rest, surroundings: world });
  const heard: string[] = [];
  const status: string[] = [];
  events.on('event', (one) => heard.push(one.callId));
  events.on('status', ({ isUp, trouble }) => status.push(isUp ? 'up' : (trouble ?? 'down')));
  events.open();
  await settle();
  return { world, events, heard, status };
}

function given(name: string, seconds = 3_600, world = new World()) {
  return { token: token({ name }), expiresOnTimestamp: world.wallClock() + seconds * 1000 };
}

async function up() {
  const made = await connection();
  made.world.last.open();
  made.world.last.say(welcome(10, true));
  return made;
}

test('the first frame is a hello with the token, and no number', async () => {
  const { world } = await up();
  assert.equal(world.last.url, 'wss://exchange.test/client/events');
  assert.deepEqual(world.last.sent, [{ type: 'hello', token: given('one').token, endpointId: 'e' }]);
});

test('a ping is answered', async () => {
  const { world } = await up();
  world.last.say({ type: 'ping' });
  assert.deepEqual(world.last.sent.at(-1), { type: 'pong' });
});

test('after a break the client names the last number it saw, and hears nothing twice', async () => {
  const { world, heard, status } = await up();
  world.last.say(event(11));
  world.last.say(event(14));
  world.last.break();
  await world.pass(300);
  assert.equal(world.sockets.length, 2);
  world.last.open();
  assert.equal(world.last.sent[0]?.['after'], 14);
  world.last.say(welcome(14));
  world.last.say(event(14));
  world.last.say(event(15));
  assert.deepEqual(heard, ['c11', 'c14', 'c15']);
  assert.deepEqual(status, ['up', 'connectionIssue', 'up']);
});

test('a reset begins at the number of the welcome', async () => {
  const { world, heard } = await up();
  world.last.say(event(11));
  world.last.break();
  await world.pass(300);
  world.last.open();
  world.last.say(welcome(100, true));
  world.last.say(event(50));
  world.last.say(event(101));
  assert.deepEqual(heard, ['c11', 'c101']);
});

test('twelve seconds of silence are the end of a connection', async () => {
  const { world, status } = await up();
  await world.pass(11_000);
  world.last.say({ type: 'ping' });
  await world.pass(11_999);
  assert.deepEqual(status, ['up']);
  await world.pass(1);
  assert.deepEqual(status, ['up', 'connectionIssue']);
});

test('waits grow from 0.3 s to 5 s', async () => {
  const { world } = await up();
  world.last.break();
  const waits: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    const [before, count] = [world.now(), world.sockets.length];
    while (world.sockets.length === count) await world.pass(10);
    waits.push(world.now() - before);
    world.last.break();
  }
  assert.deepEqual(waits, [300, 600, 1_200, 2_400, 4_800, 5_000, 5_000]);
});

test('another network ends the old connection and opens one at once', async () => {
  const { world, status } = await up();
  const old = world.last;
  world.network('changed');
  await settle();
  assert.equal(old.isClosed, true);
  assert.equal(world.sockets.length, 2);
  assert.deepEqual(status, ['up', 'connectionIssue']);
});

test('while waiting, a hint of a network connects at once', async () => {
  const { world } = await up();
  world.last.break();
  await world.pass(299);
  assert.equal(world.sockets.length, 1);
  world.network('hint');
  await settle();
  assert.equal(world.sockets.length, 2);
});

test('two WebSockets without a welcome lead to long poll, which WebSocket takes over from later', async () => {
  const { world, heard, status } = await connection();
  world.last.break();
  await world.pass(300);
  world.last.break();
  await world.pass(600);
  const register = world.requests.at(-1)!;
  assert.deepEqual([register.method, register.path, register.body], ['PUT', '/client/endpoints/e', {}]);
  register.answer(200, welcome(20, true));
  await settle();
  const poll = world.requests.at(-1)!;
  assert.equal(poll.path, '/client/events/poll?endpointId=e&after=20&wait=20');
  poll.answer(200, { frames: [event(21), event(22)], seq: 22 });
  await settle();
  assert.equal(world.requests.at(-1)!.path, '/client/events/poll?endpointId=e&after=22&wait=20');
  assert.deepEqual(heard, ['c21', 'c22']);
  assert.deepEqual(status, ['connectionIssue', 'connectionIssue', 'up']);

  while (world.sockets.length < 3) {
    const waiting = world.requests.at(-1)!;
    await world.pass(20_000);
    waiting.answer(200, { frames: [], seq: 22 });
    await settle();
  }
  world.last.open();
  assert.equal(world.last.sent[0]?.['after'], 22);
  world.last.say(welcome(22));
  world.requests.at(-1)!.answer(200, { frames: [event(23)], seq: 23 });
  world.last.say(event(23));
  await settle();
  assert.deepEqual(heard, ['c21', 'c22', 'c23']);
});

test('a poll that fails three times is the end of the connection', async () => {
  const { world, status } = await connection();
  world.last.break();
  await world.pass(300);
  world.last.break();
  await world.pass(600);
  world.requests.at(-1)!.answer(200, welcome(20, true));
  await settle();
  for (let failure = 0; failure < 3; failure += 1) {
    world.requests.at(-1)!.fail();
    await world.pass(1_300);
  }
  assert.equal(status.at(-1), 'connectionIssue');
});

test('the next token is given in place before the old one is over', async () => {
  const world = new World();
  let name = 'one';
  const { world: same } = await connection(() => given(name, name === 'one' ? 3_600 : 7_200, world), world);
  same.last.open();
  same.last.say(welcome(1, true));
  name = 'two';
  const beat = (seconds: number) => passWithPings(same, seconds);
  await beat(3_230);
  assert.equal(same.last.sent.some((frame) => frame['type'] === 'token'), false);
  await beat(20);
  assert.deepEqual(same.last.sent.filter((frame) => frame['type'] === 'token'), [{ type: 'token', token: given('two').token }]);
  assert.equal(same.sockets.length, 1);
});

async function passWithPings(world: World, seconds: number): Promise<void> {
  for (let passed = 0; passed < seconds; passed += 10) {
    await world.pass(10_000);
    world.last.say({ type: 'ping' });
  }
}

test('a refused token is replaced once; when there is no other, the app is told', async () => {
  let name = 'one';
  const { world, status } = await connection(() => given(name));
  world.last.open();
  name = 'two';
  world.last.say({ type: 'tokenRefused', message: 'over' });
  await settle();
  world.last.open();
  assert.equal(world.last.sent[0]?.['token'], given('two').token);
  world.last.break(4401);
  await settle();
  assert.equal(status.at(-1), 'invalidToken');
  assert.equal(world.sockets.length, 2);
  name = 'three';
  await world.pass(30_000);
  world.last.open();
  world.last.say(welcome(1, true));
  assert.equal(status.at(-1), 'up');
});

test('a closed connection says and hears nothing', async () => {
  const { world, events, status } = await up();
  events.close();
  world.network('changed');
  await world.pass(60_000);
  assert.equal(world.sockets.length, 1);
  assert.deepEqual(status, ['up']);
});
