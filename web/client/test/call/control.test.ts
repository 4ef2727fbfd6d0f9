import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choose, MOST_WANTS, parseControl } from '../../src/call/control.js';
import type { Wish } from '../../src/call/control.js';

const wish = (participant: string, width: number, height: number, source: Wish['source'] = 'camera'): Wish => ({ participant, source, width, height });

test('what the media processor says is read', () => {
  const slots = [
    { mid: '0', source: 'mix' },
    { mid: '7', participant: 'a', source: 'camera' },
  ];
  assert.deepEqual(parseControl(JSON.stringify({ type: 'slots', slots })), { type: 'slots', slots });
  assert.deepEqual(parseControl('{"type":"speakers","dominant":["a","b"],"speaking":["b"]}'), {
    type: 'speakers',
    dominant: ['a', 'b'],
    speaking: ['b'],
  });
  assert.deepEqual(parseControl('{"type":"mode","mode":"mixed"}'), { type: 'mode', mode: 'mixed' });
  assert.deepEqual(parseControl('{"type":"quality","participants":[{"participant":"a","send":5,"receive":1}]}'), {
    type: 'quality',
    participants: [{ participant: 'a', send: 5, receive: 1 }],
  });
});

test('what makes no sense is dropped, also in the middle of what does', () => {
  for (const said of ['', 'x', '7', 'null', '[]', '{"type":"other"}', '{"type":"mode","mode":"loud"}', new ArrayBuffer(4), undefined]) {
    assert.equal(parseControl(said), undefined);
  }
  const slots = [{ mid: 3, source: 'mix' }, null, { mid: '4', source: 'camera' }, { mid: '5', participant: 'a', source: 'nose' }];
  assert.deepEqual(parseControl(JSON.stringify({ type: 'slots', slots })), { type: 'slots', slots: [] });
  assert.deepEqual(parseControl('{"type":"quality","participants":[{"participant":"a","send":9,"receive":"x"}]}'), {
    type: 'quality',
    participants: [{ participant: 'a', send: 0, receive: 0 }],
  });
});

test('a list without end is cut', () => {
  const dominant = Array.from({ length: 2_000 }, () => 'a');
  const news = parseControl(JSON.stringify({ type: 'speakers', dominant, speaking: [] }));
  assert.equal(news?.type === 'speakers' && news.dominant.length, 512);
  assert.equal(parseControl(`"${'x'.repeat(70_000)}"`), undefined);
});

test('a screen is asked for first, then what is larger, then who spoke last', () => {
  const wishes = [wish('a', 160, 90), wish('b', 640, 360), wish('c', 320, 180, 'screen'), wish('d', 160, 90)];
  assert.deepEqual(
    choose(wishes, ['d', 'a']).map(({ participant }) => participant),
    ['c', 'b', 'd', 'a'],
  );
});

test('a view that is not in the page yet counts as one of a likely size', () => {
  assert.deepEqual(choose([wish('a', 0, 0)], []), [wish('a', 320, 180)]);
});

test('no more is asked for than there are slots', () => {
  const wishes = Array.from({ length: 30 }, (_, index) => wish(`p${index}`, 100 + index, 100));
  const wants = choose(wishes, []);
  assert.equal(wants.length, MOST_WANTS);
  assert.equal(wants[0]?.participant, 'p29');
});
