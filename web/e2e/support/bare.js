/**
 * A call without an exchange: two bare RTCPeerConnections whose descriptions this process carries by hand.
 *
 * It shows what a network permits with given ICE servers and nothing else, so that a case that connects is known to
 * connect because of what it was given.
 */
import { EXCHANGE } from '../lab/topologies.js';
import { watchedPage } from './browsers.js';

/** A secure page without a server behind it. */
export async function barePage(browser) {
  const page = await watchedPage(browser);
  await page.setRequestInterception(true);
  page.on('request', (request) => request.respond({ status: 200, contentType: 'text/html', body: '<!doctype html><title>bare</title>' }));
  await page.goto(`https://${EXCHANGE.name}/bare.html`);
  return page;
}

/** In the page: makes `window.bare` with camera and microphone. */
const open = async (config) => {
  const pc = new RTCPeerConnection(config);
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 180 } });
  for (const track of media.getTracks()) pc.addTrack(track, media);
  window.bare = pc;
};

/** In the page: sets a description and gives ours with every candidate that came within `patience` ms. */
const describe = async ({ remote, patience }) => {
  const pc = window.bare;
  if (remote) await pc.setRemoteDescription(remote);
  if (remote?.type === 'answer') return null;
  await pc.setLocalDescription();
  const end = performance.now() + patience;
  while (pc.iceGatheringState !== 'complete' && performance.now() < end) await new Promise((done) => setTimeout(done, 50));
  return pc.localDescription.toJSON();
};

/**
 * Connects two bare pages.
 *
 * - `config`: RTCConfiguration of both, or `[one, other]`.
 * - `patience`: ms to wait for a connection after the descriptions are exchanged.
 *
 * Gives whether it connected.
 */
export async function bareCall(one, other, config, patience) {
  const [first, second] = Array.isArray(config) ? config : [config, config];
  await Promise.all([one.evaluate(open, first), other.evaluate(open, second)]);
  const offer = await one.evaluate(describe, { patience: 4000 });
  const answer = await other.evaluate(describe, { remote: offer, patience: 4000 });
  await one.evaluate(describe, { remote: answer, patience: 0 });
  const connected = (page) =>
    page.waitForFunction(() => window.bare.connectionState === 'connected', { timeout: patience, polling: 100 }).then(
      () => true,
      () => false,
    );
  const [here, there] = await Promise.all([connected(one), connected(other)]);
  return here && there;
}
