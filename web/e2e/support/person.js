/** A person with a browser, a token and the calling client. What the tests say, this does. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { watchedPage } from './browsers.js';
import { PEOPLE } from './media.js';
import { open } from './phone.js';

/** How long anything ordinary may take on a busy machine, ms. */
const PATIENCE = 45_000;

export class Person {
  /**
   * Opens a page of the exchange's origin in a browser and makes a telephone of it.
   *
   * - `face`: which of `PEOPLE` the browser was started as.
   * - `user`: `{ id, token }`; a new one when absent. The same user in two pages is one person with two devices.
   * - `iceServers`: given to the client in place of what the exchange says.
   * - `faceless`: its camera is not the one of `PEOPLE`, so that only movement can be seen.
   * - `scripts`: more init scripts for the page. `fresh`: false for a page that shares the browser's storage.
   */
  static async join(browser, exchange, face, { user, iceServers, faceless = false, scripts = [], fresh = true } = {}) {
    const person = new Person(exchange, face, user ?? (await exchange.user()), iceServers);
    person.faceless = faceless;
    const context = fresh ? await browser.createBrowserContext() : browser;
    person.page = await watchedPage(context, ...scripts);
    await person.pickUp();
    return person;
  }

  constructor(exchange, face, user, iceServers) {
    Object.assign(this, { exchange, face, user, iceServers });
  }

  get id() {
    return this.user.id;
  }

  /** Loads (or reloads) the page and registers. */
  async pickUp() {
    // Any document of the exchange's origin that is neither a page with scripts of its own nor JSON, which Firefox shows in a viewer
    // that lets nothing else in.
    await this.page.goto(`${this.exchange.origin}/sdk/calling.js`);
    await this.page.evaluate(open, { token: this.user.token, name: this.face, iceServers: this.iceServers }).catch((error) => {
      throw new Error(`${this.face} could not register: ${error}\n${this.page.complaints.join('\n')}\n${this.exchange.log.slice(-3000)}`);
    });
  }

  /** Runs a function in the page. */
  in(fn, ...args) {
    return this.page.evaluate(fn, ...args);
  }

  /** Waits until a function in the page is true; on failure says `what` and shows the state of things. */
  async until(what, fn, { patience = PATIENCE, args = [] } = {}) {
    try {
      await this.page.waitForFunction(fn, { timeout: patience, polling: 50 }, ...args);
    } catch (error) {
      const story = await this.story().catch((reason) => String(reason));
      throw new Error(`${this.face} waited ${patience} ms for: ${what}\n${story}\n${this.page.complaints.slice(-15).join('\n')}\n${error}\n${this.exchange.log.slice(-3000)}`);
    }
  }

  /** What this person's telephone went through, for messages of failed tests. */
  async story() {
    const told = await this.in(async () => ({
      connection: window.phone?.connection,
      rings: window.phone?.rings.map(({ ended }) => ended ?? 'rings'),
      calls: window.phone?.calls.map(({ call, states, ended }) => ({ id: call.id, states, ended })),
      peers: window.__watch.connections.map((pc) => `${pc.connectionState} ${pc.iceConnectionState} ${pc.signalingState}`),
      pairs: await window.__watch.pairs(),
    }));
    return JSON.stringify(told, null, 1);
  }

  async call(other, options = {}) {
    await this.in((target, how) => void window.phone.dial(target, how), other.id, options);
  }

  async rings(patience) {
    await this.until('a call that rings', () => window.phone.rings.some(({ ended, ring }) => !ended && !window.phone.calls.some(({ call }) => call.id === ring.id)), { patience });
  }

  async accept(options = {}) {
    await this.in(async (how) => void (await window.phone.accept(how)), options);
  }

  /** Joins a group call. */
  async joinGroup(groupId, options = {}) {
    await this.in((group, how) => void window.phone.join(group, how), groupId, options);
  }

  /** Is in a call with exactly these others. */
  async isWith(...others) {
    const ids = others.map((one) => one.id).sort();
    await this.until(`being with ${others.map((one) => one.face)}`, (wanted) => {
      const { call } = window.phone.current() ?? {};
      const here = call?.remoteParticipants.filter((one) => one.state === 'Connected').map((one) => one.identifier.communicationUserId).sort();
      return call?.state === 'Connected' && JSON.stringify(here) === JSON.stringify(wanted);
    }, { args: [ids] });
  }

  /**
   * This person hears these and nobody else: their tones are in what arrives, those of all others, and the own, are not.
   *
   * A tone that leaks is at least a sixth as loud as one that is there.
   */
  async hearsExactly(...others) {
    const wanted = others.map((one) => PEOPLE[one.face].tone);
    const all = Object.values(PEOPLE).map(({ tone }) => tone);
    let heard = {};
    for (const end = Date.now() + PATIENCE; Date.now() < end; await sleep(200)) {
      heard = await this.in((tones) => window.__watch.loudness(tones), all);
      const softest = Math.min(...wanted.map((hertz) => heard[hertz]));
      const loudestOther = Math.max(0, ...all.filter((hertz) => !wanted.includes(hertz)).map((hertz) => heard[hertz]));
      if (wanted.length === 0 ? loudestOther < 0.003 : softest > 0.004 && loudestOther < softest / 6) return;
    }
    assert.fail(`${this.face} should hear exactly ${wanted} Hz and hears ${JSON.stringify(heard)}\n${await this.story()}`);
  }

  /** On this person's page each of these is in their own picture, in their own colour, and moves. */
  async seesEach(...others) {
    let seen = {};
    const before = {};
    for (const end = Date.now() + PATIENCE; Date.now() < end; await sleep(300)) {
      await this.in(() => window.phone.showEverybody());
      seen = await this.in(() => window.phone.seen());
      const isSeen = others.every((one) => {
        const picture = seen[one.id];
        before[one.id] ??= picture?.frames;
        const isRight = one.faceless || (picture && alike(picture.colour, PEOPLE[one.face].rgb));
        return picture && isRight && picture.frames >= before[one.id] + 5;
      });
      if (isSeen) return;
    }
    assert.fail(`${this.face} should see ${others.map((one) => `${one.face} as ${PEOPLE[one.face].rgb}`).join(', ')} and sees ${JSON.stringify(seen)}\n${await this.story()}`);
  }

  /** The composed picture has each of these in it, in their own colour, and moves. */
  async seesTogether(...others) {
    const colours = others.map((one) => PEOPLE[one.face].rgb);
    let shares = [];
    let frames = 0;
    for (const end = Date.now() + PATIENCE; Date.now() < end; await sleep(300)) {
      await this.in(() => window.phone.showWhole());
      const found = await this.in((wanted) => {
        const whole = window.phone.views.get('whole');
        return whole?.video?.videoWidth > 0 ? { shares: window.__watch.shares(whole.video, wanted), frames: whole.frames } : undefined;
      }, colours);
      shares = found?.shares ?? [];
      if (found && shares.every((share) => share > 0.03) && frames > 0 && found.frames > frames) return;
      frames = found?.frames ?? 0;
    }
    assert.fail(`${this.face} should see ${others.map((one) => one.face)} in one picture, and their shares of it are ${shares}\n${await this.story()}`);
  }

  async state(wanted, patience) {
    await this.until(`the state ${wanted}`, (state) => window.phone.current()?.call.state === state, { patience, args: [wanted] });
  }

  hangUp() {
    return this.in(async () => window.phone.current().call.hangUp());
  }

  /** Waits for the end of the latest call and gives its reason. */
  async ended(patience) {
    await this.until('the end of the call', () => window.phone.current()?.ended, { patience });
    return this.in(() => window.phone.current().ended);
  }

  callId() {
    return this.in(() => window.phone.current().call.id);
  }

  states() {
    return this.in(() => window.phone.current().states.map(([state]) => state));
  }

  pairs() {
    return this.in(() => window.__watch.pairs());
  }

  /** The selected pair; exactly one connection may carry the call. */
  async pair() {
    await this.until('a selected pair', async () => (await window.__watch.pairs()).length > 0);
    const pairs = await this.pairs();
    assert.equal(pairs.length, 1, `one media path, not ${JSON.stringify(pairs)}`);
    return pairs[0];
  }

  inbound() {
    return this.in(() => window.__watch.inbound());
  }

  /** This person hears that one: the loudest frequency that arrives is theirs. */
  async hears(other) {
    const wanted = PEOPLE[other.face].tone;
    let heard = 0;
    for (const end = Date.now() + PATIENCE; Date.now() < end; await sleep(200)) {
      heard = await this.in((hertz) => window.__watch.tone(2.5, hertz), wanted);
      if (Math.abs(heard - wanted) <= 20) return;
    }
    assert.fail(`${this.face} should hear ${other.face} at ${wanted} Hz and hears ${heard} Hz\n${await this.story()}`);
  }

  /** This person hears nothing. */
  async hearsNothing() {
    let heard = 0;
    for (const end = Date.now() + 10_000; Date.now() < end; await sleep(200)) {
      heard = await this.in(() => window.__watch.tone(1.5));
      if (heard === 0) return;
    }
    assert.fail(`${this.face} should hear nothing and hears ${heard} Hz`);
  }

  /** This person sees that one: a picture of their colour arrives, and its frames go on. */
  async sees(other) {
    if (other.faceless) return this.seesMovement();
    const wanted = PEOPLE[other.face].rgb;
    let seen = [];
    for (const end = Date.now() + PATIENCE; Date.now() < end; await sleep(200)) {
      seen = await this.in(() => window.__watch.colours());
      if (seen.some((colour) => alike(colour, wanted))) return this.seesMovement();
    }
    assert.fail(`${this.face} should see ${other.face} as ${wanted} and sees ${JSON.stringify(seen)}\n${await this.story()}`);
  }

  /** Frames are decoded: at least `count` more than now. */
  async seesMovement(count = 5, patience = PATIENCE) {
    const { framesDecoded } = await this.inbound();
    await this.until(`${count} more frames`, async (goal) => (await window.__watch.inbound()).framesDecoded >= goal, { patience, args: [framesDecoded + count] });
  }

  async close() {
    await this.page.close().catch(() => {});
  }
}

/** Whether two colours could be one that went through a codec. */
export function alike(colour, wanted) {
  return colour.every((value, channel) => Math.abs(value - wanted[channel]) < 45);
}

/** One calls, the other accepts, both are connected with audio and (unless told not to) video both ways. Gives milliseconds from `startCall` to Connected. */
export async function talk(caller, callee, { video = true } = {}) {
  await caller.call(callee, { video });
  await callee.rings();
  await callee.accept({ video });
  await Promise.all([caller.state('Connected'), callee.state('Connected')]);
  return caller.in(() => window.phone.current().states.find(([state]) => state === 'Connected')[1]);
}

/** Both hear the other, and see the other when video is on. */
export async function converse(one, other, { video = true } = {}) {
  await Promise.all([one.hears(other), other.hears(one)]);
  if (video) await Promise.all([one.sees(other), other.sees(one)]);
}
