/** Group calls in real browsers, over the small exchange and a media processor in a page: `node test/browser/group.mjs [name]`. */

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { GroupExchange } from './group-exchange.mjs';
import { openBrowser, openPerson, signIn, until } from './people.mjs';
import { openProcessor } from './processor.mjs';

const GROUP = '10000000-0000-4000-8000-00000000cafe';
const entryPoints = [fileURLToPath(new URL('../../src/index.ts', import.meta.url))];
const built = await build({ entryPoints, bundle: true, format: 'esm', target: 'es2022', sourcemap: 'inline', write: false });
const only = process.argv[2];
const browser = await openBrowser();
let failed = 0;
let note = '';

async function test(name, names, run) {
  if (only && !name.includes(only)) return;
  const exchange = new GroupExchange(built.outputFiles[0].contents);
  await exchange.listen();
  exchange.processor = await openProcessor(browser, (place, epoch) => exchange.connected_(place, epoch));
  note = '';
  const started = Date.now();
  const people = {};
  try {
    for (const one of names) people[one] = await openPerson(browser, exchange, `acs:r_${one}`);
    await run({ ...people, exchange });
    assert.deepEqual(Object.values(people).flatMap(({ errors }) => errors), [], 'errors in the pages');
    console.log(`ok      ${name} (${Date.now() - started} ms)${note}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok  ${name}\n        ${error.stack}`);
  } finally {
    for (const { page } of Object.values(people)) await page.context().close();
    await exchange.processor.close();
    exchange.close();
  }
}

const join = (person, options = '{}') => person.page.evaluate(`window.mine = agent.join({ groupId: '${GROUP}' }, ${options}); mine.state`);
const door = `call.feature(window.probe ??= { callApiCtor: class { constructor({ door }) { this.door = door } dispose() {} } }).door`;

/** Sound comes in on a number of lines at least. */
const hears = (person, count = 1) => until(person, `(async () => {
  let lines = 0;
  const heard = window.heard ?? new Map();
  window.heard = new Map();
  for (const entry of (await ${door}.stats()).values()) {
    if (entry.type !== 'inbound-rtp' || entry.kind !== 'audio') continue;
    if (heard.has(entry.id) && entry.packetsReceived > heard.get(entry.id)) lines += 1;
    window.heard.set(entry.id, entry.packetsReceived);
  }
  await new Promise((done) => setTimeout(done, 150));
  return lines >= ${count};
})()`, `${count} voices`);

/** Shows everybody's camera, at a size, and waits for frames. */
const shows = (person, width = 320) => person.page.evaluate(`(async () => {
  window.views ??= new Map();
  for (const one of call.remoteParticipants) for (const stream of one.videoStreams) {
    if (!stream.isAvailable || views.has(stream)) continue;
    const view = await new sdk.VideoStreamRenderer(stream).createView();
    const box = Object.assign(document.createElement('div'), { style: 'width:${width}px;height:${width * 9 / 16}px' });
    box.append(view.target);
    document.body.append(box);
    views.set(stream, view);
  }
  return views.size;
})()`);

const withCamera = '{ videoOptions: { localVideoStreams: [cam] } }';
const opensCamera = (...people) => Promise.all(people.map(({ page }) => page.evaluate('camera().then((it) => { window.cam = it })')));

await test('three people join by a group id, hear and see one another, and one leaves', ['ann', 'bob', 'eve'], async ({ ann, bob, eve, exchange }) => {
  await opensCamera(ann, bob, eve);
  for (const person of [ann, bob, eve]) await join(person, withCamera);
  for (const person of [ann, bob, eve]) await until(person, `call.state === 'Connected' && call.remoteParticipants.length === 2 && call.info.groupId === '${GROUP}'`);
  await Promise.all([hears(ann, 2), hears(bob, 2), hears(eve, 2)]);
  for (const person of [ann, bob, eve]) await until(person, `call.remoteParticipants.every((one) => one.videoStreams[0]?.isAvailable)`);
  assert.deepEqual(await Promise.all([shows(ann), shows(bob), shows(eve)]), [2, 2, 2]);
  await until(ann, 'call.remoteParticipants.every((one) => one.videoStreams[0].isReceiving && one.videoStreams[0].size.width > 0)');
  await until(ann, 'call.remoteParticipants.some((one) => one.isSpeaking)', 'somebody speaks');
  await until(ann, 'call.feature(sdk.Features.DominantSpeakers).dominantSpeakers.speakersList.length > 0');
  await eve.page.evaluate('call.hangUp()');
  await until(ann, `call.remoteParticipants.length === 1`);
  await until(eve, `call.state === 'Disconnected'`);
  assert.equal(exchange.signals('describe').length, 0, 'no renegotiation');
  assert.equal(exchange.signals('candidates').length, 0);
});

await test('what is shown is asked for at its size; what is hidden or disposed is not asked for', ['ann', 'bob'], async ({ ann, bob, exchange }) => {
  await opensCamera(bob);
  await join(bob, withCamera);
  await join(ann);
  await until(ann, 'call.remoteParticipants[0]?.videoStreams[0]?.isAvailable');
  const place = await ann.page.evaluate('call.info.participantId');
  const wants = async () => JSON.stringify((await exchange.processor.wants(place))?.map(({ source, width, height }) => [source, width, height]));
  const wanted = async (what) => {
    for (const end = Date.now() + 5_000; Date.now() < end; await ann.page.waitForTimeout(50)) if ((await wants()) === what) return;
    assert.equal(await wants(), what);
  };
  await wanted('[]');
  await shows(ann);
  await wanted('[["camera",320,180]]');
  await ann.page.evaluate(`[...views.values()][0].target.parentElement.style.width = '640px'; [...views.values()][0].target.parentElement.style.height = '360px'`);
  await wanted('[["camera",640,360]]');
  await ann.page.evaluate(`[...views.values()][0].target.parentElement.style.display = 'none'`);
  await wanted('[]');
  await ann.page.evaluate(`[...views.values()][0].target.parentElement.style.display = ''`);
  await wanted('[["camera",640,360]]');
  await ann.page.evaluate(`[...views.values()][0].dispose()`);
  await wanted('[]');
  await ann.page.evaluate(`call.remoteParticipants[0].videoStreams[0].getMediaStream().then((stream) => { window.raw = stream })`);
  await until(ann, 'raw.getVideoTracks().length === 1');
  await wanted('[["camera",1280,720]]');
});

await test('a call between two becomes one of three, and nobody misses more than half a second', ['ann', 'bob', 'eve'], async ({ ann, bob, eve }) => {
  await opensCamera(ann, bob);
  await ann.page.evaluate(`window.mine = agent.startCall([{ communicationUserId: '${bob.id}' }], ${withCamera}); 0`);
  await until(bob, 'rings.length > 0');
  await bob.page.evaluate(`(async () => { await rings.at(-1).accept(${withCamera}) })()`);
  await until(ann, `call.state === 'Connected' && call.remoteParticipants[0].videoStreams[0]?.isAvailable`);
  await until(bob, `call.state === 'Connected' && call.remoteParticipants[0].videoStreams[0]?.isAvailable`);
  await Promise.all([shows(ann), shows(bob)]);
  // The longest time without a new frame on the page, and without a packet of sound on the peer connection in use.
  for (const { page } of [ann, bob]) await page.evaluate(`(() => {
    const view = [...views.values()][0];
    window.gaps = { picture: 0, sound: 0 };
    // By what was presented, not by when a busy page hears of it.
    let watched; let last;
    setInterval(() => {
      const video = view.target.querySelector('video');
      if (video !== watched) {
        watched = video;
        let count = 0;
        const next = (now, { presentationTime: at, presentedFrames }) => {
          if (video !== watched) return;
          const frames = count === 0 ? 1 : presentedFrames - count;
          if (last !== undefined && frames > 0) gaps.picture = Math.max(gaps.picture, (at - last) / frames);
          [last, count] = [at, presentedFrames];
          video.requestVideoFrameCallback(next);
        };
        video.requestVideoFrameCallback(next);
      }
      const receivers = ${door}.peer?.getReceivers().filter(({ track }) => track.kind === 'audio') ?? [];
      const stamps = receivers.map((one) => one.getSynchronizationSources()[0]?.timestamp ?? 0);
      if (Math.max(...stamps) > 0) gaps.sound = Math.max(gaps.sound, performance.timeOrigin + performance.now() - Math.max(...stamps));
    }, 10);
  })()`);
  await ann.page.waitForTimeout(2_000);
  // What a busy machine misses anyway does not count against the move.
  const usual = await Promise.all([ann, bob].map(({ page }) => page.evaluate('Math.max(gaps.picture, gaps.sound)')));
  await ann.page.evaluate(`gaps.picture = gaps.sound = 0; call.addParticipant({ communicationUserId: '${eve.id}' }); 0`);
  await bob.page.evaluate(`gaps.picture = gaps.sound = 0`);
  await until(eve, 'rings.length > 0');
  await eve.page.evaluate('(async () => { await rings.at(-1).accept() })()');
  for (const person of [ann, bob, eve]) await until(person, `call.remoteParticipants.filter((one) => one.state === 'Connected').length === 2`);
  await Promise.all([ann, bob].map((person) => until(person, `${door}.room.isConference && ${door}.epoch === 1`)));
  await Promise.all([hears(ann, 2), hears(bob, 2), hears(eve, 2)]);
  const gaps = await Promise.all([ann, bob].map(({ page }) => page.evaluate('gaps')));
  note = `, longest gaps in ms: ${gaps.map(({ picture, sound }) => `${Math.round(picture)} picture, ${Math.round(sound)} sound`).join('; ')}`;
  note += `; before the move ${usual.map(Math.round).join(' and ')}`;
  gaps.forEach(({ picture, sound }, index) => assert.ok(Math.max(picture, sound) < Math.max(500, 2 * usual[index]), note));
  await until(ann, `call.feature(sdk.Features.Capabilities).capabilities.muteOthers.isPresent`);
});

await test('a page is reloaded and is in its group call again; the media processor dies and everybody comes back', ['ann', 'bob', 'eve'], async ({ ann, bob, eve, exchange }) => {
  for (const person of [ann, bob, eve]) await join(person);
  await Promise.all([hears(ann, 2), hears(bob, 2), hears(eve, 2)]);
  await bob.page.reload();
  await signIn(bob, exchange);
  assert.equal(await bob.page.evaluate('agent.calls.length'), 1);
  await join(bob);
  assert.equal(await bob.page.evaluate('agent.calls.length'), 1, 'joining what is restored is the same call');
  await Promise.all([hears(ann, 2), hears(bob, 2)]);
  await exchange.processor.crash();
  const started = Date.now();
  const [call] = exchange.calls.values();
  exchange.convene(call, 7);
  await Promise.all([ann, bob, eve].map((person) => until(person, `${door}.epoch === 7 && ${door}.path === 'connected'`)));
  const moved = Date.now() - started;
  await Promise.all([hears(ann, 2), hears(bob, 2), hears(eve, 2)]);
  note = `, moved ${moved} ms and heard again ${Date.now() - started} ms after the crash`;
});

await test('muting others, hands, the stage, data and reactions', ['ann', 'bob', 'eve'], async ({ ann, bob, eve }) => {
  for (const person of [ann, bob, eve]) await join(person);
  for (const person of [ann, bob, eve]) await until(person, `call.remoteParticipants.length === 2 && ${door}.path === 'connected'`);
  await bob.page.evaluate(`window.told = 0; call.on('mutedByOthers', () => told++)`);
  await ann.page.evaluate('call.muteAllRemoteParticipants()');
  await until(bob, 'call.isMuted && told === 1');
  await until(ann, 'call.remoteParticipants.every((one) => one.isMuted)');
  await eve.page.evaluate('call.feature(sdk.Features.RaiseHand).raiseHand()');
  await until(ann, 'call.feature(sdk.Features.RaiseHand).getRaisedHands().length === 1');
  await ann.page.evaluate(`call.feature(sdk.Features.Spotlight).startSpotlight([{ communicationUserId: '${eve.id}' }])`);
  await until(eve, 'call.feature(sdk.Features.Spotlight).getSpotlightedParticipants().length === 1');
  for (const { page } of [bob, eve]) await page.evaluate(`window.got = []; call.feature(sdk.Features.DataChannel).on('dataChannelReceiverCreated', (receiver) => {
    const read = () => { for (let m = receiver.readMessage(); m; m = receiver.readMessage()) got.push(new TextDecoder().decode(m.data)) };
    receiver.on('messageReady', read); read();
  }); window.reacted = []; call.feature(sdk.Features.Reaction).on('reaction', ({ identifier, reactionMessage }) => reacted.push(identifier.communicationUserId + reactionMessage.reactionType))`);
  await ann.page.evaluate(`(async () => {
    const sender = call.feature(sdk.Features.DataChannel).createDataChannelSender({ channelId: 7, reliability: 'Durable' });
    await sender.sendMessage(new TextEncoder().encode('all'));
    sender.setParticipants([{ communicationUserId: '${bob.id}' }]);
    await sender.sendMessage(new TextEncoder().encode('bob'));
    await call.feature(sdk.Features.Reaction).sendReaction({ reactionType: 'heart' });
  })()`);
  await until(bob, `got.join() === 'all,bob' && reacted[0] === '${ann.id}heart'`);
  await until(eve, `got.join() === 'all' && reacted[0] === '${ann.id}heart'`);
});

await test('one sound and one picture instead of everybody’s, and back, without renegotiation', ['ann', 'bob', 'eve'], async ({ ann, bob, eve, exchange }) => {
  await opensCamera(bob, eve);
  await join(bob, withCamera);
  await join(eve, withCamera);
  await join(ann);
  await hears(ann, 2);
  await ann.page.evaluate(`call.feature(sdk.Conference).receive('mixed')`);
  await until(ann, `call.feature(sdk.Conference).mode === 'mixed' && call.feature(sdk.Conference).composition.isAvailable`);
  await ann.page.evaluate(`(async () => { window.whole = await new sdk.VideoStreamRenderer(call.feature(sdk.Conference).composition).createView(); document.body.append(whole.target) })()`);
  await until(ann, `whole.target.querySelector('video').videoWidth > 0`);
  await hears(ann, 1);
  await ann.page.evaluate(`call.feature(sdk.Conference).receive('forwarded')`);
  await until(ann, `call.feature(sdk.Conference).mode === 'forwarded' && !call.feature(sdk.Conference).composition.isAvailable`);
  await hears(ann, 2);
  assert.equal(exchange.signals('describe').length, 0, 'no renegotiation');
});

await browser.close();
process.exit(failed === 0 ? 0 : 1);
