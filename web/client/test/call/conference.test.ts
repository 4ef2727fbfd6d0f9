import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Conference } from '../../src/call/conference.js';
import { Peer } from '../../src/call/peer.js';
import { FakeConnection, install } from '../fake-connection.js';
import { World } from '../world.js';

beforeEach(() => install());

async function conference() {
  const world = new World();
  const it = new Conference(world);
  const connect = async (epoch: number): Promise<FakeConnection> => {
    const peer = new Peer(epoch, 'confers', [], { candidate() {}, connection() {}, gathered() {}, channel() {} });
    await peer.offer(false);
    it.attach(peer);
    FakeConnection.last.connect();
    return FakeConnection.last;
  };
  return { world, it, connect, connection: await connect(0) };
}

const said = (connection: FakeConnection): unknown[] => connection.control.sent.map((text) => JSON.parse(text as string));
const camera = { participant: 'a', source: 'camera' as const, width: 640, height: 360 };

test('that nothing is shown is said at once: otherwise everybody would come', async () => {
  const { connection } = await conference();
  assert.deepEqual(said(connection), [{ type: 'want', videos: [] }]);
});

test('wishes that follow one another are one message, and the same ones none', async () => {
  const { it, world, connection } = await conference();
  it.want([{ ...camera, width: 100 }]);
  it.want([camera]);
  await world.pass(60);
  it.want([camera]);
  await world.pass(60);
  assert.deepEqual(said(connection).slice(1), [{ type: 'want', videos: [camera] }]);
});

test('a new peer connection is told the wishes again', async () => {
  const { it, world, connect } = await conference();
  it.want([camera]);
  await world.pass(60);
  const second = await connect(1);
  assert.deepEqual(said(second), [{ type: 'want', videos: [camera] }]);
  assert.equal(it.isArranged, false, 'slots of the connection before mean nothing here');
});

test('a slot gives its picture to whoever is in it, and to nobody when it is empty', async () => {
  const { it, connection } = await conference();
  connection.say({ type: 'slots', slots: [{ mid: '7', participant: 'a', source: 'camera' }] });
  assert.equal(it.receiver('a', 'camera'), connection.lines[7]!.receiver);
  assert.equal(it.receiver('a', 'screen'), undefined);
  connection.say({ type: 'slots', slots: [{ mid: '8', participant: 'a', source: 'camera' }, { mid: '7', participant: 'b', source: 'camera' }] });
  assert.equal(it.receiver('a', 'camera'), connection.lines[8]!.receiver);
  assert.equal(it.receiver('b', 'camera'), connection.lines[7]!.receiver);
  connection.say({ type: 'slots', slots: [] });
  assert.equal(it.receiver('a', 'camera'), undefined);
});

test('all lines for voices play, the composed picture has one of its own', async () => {
  const { it, connection } = await conference();
  assert.equal(it.voices.length, 5);
  assert.equal(it.voices[0], connection.lines[0]!.receiver);
  connection.say({ type: 'slots', slots: [{ mid: '0', source: 'mix' }, { mid: '7', source: 'composition' }] });
  connection.say({ type: 'mode', mode: 'mixed' });
  assert.equal(it.composition, connection.lines[7]!.receiver);
  assert.equal(it.mode, 'mixed');
});

test('speakers, quality and mode are told when they change', async () => {
  const { it, connection } = await conference();
  const heard: string[] = [];
  (['speakers', 'quality', 'mode'] as const).forEach((what) => it.on(what, () => heard.push(what)));
  connection.say({ type: 'mode', mode: 'forwarded' });
  connection.say({ type: 'mode', mode: 'forwarded' });
  connection.say({ type: 'speakers', dominant: ['b'], speaking: [] });
  connection.say({ type: 'quality', participants: [{ participant: 'b', send: 4, receive: 5 }] });
  assert.deepEqual(heard, ['mode', 'speakers', 'quality']);
  assert.deepEqual(it.speakers.dominant, ['b']);
});
