// Looks at a group call on the page: `node test/look-group.mjs [folder for screenshots] [five|third]`. Needs no server: the page runs over the small exchange
// and the media processor of the client's own browser tests (../../client/test/browser), after `npm run build` in both folders.
//
// Five on laptops and phones. Fails when something that people rely on is not there.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GroupExchange } from '../../client/test/browser/group-exchange.mjs';
import { openBrowser } from '../../client/test/browser/people.mjs';
import { openProcessor } from '../../client/test/browser/processor.mjs';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const script = readFileSync(new URL('../../client/dist/calling.js', import.meta.url));
const [folder, only] = process.argv.slice(2);
const PATIENCE = 60_000;

/** The small exchange, with the page. */
class PageExchange extends GroupExchange {
  users = 0;

  async serve(request, response) {
    const { pathname } = new URL(request.url, this.url);
    const types = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
    const file = pathname === '/' ? 'index.html' : pathname.slice(1);
    if (pathname === '/dev/token') {
      let text = '';
      for await (const chunk of request) text += chunk;
      const id = JSON.parse(text || '{}').id ?? `8:acs:r_${++this.users}`;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ id, token: this.token(id.slice(2)), expiresOn: new Date(Date.now() + 3_600_000) }));
    } else if (/^(index\.html|icon\.svg|assets\/[a-z]+\.(js|css))$/.test(file)) {
      response.setHeader('content-type', types[file.split('.').at(-1)]);
      response.end(readFileSync(join(dist, file)));
    } else {
      await super.serve(request, response);
    }
  }
}

/** A camera that shows somebody, drawn: fake devices all look the same. */
function face({ hue, name }) {
  sessionStorage.setItem('centrale.page.name', name);
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    if (!wanted.video) return real(wanted);
    const canvas = Object.assign(document.createElement('canvas'), { width: 480, height: 270 });
    const paint = canvas.getContext('2d');
    const draw = () => {
      const sway = Math.sin(performance.now() / 900 + hue) * 7;
      const wall = paint.createLinearGradient(0, 0, 480, 270);
      wall.addColorStop(0, `hsl(${hue} 32% 68%)`);
      wall.addColorStop(1, `hsl(${hue + 40} 30% 42%)`);
      paint.fillStyle = wall;
      paint.fillRect(0, 0, 480, 270);
      paint.fillStyle = `hsl(${hue + 180} 38% 34%)`;
      paint.beginPath();
      paint.ellipse(240 + sway, 300, 120, 110, 0, 0, 7);
      paint.fill();
      paint.fillStyle = 'hsl(26 45% 66%)';
      paint.beginPath();
      paint.ellipse(240 + sway * 1.3, 130, 52, 64, 0, 0, 7);
      paint.fill();
      paint.fillStyle = `hsl(${hue / 2} 30% 18%)`;
      paint.beginPath();
      paint.ellipse(240 + sway * 1.3, 88, 56, 32, 0, Math.PI, 0);
      paint.fill();
    };
    draw();
    setInterval(draw, 200);
    return canvas.captureStream(5);
  };
}

const browser = await openBrowser();
const exchange = new PageExchange(script);
await exchange.listen();
exchange.processor = await openProcessor(browser, (place, epoch) => exchange.connected_(place, epoch));
const errors = [];

async function person(name, hue, options = {}) {
  const context = await browser.newContext({ permissions: ['camera', 'microphone'], viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on('pageerror', (error) => errors.push(`${name}: ${error.stack}`));
  page.on('console', (message) => message.type() === 'error' && errors.push(`${name}: ${message.text()}`));
  await page.addInitScript(face, { hue, name });
  return page;
}

async function look(page, name) {
  if (folder) {
    mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${name}.png`) });
  }
}

const ready = (page) => page.waitForSelector('#presence[data-state=ready]');
const pictures = (page, count) => page.waitForFunction((wanted) => [...document.querySelectorAll('.tile:not([hidden]) video')].filter((one) => one.videoWidth > 0).length >= wanted, count);
const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

/** Five meet by a link. */
async function five() {
  const ada = await person('Ada Lovelace', 150);
  await ada.goto(exchange.url);
  await ready(ada);
  await look(ada, 'group-01-lobby');
  await ada.click('#lobby-cam');
  await ada.waitForSelector('#preview video');
  await ada.click('#new-group');
  await ada.waitForSelector('#stage:not([hidden])');
  await ada.waitForSelector('#alone:not([hidden])');
  await look(ada, 'group-02-alone');
  const link = await ada.evaluate(() => location.href);
  assert.match(link, /\?group=[0-9a-f-]{36}$/);

  const phone = await person('Grace Hopper', 20, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2, colorScheme: 'dark' });
  await phone.goto(link);
  await ready(phone);
  await look(phone, 'group-03-invited-phone');
  await phone.click('#join-group');
  await pictures(phone, 2);
  await look(phone, 'group-04-two-phone');

  const others = [];
  for (const [name, hue] of [['Alan Turing', 220], ['Hedy Lamarr', 300]]) {
    const page = await person(name, hue);
    await page.goto(link);
    await ready(page);
    await page.click('#join-group');
    await page.waitForSelector('#stage:not([hidden])');
    others.push(page);
  }
  const silent = await person('Claude Shannon', 60);
  await silent.goto(link);
  await ready(silent);
  await silent.click('#join-group-voice');
  await Promise.all([pictures(ada, 4), pictures(phone, 4)]);
  await ada.waitForFunction(() => /^Group call · 5 people$/.test(document.getElementById('stage-name').textContent));
  await others[0].click('#hand');
  await silent.click('#mic');
  await ada.waitForSelector('.tile.speaking');
  await ada.waitForTimeout(1500);
  await look(ada, 'group-05-grid');
  await look(phone, 'group-06-grid-phone');
  assert.ok((await fits(ada)) && (await fits(phone)), 'the page scrolls sideways');

  await ada.click('#people');
  await ada.waitForFunction(() => document.querySelectorAll('#people-list .person').length === 5);
  await ada.waitForFunction(() => document.querySelector('#people-list .person .bars[data-quality]'));
  await ada.waitForTimeout(800);
  await look(ada, 'group-07-people');
  await ada.click('#people-list .person:has-text("Hedy") .mini[title*="stage"]');
  await ada.waitForFunction(() => document.getElementById('tiles').dataset.kind === 'stage');
  await ada.waitForTimeout(900);
  await look(ada, 'group-08-spotlight');
  await ada.click('#people-list .person:has-text("Hedy") .mini[title*="stage"]');
  await ada.waitForFunction(() => document.getElementById('tiles').dataset.kind === 'grid');

  await ada.click('#tab-messages');
  await others[1].click('#messages');
  await others[1].fill('#message-text', 'The slides are in the shared folder. I show them in a minute.');
  await others[1].press('#message-text', 'Enter');
  await ada.waitForSelector('.message');
  await ada.fill('#message-text', 'Thank you. Alan, you wanted to say something?');
  await ada.press('#message-text', 'Enter');
  await phone.waitForFunction(() => document.getElementById('unread').textContent === '2');
  await look(ada, 'group-09-messages');

  await others[1].click('#screen');
  await ada.waitForSelector('.tile.screen:not([hidden]) video');
  await ada.waitForTimeout(1200);
  await look(ada, 'group-10-screen');
  await look(phone, 'group-11-screen-phone');
  await others[1].click('#screen');
  await ada.waitForFunction(() => !document.querySelector('.tile.screen'));
  await ada.click('#panel-close');
  await ada.click('#view-speaker');
  await ada.waitForTimeout(1500);
  await look(ada, 'group-12-speaker');

  await ada.click('#mode-mixed');
  await ada.waitForFunction(() => document.querySelector('.tile.whole:not([hidden]) video')?.videoWidth > 0);
  await ada.waitForTimeout(800);
  await look(ada, 'group-13-mixed');
  await ada.click('#mode-forwarded');
  await ada.click('#view-grid');
  await pictures(ada, 4);

  await ada.click('#people');
  await ada.click('#mute-all');
  await phone.waitForFunction(() => document.querySelector('#mic').hasAttribute('data-off'));
  await phone.click('#people');
  await phone.waitForTimeout(600);
  await look(phone, 'group-14-people-phone');
  await phone.click('#panel-close');
  await phone.click('#more');
  await phone.waitForTimeout(300);
  await look(phone, 'group-15-more-phone');
  await ada.click('#people-list .person:has-text("Claude") .mini[title*="out of the call"]');
  await silent.waitForFunction(() => /taken out/.test(document.getElementById('over-title').textContent));
  await phone.reload();
  await phone.waitForFunction(() => /^\d+:\d\d$/.test(document.getElementById('stage-state').textContent));
  await phone.waitForFunction(() => /4 people/.test(document.getElementById('stage-name').textContent));
  await ada.click('#hang-up');
  await ada.waitForSelector('#over:not([hidden])');
  await look(ada, 'group-16-over');
  for (const page of [ada, phone, ...others, silent]) await page.context().close();
}

/** Two call each other, and bring in a third. */
async function twoAndAThird() {
  const ada = await person('Ada Lovelace', 150);
  await ada.goto(exchange.url);
  await ready(ada);
  const mary = await person('Mary Jackson', 330, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });
  await mary.goto(await ada.inputValue('#invite-link'));
  await ready(mary);
  await mary.click('#call-invited');
  await ada.waitForSelector('#ringing[open]');
  await ada.click('#answer-video');
  await Promise.all([pictures(ada, 2), pictures(mary, 2)]);
  await ada.waitForTimeout(1500);
  await look(ada, 'group-17-pair');
  await look(mary, 'group-18-pair-phone');
  const kurt = await person('Kurt Gödel', 100);
  await kurt.goto(exchange.url);
  await ready(kurt);
  await ada.click('#people');
  await ada.fill('#add-id', await kurt.textContent('#own-id'));
  await ada.press('#add-id', 'Enter');
  await kurt.waitForSelector('#ringing[open]');
  await look(ada, 'group-19-adding');
  await kurt.click('#answer-video');
  for (const page of [ada, mary, kurt]) await page.waitForFunction(() => /3 people/.test(document.getElementById('stage-name').textContent));
  await Promise.all([pictures(ada, 3), pictures(mary, 3), pictures(kurt, 3)]);
  await look(ada, 'group-20-promoted');
}

try {
  if (!only || only === 'five') await five();
  if (!only || only === 'third') await twoAndAThird();
  assert.deepEqual(errors, []);
  console.log('The page does what it says with several people.');
} catch (error) {
  console.log(error.stack, errors.join('\n'));
  for (const context of browser.contexts()) {
    for (const page of context.pages()) {
      console.log(await page.evaluate(() => `${document.title} ${document.getElementById('stage-name')?.textContent} ${document.getElementById('stage-state')?.textContent} ${document.getElementById('people-list')?.innerText}`).catch(String));
    }
  }
  process.exitCode = 1;
} finally {
  await browser.close();
  exchange.close();
  process.exit();
}
