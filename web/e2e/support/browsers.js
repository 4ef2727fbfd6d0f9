/** Real browsers inside namespaces, each with a voice, a face and a profile of its own. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';
import WebSocket from 'ws';
import { PEOPLE, writeColour, writeTone } from './media.js';
import { install } from './watch.js';

const CHROMIUM = process.env.CENTRALE_CHROMIUM ?? '/usr/bin/chromium';
const FIREFOX = process.env.CENTRALE_FIREFOX ?? '/usr/bin/firefox-esr';

let profiles = 0;

/**
 * Starts Chromium in a namespace as one of `PEOPLE`.
 *
 * `ip netns exec` replaces itself by its command, so a two-line script stands in for the executable and the
 * browser's control pipe passes through untouched.
 */
export async function chromium(space, person, { args = [] } = {}) {
  const home = join(space.lab.scratch, `${person}-${profiles++}`);
  mkdirSync(home, { recursive: true });
  writeTone(join(home, 'voice.wav'), PEOPLE[person].tone);
  writeColour(join(home, 'face.y4m'), PEOPLE[person].rgb);
  const start = join(home, 'chromium');
  writeFileSync(start, `#!/bin/sh\nexec ip netns exec ${space.full} ${CHROMIUM} "$@"\n`);
  chmodSync(start, 0o755);
  const browser = await puppeteer.launch({
    executablePath: start,
    pipe: true,
    headless: true,
    userDataDir: join(home, 'profile'),
    acceptInsecureCerts: true,
    protocolTimeout: 120_000,
    timeout: 90_000,
    env: { ...process.env, HOME: home },
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--mute-audio',
      '--disable-dev-shm-usage',
      '--autoplay-policy=no-user-gesture-required',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-audio-capture=${join(home, 'voice.wav')}`,
      `--use-file-for-fake-video-capture=${join(home, 'face.y4m')}`,
      // The exchange signs its own certificates; the driver's own switch covers pages but not TURN over TLS.
      '--ignore-certificate-errors',
      ...args,
    ],
  });
  return browser;
}

/**
 * Starts Firefox in a namespace as one of `PEOPLE`; its fake camera cycles through colours, so only the tone tells.
 *
 * Its remote control listens on a TCP port inside the namespace. A small process there carries that port out through
 * a Unix socket, and the Host header names the port Firefox expects.
 */
export async function firefox(space, person) {
  const home = join(space.lab.scratch, `${person}-${profiles++}`);
  mkdirSync(join(home, 'profile'), { recursive: true });
  const prefs = {
    'media.navigator.streams.fake': true,
    'media.navigator.permission.disabled': true,
    'media.navigator.audio.fake_frequency': PEOPLE[person].tone,
    'media.autoplay.default': 0,
    'media.gmp-provider.enabled': false,
    'browser.shell.checkDefaultBrowser': false,
    'datareporting.policy.dataSubmissionEnabled': false,
    'app.update.auto': false,
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
    'remote.active-protocols': 1,
  };
  writeFileSync(join(home, 'profile', 'user.js'), Object.entries(prefs).map(([key, value]) => `user_pref(${JSON.stringify(key)}, ${JSON.stringify(value)});\n`).join(''));
  const child = space.spawn(FIREFOX, ['--headless', '--no-remote', '--profile', join(home, 'profile'), '--remote-debugging-port=9222'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: home, MOZ_CRASHREPORTER_DISABLE: '1' },
  });
  await listening(child, /WebDriver BiDi listening/);
  const path = await carryOut(space, '127.0.0.1', 9222);
  const transport = await socketTransport('ws://127.0.0.1:9222/session', path);
  const browser = await puppeteer.connect({ transport, protocol: 'webDriverBiDi', acceptInsecureCerts: true, protocolTimeout: 120_000 });
  const close = browser.close.bind(browser);
  browser.close = async () => {
    await Promise.race([close().catch(() => {}), new Promise((done) => setTimeout(done, 3000))]);
    if (child.exitCode === null) child.kill('SIGKILL');
  };
  return browser;
}

function listening(child, line) {
  return new Promise((resolve, reject) => {
    let said = '';
    const timer = setTimeout(() => reject(new Error(`no ${line} within 90 s:\n${said}`)), 90_000);
    child.stderr.on('data', (data) => {
      said = (said + data).slice(-4000);
      if (!line.test(said)) return;
      clearTimeout(timer);
      resolve();
    });
    child.once('exit', (code) => reject(new Error(`ended with ${code}:\n${said}`)));
  });
}

/** Carries `host:port` as seen inside the namespace to a Unix socket that anybody outside can open. Gives its path. */
export async function carryOut(space, host, port) {
  const path = join(space.lab.scratch, `${space.name}-${port}-${profiles++}.sock`);
  const child = space.spawn(process.execPath, [fileURLToPath(new URL('./carry.js', import.meta.url)), path, host, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', (code) => reject(new Error(`carry ended with ${code}`)));
  });
  return path;
}

function socketTransport(url, path) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { createConnection: () => createConnection(path), perMessageDeflate: false, maxPayload: 256 << 20 });
    const transport = { send: (text) => socket.send(text), close: () => socket.close(), onmessage: undefined, onclose: undefined };
    socket.on('message', (data) => transport.onmessage?.(String(data)));
    socket.on('close', () => transport.onclose?.());
    socket.once('open', () => resolve(transport));
    socket.once('error', reject);
  });
}

/** A page on which everything can be measured. Errors of the page are kept in `page.complaints`. */
export async function watchedPage(browser, ...scripts) {
  const page = await browser.newPage();
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(String(error?.stack ?? error)));
  page.on('console', (message) => {
    if (['error', 'warn', 'warning'].includes(message.type())) page.complaints.push(`${message.type()}: ${message.text()}`);
  });
  await page.evaluateOnNewDocument(install);
  for (const script of scripts) await page.evaluateOnNewDocument(script);
  return page;
}
