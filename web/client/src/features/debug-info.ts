/**
 * What the browser is, and whether another tab uses calling too.
 *
 * User interfaces copy this object with a spread, so everything is an own enumerable property.
 */

import { Emitter } from '../emitter.js';
import type { DebugInfoCallClientFeature, EnvironmentInfo } from '../types/client.js';

const CHANNEL = 'centrale.calling.tabs';

/** What tabs say to each other. */
interface Note {
  tab: string;
  says: 'hello' | 'here' | 'bye';
}

/** Information about browser and page. */
export class DebugInfo implements DebugInfoCallClientFeature {
  name = 'DebugInfo';
  isCallClientActiveInAnotherTab = false;
  getEnvironmentInfo: () => Promise<EnvironmentInfo>;
  on: (event: 'isCallClientActiveInAnotherTabChanged', listener: () => void) => void;
  off: (event: 'isCallClientActiveInAnotherTabChanged', listener: () => void) => void;
  dispose: () => void;

  constructor() {
    const emitter = new Emitter<{ isCallClientActiveInAnotherTabChanged: undefined }>();
    const others = new Set<string>();
    const leave = watchTabs(others, () => {
      if (this.isCallClientActiveInAnotherTab !== others.size > 0) {
        this.isCallClientActiveInAnotherTab = others.size > 0;
        emitter.emit('isCallClientActiveInAnotherTabChanged');
      }
    });
    this.getEnvironmentInfo = async () => environmentOf(globalThis.navigator?.userAgent ?? '');
    this.on = (event, listener) => emitter.on(event, listener);
    this.off = (event, listener) => emitter.off(event, listener);
    this.dispose = () => {
      leave();
      emitter.clear();
    };
  }
}

/** Keeps `others` filled with the tabs that use calling. */
function watchTabs(others: Set<string>, onChange: () => void): () => void {
  if (typeof document === 'undefined' || typeof BroadcastChannel === 'undefined') {
    return () => undefined;
  }
  const tab = crypto.randomUUID();
  const channel = new BroadcastChannel(CHANNEL);
  const say = (says: Note['says']): void => channel.postMessage({ tab, says } satisfies Note);
  const leave = (): void => {
    say('bye');
    channel.close();
    removeEventListener('pagehide', leave);
  };
  channel.onmessage = (event: MessageEvent<Note>) => {
    const { tab: other, says } = event.data ?? {};
    if (typeof other !== 'string' || other === tab) {
      return;
    }
    if (says === 'bye') {
      others.delete(other);
    } else if (others.size < 100) {
      others.add(other);
      if (says === 'hello') {
        say('here');
      }
    }
    onChange();
  };
  addEventListener('pagehide', leave);
  say('hello');
  let isOver = false;
  return () => {
    if (!isOver) {
      isOver = true;
      leave();
    }
  };
}

/** The oldest versions that have what calls need: `RTCRtpSender.replaceTrack`, implicit rollback, unified plan. */
const OLDEST: Record<string, number> = { chrome: 89, edge: 89, firefox: 90, safari: 15, opera: 75, samsung: 15 };

/** What a user agent string says. */
export function environmentOf(agent: string): EnvironmentInfo {
  const [browser, browserVersion] = browserOf(agent);
  const platform = platformOf(agent);
  const oldest = OLDEST[browser];
  const isSupportedBrowser = oldest !== undefined;
  const isSupportedBrowserVersion = oldest !== undefined && Number.parseInt(browserVersion, 10) >= oldest;
  const isSupportedPlatform = platform !== 'unknown';
  return {
    environment: { platform, browser, browserVersion },
    isSupportedPlatform,
    isSupportedBrowser,
    isSupportedBrowserVersion,
    isSupportedEnvironment: isSupportedPlatform && isSupportedBrowser && isSupportedBrowserVersion,
  };
}

/** The order matters: most browsers also claim to be others. */
const BROWSERS: readonly [name: string, version: RegExp][] = [
  ['edge', /Edg(?:e|A|iOS)?\/([\d.]+)/],
  ['opera', /OPR\/([\d.]+)/],
  ['samsung', /SamsungBrowser\/([\d.]+)/],
  ['firefox', /(?:Firefox|FxiOS)\/([\d.]+)/],
  ['chrome', /(?:Chrome|Chromium|CriOS|HeadlessChrome)\/([\d.]+)/],
  ['safari', /Version\/([\d.]+).*Safari/],
];

function browserOf(agent: string): [name: string, version: string] {
  for (const [name, version] of BROWSERS) {
    const match = version.exec(agent);
    if (match?.[1]) {
      return [name, match[1]];
    }
  }
  return ['unknown', ''];
}

function platformOf(agent: string): string {
  if (/android/i.test(agent)) {
    return 'android';
  }
  if (/iphone|ipad|ipod/i.test(agent)) {
    return 'ios';
  }
  if (/windows/i.test(agent)) {
    return 'windows';
  }
  if (/macintosh|mac os/i.test(agent)) {
    return 'mac';
  }
  return /linux|cros|x11/i.test(agent) ? 'linux' : 'unknown';
}
