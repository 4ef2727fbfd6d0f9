// Looks at the page as two people do: `node test/look.mjs https://localhost:8443 [folder for screenshots]`, against a running `centrale dev`.
//
// One on a laptop by day, one on a phone by night. Fails when something that people rely on is not there. Chromium with fake devices;
// the tools are those of ../client. CHROMIUM names another browser binary.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { chromium } = createRequire(new URL('../../client/package.json', import.meta.url))('playwright-core');
const [origin = 'https://localhost:8443', folder] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox', '--disable-gpu', '--mute-audio', '--autoplay-policy=no-user-gesture-required', '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream', '--ignore-certificate-errors', '--auto-accept-this-tab-capture',
  ],
});
const errors = [];

async function person(name, options) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, permissions: ['camera', 'microphone'], ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('pageerror', (error) => errors.push(`${name}: ${error}`));
  page.on('console', (message) => message.type() === 'error' && errors.push(`${name}: ${message.text()}`));
  return page;
}

async function look(page, name, fullPage = false) {
  if (folder) {
    mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${name}.png`), fullPage });
  }
}

const text = (page, selector) => page.textContent(selector);
const talks = (page) => page.waitForFunction(() => /^\d+:\d\d$/.test(document.getElementById('stage-state').textContent));

const laptop = await person('laptop', { viewport: { width: 1280, height: 800 } });
const phone = await person('phone', { viewport: { width: 390, height: 844 }, hasTouch: true, deviceScaleFactor: 2, colorScheme: 'dark' });

try {
  await laptop.goto(origin);
  await laptop.waitForSelector('#presence[data-state=ready]');
  await laptop.waitForTimeout(500);
  await look(laptop, '01-lobby');

  await phone.goto(await laptop.inputValue('#invite-link'));
  await phone.waitForSelector('#presence[data-state=ready]');
  await look(phone, '02-invited');
  const laptopName = await text(laptop, '#presence-text');
  assert.equal(await text(phone, '#invited-name'), laptopName);
  assert.notEqual(await text(phone, '#presence-text'), laptopName, 'each tab is another person');

  await phone.click('#call-invited');
  await laptop.waitForSelector('#ringing[open]');
  assert.equal(await text(laptop, '#ringing-name'), await text(phone, '#presence-text'));
  await look(laptop, '03-ringing');
  await laptop.click('#answer-video');
  await Promise.all([talks(laptop), talks(phone)]);
  for (const page of [laptop, phone]) {
    await page.waitForFunction(() => document.querySelector('.tile.person:not([hidden]) video')?.videoWidth > 0);
    await page.waitForFunction(() => / ms$/.test(document.getElementById('path-text').textContent));
  }
  await laptop.waitForTimeout(3000);
  await look(laptop, '04-call');
  await look(phone, '05-call-phone');

  await laptop.click('#figures');
  await laptop.waitForTimeout(1500);
  assert.match(await laptop.innerText('#facts-list'), /opus/);
  await look(laptop, '06-path');
  await laptop.keyboard.press('Escape');
  assert.equal(await laptop.isVisible('#facts'), false);

  await phone.click('#mic');
  await laptop.waitForFunction(() => /is muted$/.test(document.getElementById('remote-note').textContent));
  await laptop.keyboard.press('v');
  await phone.waitForFunction(() => !document.querySelector('.tile.person video'));
  await laptop.click('#hold');
  await phone.waitForFunction(() => /on hold/i.test(document.getElementById('stage-state').textContent));
  await laptop.click('#hold');
  await talks(phone);

  await phone.reload();
  await talks(phone);
  await phone.click('#hang-up');
  await laptop.waitForSelector('#over:not([hidden])');
  assert.match(await text(laptop, '#over-why'), /hung up/);
  await look(laptop, '07-over');

  await laptop.click('#over-explain');
  await laptop.click('#dev-key');
  await laptop.waitForSelector('.timeline li');
  assert.match(await laptop.innerText('.timeline'), /the call is over/);
  await look(laptop, '08-console', true);

  assert.deepEqual(errors, []);
  console.log('The page does what it says.');
} finally {
  await browser.close();
}
