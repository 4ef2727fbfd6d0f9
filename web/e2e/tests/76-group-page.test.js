/**
 * A group call on the page at `/`, by its link.
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

const PATIENCE = 60_000;
const FACES = ['alice', 'bob', 'carol'];

let net;
let exchange;
let browsers;

before(async () => {
  net = laptop();
  const [started, ...opened] = await Promise.all([Exchange.dev(net), ...FACES.map((face) => chromium(net.a, face))]);
  exchange = started;
  browsers = Object.fromEntries(FACES.map((face, index) => [face, opened[index]]));
});

after(async () => {
  await Promise.all(Object.values(browsers ?? {}).map((browser) => browser.close().catch(() => {})));
  await exchange?.stop();
  await net?.lab.close();
});

async function tab(t, browser, address, { width = 1280, height = 800, ...screen } = {}) {
  const page = await watchedPage(browser);
  t.after(() => page.close().catch(() => {}));
  await page.setViewport({ width, height, ...screen });
  await page.goto(address);
  await visible(page, '#presence[data-state=ready]');
  return page;
}

const until = (page, fn, ...args) => page.waitForFunction(fn, { timeout: PATIENCE, polling: 100 }, ...args);
const visible = (page, selector) => until(page, (wanted) => document.querySelector(wanted)?.checkVisibility(), selector);
const press = async (page, selector) => {
  await visible(page, selector);
  await page.$eval(selector, (button) => button.click());
};

/** The page shows pictures of these colours. */
async function shows(page, ...faces) {
  let shown = [];
  for (const end = Date.now() + PATIENCE; Date.now() < end; await sleep(300)) {
    shown = await page.evaluate(() => window.__watch.shown());
    if (faces.every((face) => shown.some(({ colour }) => alike(colour, PEOPLE[face].rgb)))) return;
  }
  assert.fail(`the page should show ${faces} and shows ${JSON.stringify(shown)}`);
}

async function hears(page, ...faces) {
  const wanted = faces.map((face) => PEOPLE[face].tone);
  let heard = {};
  for (const end = Date.now() + PATIENCE; Date.now() < end; await sleep(200)) {
    heard = await page.evaluate((tones) => window.__watch.loudness(tones), Object.values(PEOPLE).map(({ tone }) => tone));
    if (wanted.every((hertz) => heard[hertz] > 0.004)) return;
  }
  assert.fail(`the page should play ${wanted} Hz and plays ${JSON.stringify(heard)}`);
}

async function picture(page, name) {
  const folder = process.env.PICTURES;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

test('three meet by a link, one of them on a phone: pictures, speakers, people, messages, mixed', async (t) => {
  const alice = await tab(t, browsers.alice, `${exchange.origin}/`);
  await press(alice, '#lobby-cam');
  await visible(alice, '#preview video');
  await press(alice, '#new-group');
  await visible(alice, '#alone');
  const link = await alice.evaluate(() => location.href);
  const bob = await tab(t, browsers.bob, link);
  await press(bob, '#join-group');
  const carol = await tab(t, browsers.carol, link, { width: 390, height: 844, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });
  await picture(carol, 'phone-group-invited');
  await press(carol, '#join-group');
  const pages = { alice, bob, carol };
  for (const [face, page] of Object.entries(pages)) {
    const others = FACES.filter((other) => other !== face);
    await until(page, () => /3 people/.test(document.getElementById('stage-name').textContent));
    await page.bringToFront();
    await shows(page, ...others);
    await hears(page, ...others);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'the page scrolls sideways');
  }
  await visible(alice, '.tile.speaking');
  await picture(alice, 'laptop-group');
  await picture(carol, 'phone-group');

  await press(alice, '#people');
  await until(alice, () => document.querySelectorAll('#people-list .person').length === 3);
  await until(alice, () => document.querySelector('#people-list .bars[data-quality=good], #people-list .bars[data-quality=poor], #people-list .bars[data-quality=bad]'));
  await picture(alice, 'laptop-group-people');
  await press(bob, '#hand');
  await visible(alice, '.tile .tile-hand:not([hidden])');
  await press(alice, '#mute-all');
  await until(bob, () => document.getElementById('mic').hasAttribute('data-off'));

  await press(bob, '#messages');
  await bob.type('#message-text', 'Hello all');
  await press(bob, '#message-form button');
  await until(carol, () => document.getElementById('unread').textContent === '1');
  await press(alice, '#tab-messages');
  await until(alice, () => /Hello all/.test(document.getElementById('messages-list').textContent));

  await press(alice, '#mode-mixed');
  await until(alice, () => document.querySelector('.tile.whole:not([hidden]) video')?.videoWidth > 0);
  await picture(alice, 'laptop-group-mixed');
  await press(alice, '#mode-forwarded');
  await alice.bringToFront();
  await shows(alice, 'bob', 'carol');

  await bob.reload();
  await until(bob, () => /3 people/.test(document.getElementById('stage-name').textContent));
  await press(carol, '#hang-up');
  await visible(carol, '#over:not([hidden])');
  await until(alice, () => !/3 people/.test(document.getElementById('stage-name').textContent));
  assert.deepEqual([...alice.complaints, ...bob.complaints, ...carol.complaints], []);
});
