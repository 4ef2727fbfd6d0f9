/** People in real browser pages, driven through the public API only. */

import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--disable-extensions', '--mute-audio', '--autoplay-policy=no-user-gesture-required',
  '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', '--disable-features=WebRtcHideLocalIpsWithMdns',
];

export async function openBrowser() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  return chromium.launch({ executablePath, headless: true, args: ['--headless=new', ...FLAGS] });
}

/** Opens a page for a user. `page.reload()` and `signIn` again are a reload. */
export async function openPerson(browser, exchange, user, initialise) {
  const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    // Requests that come too late, or not through, are told by the browser; what counts is what the client makes of them.
    if (message.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(message.text())) errors.push(message.text());
  });
  if (initialise) await page.addInitScript(initialise);
  await page.goto(exchange.url);
  const person = { page, errors, user, id: `8:${user}` };
  await signIn(person, exchange);
  return person;
}

export async function signIn({ page, user }, exchange) {
  await page.evaluate(async ({ token, name }) => {
    const sdk = await import('/sdk/calling.js');
    const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }), dispose() {} };
    const client = new sdk.CallClient();
    const agent = await client.createCallAgent(credential, { displayName: name });
    Object.assign(window, { sdk, client, agent, rings: [], states: [] });
    agent.on('incomingCall', ({ incomingCall }) => window.rings.push(incomingCall));
    const watch = (call) => {
      window.call = call;
      window.states.push(call.state);
      call.on('stateChanged', () => window.states.push(call.state));
    };
    agent.on('callsUpdated', ({ added }) => added.forEach(watch));
    window.camera = async () => {
      const devices = await client.getDeviceManager();
      await devices.askDevicePermission({ audio: true, video: true });
      return new sdk.LocalVideoStream((await devices.getCameras())[0]);
    };
  }, { token: exchange.token(user), name: user });
}

/** Waits until an expression is true in the page. */
export async function until({ page, user, errors }, expression, what = expression, timeout = 10_000) {
  const started = Date.now();
  while (Date.now() - started < timeout) {
    // An expression may not make sense yet (no call, no stream): that is not true either.
    if (await page.evaluate(`(async () => Boolean(await (${expression})))().catch(() => false)`)) return;
    await page.waitForTimeout(20);
  }
  const seen = await page.evaluate('JSON.stringify({ states: window.states, end: window.call?.callEndReason, rings: window.rings?.length })');
  throw new Error(`${user} waited in vain until ${what}; seen ${seen}; errors ${errors.join('; ')}`);
}
