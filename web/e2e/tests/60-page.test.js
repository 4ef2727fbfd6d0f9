/**
 * The page at `/` of `centrale dev`, as a newcomer meets it.
 *
 * With `PICTURES` naming a folder it also leaves pictures of what there was to see.
 */
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { laptop } from '../lab/topologies.js';
import { chromium, watchedPage } from '../support/browsers.js';
import { Exchange } from '../support/exchange.js';
import { PEOPLE } from '../support/media.js';
import { alike } from '../support/person.js';

const PATIENCE = 45_000;

let net;
let exchange;
let browsers;

before(async () => {
  net = laptop();
  const [started, alice, bob] = await Promise.all([Exchange.dev(net), chromium(net.a, 'alice'), chromium(net.b, 'bob')]);
  exchange = started;
  browsers = { alice, bob };
});

after(async () => {
  await Promise.all(Object.values(browsers ?? {}).map((browser) => browser.close().catch(() => {})));
  await exchange?.stop();
  await net?.lab.close();
});

/** Opens the page, or an invitation, in a tab. */
async function tab(t, browser, address = `${exchange.origin}/`, { width = 1280, height = 800, ...screen } = {}) {
  const page = await watchedPage(browser);
  t.after(() => page.close().catch(() => {}));
  await page.setViewport({ width, height, ...screen });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: screen.isMobile ? 'dark' : 'light' }]);
  await page.goto(address);
  await visible(page, '#presence[data-state=ready]');
  return page;
}

// By timer, not by frame: a tab in the background draws none.
const until = (page, fn, ...args) => page.waitForFunction(fn, { timeout: PATIENCE, polling: 100 }, ...args);
const visible = (page, selector) => until(page, (wanted) => document.querySelector(wanted)?.checkVisibility(), selector);
const press = async (page, selector) => {
  await visible(page, selector);
  await page.$eval(selector, (button) => button.click());
};
const talks = (page) => until(page, () => /^\d+:\d\d$/.test(document.getElementById('stage-state').textContent));
const hears = (page, hertz) => until(page, async (wanted) => Math.abs((await window.__watch.tone(2, wanted)) - wanted) <= 20, hertz);

/** The largest picture of the page is of this colour: what a person looking at it sees of the other. */
async function shows(page, rgb) {
  let shown = [];
  for (const end = Date.now() + PATIENCE; Date.now() < end; await sleep(200)) {
    shown = await page.evaluate(() => window.__watch.shown());
    if (shown.length > 0 && alike(shown[0].colour, rgb)) return;
  }
  assert.fail(`the page should show ${rgb} and shows ${JSON.stringify(shown)}`);
}

async function picture(page, name) {
  const folder = process.env.PICTURES;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

test('a newcomer opens the printed address in two tabs and talks to himself', async (t) => {
  const first = await tab(t, browsers.alice);
  const invitation = await first.$eval('#invite-link', (field) => field.value);
  const second = await tab(t, browsers.alice, invitation);
  await press(second, '#call-invited');
  await press(first, '#ringing[open] #answer-video');
  await Promise.all([talks(first), talks(second)]);
  for (const page of [first, second]) {
    await hears(page, PEOPLE.alice.tone);
    await page.bringToFront();
    await shows(page, PEOPLE.alice.rgb);
  }
  await press(first, '#hang-up');
  await visible(second, '#over:not([hidden])');
  assert.deepEqual([...first.complaints, ...second.complaints], []);
});

test('two people call each other by link, on a laptop and on a phone', async (t) => {
  const alice = await tab(t, browsers.alice);
  await picture(alice, 'laptop-lobby');
  const invitation = await alice.$eval('#invite-link', (field) => field.value);
  const bob = await tab(t, browsers.bob, invitation, { width: 390, height: 844, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });
  await picture(bob, 'phone-invited');
  await press(bob, '#call-invited');
  await visible(alice, '#ringing[open]');
  await picture(alice, 'laptop-ringing');
  await press(alice, '#answer-video');
  await Promise.all([talks(alice), talks(bob)]);
  await Promise.all([shows(alice, PEOPLE.bob.rgb), shows(bob, PEOPLE.alice.rgb)]);
  await Promise.all([hears(alice, PEOPLE.bob.tone), hears(bob, PEOPLE.alice.tone)]);
  // The path is named, and nothing is wider than the screen.
  for (const page of [alice, bob]) {
    await until(page, () => / ms$/.test(document.getElementById('path-text').textContent));
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'the page scrolls sideways');
  }
  await until(alice, () => document.getElementById('stage-state').textContent >= '0:03');
  await picture(alice, 'laptop-call');
  await picture(bob, 'phone-call');
  await press(alice, '#figures');
  await until(alice, () => /opus/i.test(document.getElementById('facts-list').textContent));
  await picture(alice, 'laptop-path');
  await press(bob, '#mic');
  await until(alice, () => /muted/i.test(document.getElementById('remote-note').textContent));
  await press(bob, '#mic');
  await until(alice, () => !/muted/i.test(document.getElementById('remote-note').textContent));
  await bob.reload();
  await talks(bob);
  // A page that was reloaded is heard at once and seen when its person says so.
  await hears(alice, PEOPLE.bob.tone);
  await press(bob, '#cam');
  await shows(alice, PEOPLE.bob.rgb);
  await press(bob, '#hang-up');
  await visible(alice, '#over:not([hidden])');
  await picture(alice, 'laptop-over');
  assert.deepEqual([...alice.complaints, ...bob.complaints], []);
});

test('every control has a name, and the keyboard reaches it', async (t) => {
  const page = await tab(t, browsers.alice);
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll('button, a[href], input, select, textarea')]
      .filter((one) => !one.closest('[hidden]') && !(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length || one.title))
      .map((one) => one.outerHTML.slice(0, 120)),
  );
  assert.deepEqual(nameless, []);
  const reached = new Set();
  for (let n = 0; n < 25; n++) {
    await page.keyboard.press('Tab');
    reached.add(await page.evaluate(() => document.activeElement?.id));
  }
  for (const id of ['nav-console', 'copy-link', 'open-link', 'lobby-mic', 'lobby-cam']) assert.ok(reached.has(id), `Tab never reaches #${id}: ${[...reached]}`);
});
