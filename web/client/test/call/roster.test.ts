import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Roster } from '../../src/call/roster.js';
import type { Participant } from '../../src/wire.js';
import { FakeTrack } from '../fake-connection.js';

function roster() {
  const seen = { added: [] as string[], removed: [] as string[], shown: 0, muted: [] as string[][] };
  const it = new Roster({
    changed: ({ added, removed }) => {
      seen.added.push(...added.map(({ rawId }) => rawId));
      seen.removed.push(...removed.map(({ rawId }) => rawId));
    },
    updated: () => {},
    shown: () => (seen.shown += 1),
    mute: async (ids) => void seen.muted.push(ids),
  });
  return { it, seen };
}

const view = (identity: string, participantId: string | undefined, more: Partial<Participant> = {}): Participant => ({
  identity,
  ...(participantId ? { participantId } : {}),
  state: 'Connected',
  sending: { muted: false, video: false, screen: false },
  ...more,
});

test('somebody with two devices is one participant, and in the call until the last one has gone', () => {
  const { it, seen } = roster();
  it.update(view('8:bob', 'b1'), true);
  it.update(view('8:bob', 'b2', { sending: { muted: true, video: false, screen: false } }), true);
  const [bob] = it.people;
  assert.deepEqual([it.people.length, bob?.endpointDetails], [1, [{ participantId: 'b1' }, { participantId: 'b2' }]]);
  assert.equal(bob?.isMuted, false, 'one of the two is not');
  it.update(view('8:bob', 'b1', { state: 'Disconnected' }), true);
  assert.deepEqual([bob?.state, bob?.isMuted], ['Connected', true]);
  it.update(view('8:bob', 'b2', { state: 'Disconnected', endReason: { code: 0, subCode: 5300 } }), true);
  assert.deepEqual([bob?.state, bob?.callEndReason?.subCode, it.people.length], ['Disconnected', 5300, 0]);
  assert.deepEqual(seen, { added: ['8:bob'], removed: ['8:bob'], shown: 0, muted: [] });
});

test('streams of each device have numbers of their own, and go with it', () => {
  const { it } = roster();
  const sending = { muted: false, video: true, screen: true };
  it.update(view('8:bob', 'b1', { sending }), true);
  it.update(view('8:bob', 'b2', { sending }), true);
  const [bob] = it.people;
  assert.deepEqual(bob?.videoStreams.map(({ id }) => id), [1, 2, 3, 4]);
  const removed: number[] = [];
  bob?.on('videoStreamsUpdated', (change) => removed.push(...change.removed.map(({ id }) => id)));
  it.update(view('8:bob', 'b1', { state: 'Disconnected' }), true);
  assert.deepEqual(removed, [1, 2]);
  assert.deepEqual(bob?.videoStreams.map(({ id }) => id), [3, 4]);
});

test('whom the exchange did not know the device of becomes the first that it names', () => {
  const { it } = roster();
  it.begin(['8:bob', '8:eve', '8:bob']);
  const [bob] = it.people;
  it.update(view('8:bob', undefined, { state: 'Ringing' }), true);
  it.update(view('8:bob', 'b1'), true);
  assert.equal(it.people.length, 2);
  assert.deepEqual([bob?.state, bob?.endpointDetails.length], ['Connected', 1]);
});

test('a picture that is shown is wished for, at its size, as long as it is sent', () => {
  const { it, seen } = roster();
  it.update(view('8:bob', 'b1', { sending: { muted: false, video: true, screen: false } }), true);
  const stream = it.people[0]!.videoStreams[0] as unknown as { shownBy(view: object, size: object | undefined): void };
  assert.deepEqual(it.wishes(), []);
  const one = {};
  const other = {};
  stream.shownBy(one, { width: 320, height: 180 });
  stream.shownBy(other, { width: 640, height: 360 });
  assert.deepEqual(it.wishes(), [{ participant: 'b1', source: 'camera', width: 640, height: 360 }]);
  stream.shownBy(other, undefined);
  assert.deepEqual(it.wishes()[0]?.width, 320);
  assert.equal(seen.shown, 3);
  it.update(view('8:bob', 'b1'), true);
  assert.deepEqual(it.wishes(), []);
});

test('pictures follow the slots', () => {
  const { it } = roster();
  it.update(view('8:bob', 'b1', { sending: { muted: false, video: true, screen: false } }), true);
  const stream = it.people[0]!.videoStreams[0] as unknown as { currentTrack: unknown; isReceiving: boolean };
  assert.equal(stream.isReceiving, false);
  const track = new FakeTrack('video') as unknown as MediaStreamTrack;
  it.attach({ picture: (id, media) => (id === 'b1' && media === 'video' ? track : undefined) });
  assert.equal(stream.currentTrack, track);
  assert.equal(stream.isReceiving, true);
  it.attach({ picture: () => undefined });
  assert.equal(stream.isReceiving, false);
});

test('who speaks is told by device, and somebody muted does not', () => {
  const { it } = roster();
  it.update(view('8:bob', 'b1'), true);
  it.update(view('8:eve', 'e1', { sending: { muted: true, video: false, screen: false } }), true);
  it.setSpeaking(['b1', 'e1']);
  assert.deepEqual(it.people.map(({ isSpeaking }) => isSpeaking), [true, false]);
  it.setSpeaking([]);
  assert.equal(it.people[0]?.isSpeaking, false);
});

test('after missed events those who are not named any more have left', () => {
  const { it } = roster();
  it.update(view('8:bob', 'b1'), true);
  it.update(view('8:eve', 'e1'), true);
  it.catchUp([view('8:eve', 'e1'), view('8:carl', 'c1')], true);
  assert.deepEqual(it.people.map(({ rawId }) => rawId), ['8:eve', '8:carl']);
});

test('muting somebody names all their devices', async () => {
  const { it, seen } = roster();
  it.update(view('8:bob', 'b1'), true);
  it.update(view('8:bob', 'b2'), true);
  await it.people[0]?.mute();
  assert.deepEqual(seen.muted, [['b1', 'b2']]);
});
