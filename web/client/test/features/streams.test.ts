import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TROUBLE } from '../../src/devices/open.js';
import { CallingError, ErrorCodes } from '../../src/errors.js';
import { LocalSource } from '../../src/streams/local-stream.js';
import { LocalVideoStream } from '../../src/streams/local-video-stream.js';
import { RemoteVideo } from '../../src/streams/remote-video-stream.js';
import { VideoStreamRenderer } from '../../src/streams/video-stream-renderer.js';
import type { VideoDeviceInfo } from '../../src/types/index.js';

class FakeTrack extends EventTarget {
  readyState: MediaStreamTrackState = 'live';
  muted = false;
  constructor(readonly name: string) {
    super();
  }
  stop(): void {
    this.readyState = 'ended';
  }
  endByItself(): void {
    this.readyState = 'ended';
    this.dispatchEvent(new Event('ended'));
  }
}

const camera = (id: string): VideoDeviceInfo => ({ id: `camera:${id}`, name: id, deviceType: 'UsbCamera' });
const asTrack = (track: FakeTrack) => track as unknown as MediaStreamTrack;

function source(open?: (info: VideoDeviceInfo) => Promise<MediaStreamTrack>) {
  const opened: FakeTrack[] = [];
  const made = new LocalSource<VideoDeviceInfo>(
    () => 'camera',
    camera('a'),
    open ??
      (async (info) => {
        const track = new FakeTrack(info.name);
        opened.push(track);
        return asTrack(track);
      }),
    () => undefined,
  );
  return { made, opened };
}

test('a device opens once for many, and closes when the last one lets go', async () => {
  const { made, opened } = source();
  const [one, two] = await Promise.all([made.acquire(), made.acquire()]);
  assert.equal(one, two);
  assert.equal(opened.length, 1);
  made.release();
  assert.equal(opened[0]?.readyState, 'live');
  made.release();
  assert.equal(opened[0]?.readyState, 'ended');
  await made.acquire();
  assert.equal(opened.length, 2);
});

test('another device takes over while it is sent, and the old one is closed', async () => {
  const { made, opened } = source();
  const sent: (MediaStreamTrack | undefined)[] = [];
  await made.acquire();
  made.onTrack((track) => sent.push(track));
  await made.switchDevice(camera('b'));
  assert.deepEqual(opened.map((track) => [track.name, track.readyState]), [['a', 'ended'], ['b', 'live']]);
  assert.deepEqual(sent, [asTrack(opened[1] as FakeTrack)]);
});

test('a device that does not open leaves the old one in place', async () => {
  const old = new FakeTrack('a');
  const { made } = source(async (info) => {
    if (info.name === 'b') {
      throw new CallingError(ErrorCodes.cameraNotFound, 'gone');
    }
    return asTrack(old);
  });
  await made.acquire();
  await assert.rejects(made.switchDevice(camera('b')), { subCode: 43013 });
  assert.equal(old.readyState, 'live');
  assert.equal((made.source as VideoDeviceInfo).name, 'a');
});

test('a track that ends by itself is told to calls and to diagnostics', async () => {
  const { made, opened } = source();
  const told: unknown[] = [];
  const forget = TROUBLE.subscribe('trouble', ({ source: kind, trouble }) => told.push(`${kind} ${trouble}`));
  await made.acquire();
  made.onTrack((track) => told.push(track));
  opened[0]?.endByItself();
  assert.deepEqual(told, ['camera stoppedUnexpectedly', undefined]);
  forget();
});

test('an effect changes what is sent, and stopping it brings the camera back', async () => {
  const { made, opened } = source();
  const blurred = new FakeTrack('blurred');
  let stopped = 0;
  await made.acquire();
  await made.setProcessor({ process: async () => asTrack(blurred), stop: () => void (stopped += 1) });
  assert.equal(made.track, asTrack(blurred));
  await made.setProcessor(undefined);
  assert.equal(made.track, asTrack(opened[0] as FakeTrack));
  assert.equal(stopped, 1);
});

test('a disposed stream opens nothing any more', async () => {
  const { made, opened } = source();
  await made.acquire();
  made.dispose();
  made.dispose();
  assert.equal(opened[0]?.readyState, 'ended');
  await assert.rejects(made.acquire(), { subCode: 49003 });
});

test('a stream says what it is, and refuses the source that it has', async () => {
  const stream = new LocalVideoStream(camera('a'));
  assert.equal(stream.mediaStreamType, 'Video');
  await assert.rejects(stream.switchSource(camera('a')), { code: 400, subCode: 43005 });
  await assert.rejects(stream.switchSource({} as VideoDeviceInfo), { code: 400, subCode: 43004 });
  const sources: unknown[] = [];
  stream.on('videoSourceChanged', (event) => sources.push(event.source));
  await stream.switchSource(camera('b'));
  assert.deepEqual(sources, [camera('b')]);
  assert.throws(() => new LocalVideoStream(undefined as never), { subCode: 43019 });
});

test('a feature of a stream is the same object each time', async () => {
  const { Features } = await import('../../src/features/index.js');
  const stream = new LocalVideoStream(camera('a'));
  assert.equal(stream.feature(Features.VideoEffects), stream.feature(Features.VideoEffects));
  assert.deepEqual(stream.feature(Features.VideoEffects).activeEffects, []);
  await assert.rejects(stream.feature(Features.VideoEffects).startEffects({ name: 'BackgroundBlur' }), { subCode: 49001 });
  stream.dispose();
});

test('a remote stream tells availability, frames and size, and is over with the call', async () => {
  const stream = new RemoteVideo(1, 'Video');
  const events: string[] = [];
  for (const event of ['isAvailableChanged', 'isReceivingChanged', 'sizeChanged'] as const) {
    stream.on(event, () => events.push(event));
  }
  await assert.rejects(stream.getMediaStream(), { code: 412, subCode: 43200 });
  stream.setAvailable(true);
  stream.setTrack(asTrack(new FakeTrack('remote')));
  stream.sawFrame(640, 360);
  stream.sawFrame(640, 360);
  assert.deepEqual(events, ['isAvailableChanged', 'isReceivingChanged', 'sizeChanged']);
  assert.deepEqual(stream.size, { width: 640, height: 360 });
  stream.end();
  assert.deepEqual([stream.isAvailable, stream.isReceiving], [false, false]);
  await assert.rejects(stream.getMediaStream(), { subCode: 43202 });
});

test('a camera that shows no frame for five seconds is not received', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const stream = new RemoteVideo(1, 'Video');
  stream.setAvailable(true);
  stream.setTrack(asTrack(new FakeTrack('remote')));
  stream.sawFrame(640, 360);
  context.mock.timers.tick(5_000);
  assert.equal(stream.isReceiving, false);
  stream.sawFrame(640, 360);
  assert.equal(stream.isReceiving, true);
  stream.end();
});

test('a renderer refuses what is no stream', () => {
  assert.throws(() => new VideoStreamRenderer({} as never), { subCode: 49002 });
});
