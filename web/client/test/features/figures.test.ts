import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Features } from '../../src/features/index.js';
import { Aggregation } from '../../src/features/media-stats-aggregation.js';
import { readSample } from '../../src/features/media-stats-sample.js';
import { Steady, readNetwork, receiveQuality, sendQuality } from '../../src/features/network-quality.js';
import { audioDevicesOf, camerasOf, deviceIdOf } from '../../src/devices/device-info.js';
import { levelOf } from '../../src/streams/volume.js';
import { DiagnosticQuality, type MediaStatsReportSummary } from '../../src/types/index.js';
import { ANN, BEN, FakeDoor, feature } from './fake-door.js';

const { Good, Poor, Bad } = DiagnosticQuality;
const mediaOf = (mid: string | null) => (({ '0': 'audio', '1': 'video', '2': 'screen' }) as const)[mid ?? ''];
const report = (...stats: object[]) => new Map(stats.map((stat) => [(stat as { id: string }).id, stat])) as unknown as RTCStatsReport;
const reading = (...stats: object[]) => readNetwork(report(...stats), mediaOf);

test('a network is bad over 500 ms or 10 % loss, poor on the way there', () => {
  const of = (rtt: number, fractionLost: number) => {
    const now = reading(
      { id: 'p', type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime: rtt },
      { id: 'r', type: 'remote-inbound-rtp', fractionLost, jitter: 0 },
    );
    return sendQuality(now, now);
  };
  assert.deepEqual([of(0.05, 0), of(0.4, 0), of(0.6, 0), of(0.05, 0.08), of(0.05, 0.2)], [Good, Poor, Bad, Poor, Bad]);
});

test('receiving is judged by what was lost since the last look, not by old sins', () => {
  const at = (packetsReceived: number, packetsLost: number) =>
    reading({ id: 'i', type: 'inbound-rtp', kind: 'audio', mid: '0', packetsReceived, packetsLost, jitter: 0.005 });
  assert.equal(receiveQuality(at(0, 0), at(100, 50)), Bad);
  assert.equal(receiveQuality(at(100, 50), at(200, 50)), Good);
});

test('made-up sound counts unless it was silence', () => {
  const at = (concealedSamples: number, silentConcealedSamples: number, totalSamplesReceived: number) =>
    reading({ id: 'i', type: 'inbound-rtp', kind: 'audio', mid: '0', concealedSamples, silentConcealedSamples, totalSamplesReceived });
  assert.equal(receiveQuality(at(0, 0, 0), at(20_000, 0, 96_000)), Bad);
  assert.equal(receiveQuality(at(0, 0, 0), at(20_000, 20_000, 96_000)), Good);
});

test('in a conference the worst voice counts, empty slots do not, and a camera is all its layers', () => {
  const voice = (id: string, packetsReceived: number, jitter: number, concealedSamples: number) => ({
    id, type: 'inbound-rtp', kind: 'audio', mid: id, packetsReceived, jitter, concealedSamples, totalSamplesReceived: 48_000,
  });
  const layer = (id: string, framesEncoded: number, active: boolean) => ({ id, type: 'outbound-rtp', kind: 'video', mid: '1', rid: id, framesEncoded, active });
  const now = reading(voice('0', 50, 0.002, 100), voice('3', 40, 0.02, 50), voice('4', 0, 0, 48_000), layer('l', 30, true), layer('m', 20, true), layer('h', 5, false));
  assert.deepEqual([now.jitterMs, now.concealed, now.samples, now.cameraFrames], [20, 150, 96_000, 50]);
});

test('one bad reading is not believed, three are', () => {
  const steady = new Steady();
  assert.deepEqual([Bad, Good, Bad, Bad, Bad, Good, Good, Good].map((value) => steady.take(value)), [Good, Good, Good, Good, Bad, Bad, Bad, Good]);
});

const inbound = (timestamp: number, bytesReceived: number, framesDecoded: number) => ({
  id: 'v', type: 'inbound-rtp', kind: 'video', mid: '2', ssrc: 7, timestamp, bytesReceived, framesDecoded, packetsReceived: 10, codecId: 'c', frameWidth: 1280, frameHeight: 720,
});

test('rates are of the time between two samples, and screens are told from cameras by their m-line', () => {
  const codec = { id: 'c', type: 'codec', mimeType: 'video/VP8' };
  const first = readSample(report(codec, inbound(1000, 0, 0)), mediaOf, new Map());
  const second = readSample(report(codec, inbound(3000, 50_000, 60)), mediaOf, first.counters);
  const [screen] = second.sample.screenShare.receive;
  assert.deepEqual([screen?.bitrate, screen?.frameRateDecoded, screen?.codecName, screen?.id, screen?.frameHeightReceived], [200_000, 30, 'VP8', '7', 720]);
  assert.equal(second.sample.video.receive.length, 0);
});

test('summaries count, add, and keep the least and the most of each interval', () => {
  const aggregation = new Aggregation();
  const sample = (bitrate: number) => ({
    audio: { send: [{ id: '1', codecName: 'opus', bitrate }], receive: [] }, video: { send: [], receive: [] }, screenShare: { send: [], receive: [] }, transports: [],
  });
  [10, 30].forEach((bitrate) => aggregation.take(sample(bitrate)));
  aggregation.closePoint(new Date(1));
  aggregation.take(sample(5));
  aggregation.closePoint(new Date(2));
  const [sent] = aggregation.summary().audio.send;
  assert.deepEqual(sent?.bitrate?.aggregation, { count: [2, 1], sum: [40, 5], min: [10, 5], max: [30, 5] });
  assert.deepEqual(sent?.bitrate?.raw, [30, 5]);
  assert.deepEqual(sent?.codecName, { raw: ['opus', 'opus'], timestamp: [new Date(1), new Date(2)] });
  assert.deepEqual(aggregation.summary().audio.send, []);
});

test('a collector reports each second and sums up as asked', async (context) => {
  context.mock.timers.enable({ apis: ['setInterval', 'Date'] });
  const door = new FakeDoor(ANN, BEN);
  door.report = report(inbound(1000, 0, 0));
  const collector = feature(Features.MediaStats, door).createCollector({ aggregationInterval: 2000, dataPointsPerAggregation: 2 });
  let samples = 0;
  const summaries: MediaStatsReportSummary[] = [];
  collector.on('sampleReported', () => (samples += 1));
  collector.on('summaryReported', (summary) => summaries.push(summary));
  for (let second = 0; second < 4; second += 1) {
    context.mock.timers.tick(1000);
    for (let turn = 0; turn < 5; turn += 1) {
      await Promise.resolve();
    }
  }
  assert.equal(samples, 4);
  assert.deepEqual(summaries.map((summary) => summary.screenShare.receive[0]?.packets?.aggregation?.count), [[2, 2]]);
  collector.dispose();
});

const device = (kind: string, deviceId: string, label: string, groupId = '') => ({ kind, deviceId, label, groupId }) as MediaDeviceInfo;

test('devices without names are not listed: the page may not use them yet', () => {
  const hidden = [device('videoinput', '', ''), device('audioinput', '', '')];
  assert.deepEqual([camerasOf(hidden), audioDevicesOf(hidden, 'Microphone')], [[], []]);
});

test('the doubles of a default device are folded into it', () => {
  const found = [
    device('audioinput', 'default', 'Default - Headset', 'g1'), device('audioinput', 'communications', 'Communications - Headset', 'g1'),
    device('audioinput', 'a', 'Desk', 'g2'), device('audioinput', 'b', 'Headset', 'g1'), device('audiooutput', 'default', 'Default - Headset', 'g1'),
  ];
  const microphones = audioDevicesOf(found, 'Microphone');
  assert.deepEqual(microphones.map(({ id, isSystemDefault }) => [id, isSystemDefault]), [['microphone:a', false], ['microphone:b', true]]);
  assert.deepEqual(audioDevicesOf(found, 'Speaker').map(({ id, isSystemDefault }) => [id, isSystemDefault]), [['speaker:default', true]]);
  assert.deepEqual([deviceIdOf({ id: 'microphone:b' }), deviceIdOf({ id: 'microphone:default' })], ['b', undefined]);
});

test('levels go from silence to full', () => {
  assert.equal(levelOf(new Float32Array(64)), 0);
  assert.equal(levelOf(new Float32Array(64).fill(1)), 100);
  const half = levelOf(new Float32Array(64).fill(0.1));
  assert.ok(half > 60 && half < 70, String(half));
});
