// Measures call set-up on loopback with two real Chromiums: from startCall to the first decoded frame of the other side's camera,
// on both sides, and how many requests each side makes until then.
//
//   node bench/call-setup.mjs [CALLS]        (default 20; CENTRALE_BIN names the program, default target/release/centrale)
//
// Prints p50 and p95 in milliseconds. Wall clock: on a shared machine only the smallest figures mean anything about the code.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { chromium } = createRequire(join(root, 'web/client/package.json'))('playwright-core');
const calls = Number(process.argv[2] ?? 20);
const program = process.env.CENTRALE_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'release/centrale');

const data = mkdtempSync(join(tmpdir(), 'centrale-setup-'));
const port0 = ['--https', '127.0.0.1:0', '--relay', '127.0.0.1:0', '--media', '127.0.0.1:0', '--metrics', '127.0.0.1:0'];
const exchange = spawn(program, ['dev', '--data', data, ...port0], { stdio: ['ignore', 'pipe', 'ignore'] });
await new Promise((resolve, reject) => {
  exchange.stdout.on('data', (text) => String(text).includes('ready ') && resolve());
  exchange.on('exit', () => reject(new Error('the exchange did not start')));
});
const { https } = JSON.parse(readFileSync(join(data, 'runtime.json'), 'utf8'));

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--mute-audio', '--ignore-certificate-errors',
    '--autoplay-policy=no-user-gesture-required', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
  ],
});

try {
  const alice = await person('alice');
  const bob = await person('bob');
  const rows = [];
  for (let number = 0; number < calls + 1; number += 1) {
    const row = await oneCall(alice, bob);
    // The first call also pays for codecs and devices that are opened for the first time.
    if (number > 0) rows.push(row);
  }
  report('caller: startCall to first decoded frame', rows.map((row) => row.caller));
  report('callee: incomingCall to first decoded frame', rows.map((row) => row.callee));
  report('caller: startCall to Connected', rows.map((row) => row.connected));
  console.log(`requests until both see a picture: caller ${rows.at(-1).callerRequests}, callee ${rows.at(-1).calleeRequests}`);
  console.log('on the path to the first frame: 1 request of each side (start, accept), 1 event to each side (incomingCall, accepted)');
} finally {
  await browser.close();
  exchange.kill('SIGTERM');
  await new Promise((resolve) => exchange.on('exit', resolve));
  rmSync(data, { recursive: true, force: true });
}

async function person(name) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.addInitScript(() => {
    globalThis.peers = [];
    const Real = globalThis.RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends Real {
      constructor(...all) {
        super(...all);
        globalThis.peers.push({ made: performance.now(), peer: this });
      }
    };
  });
  await page.goto(`${https}/health/live`);
  const who = { name, page, requests: 0 };
  page.on('request', (request) => {
    if (request.url().includes('/client/calls')) who.requests += 1;
  });
  who.id = await page.evaluate(async (displayName) => {
    const sdk = await import('/sdk/calling.js');
    const { id, token, expiresOn } = await (await fetch('/dev/token', { method: 'POST' })).json();
    const client = new sdk.CallClient();
    const devices = await client.getDeviceManager();
    await devices.askDevicePermission({ audio: true, video: true });
    const [camera] = await devices.getCameras();
    const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.parse(expiresOn) }), dispose() {} };
    const agent = await client.createCallAgent(credential, { displayName });
    /** Resolves when a frame of the other side's camera has been decoded by a peer connection made after `start`. */
    const firstFrame = async (start) => {
      for (;;) {
        for (const { made, peer } of globalThis.peers) {
          if (made < start) continue;
          for (const line of (await peer.getStats()).values()) {
            if (line.type === 'inbound-rtp' && line.kind === 'video' && line.framesDecoded > 0) return;
          }
        }
        if (performance.now() - start > 15000) throw new Error('no frame within 15 s');
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    };
    const video = () => ({ localVideoStreams: [new sdk.LocalVideoStream(camera)] });
    globalThis.setup = { agent, firstFrame, video, now: undefined };
    agent.on('incomingCall', async ({ incomingCall }) => {
      const start = performance.now();
      await incomingCall.accept({ videoOptions: video() });
      await firstFrame(start);
      globalThis.setup.seen = performance.now() - start;
    });
    return id;
  }, name);
  return who;
}

async function oneCall(alice, bob) {
  alice.requests = bob.requests = 0;
  await bob.page.evaluate(() => { globalThis.setup.seen = undefined; });
  const caller = await alice.page.evaluate(async (callee) => {
    const { agent, firstFrame, video } = globalThis.setup;
    const start = performance.now();
    const call = agent.startCall([{ communicationUserId: callee }], { videoOptions: video() });
    let connected;
    call.on('stateChanged', () => { if (call.state === 'Connected') connected ??= performance.now() - start; });
    await firstFrame(start);
    globalThis.setup.call = call;
    return { seen: performance.now() - start, connected };
  }, bob.id);
  await bob.page.waitForFunction(() => globalThis.setup.seen !== undefined, undefined, { timeout: 15000 });
  const callee = await bob.page.evaluate(() => globalThis.setup.seen);
  const row = {
    caller: caller.seen, connected: caller.connected, callee, callerRequests: alice.requests, calleeRequests: bob.requests,
  };
  await alice.page.evaluate(async () => {
    await globalThis.setup.call.hangUp();
    globalThis.peers.length = 0;
  });
  await bob.page.waitForFunction(() => globalThis.setup.agent.calls.length === 0, undefined, { timeout: 15000 });
  return row;
}

function report(what, values) {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]?.toFixed(0);
  console.log(`${what}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, least ${at(0)} ms (${sorted.length} calls)`);
}
