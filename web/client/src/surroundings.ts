/**
 * What the client needs of the world: clock, chance, network, page. Passed in, so that machines are tested without a browser,
 * and looked up at the call, so that importing the package touches nothing (server-side rendering).
 */

import type { Disposer } from './emitter.js';

/** As much of `WebSocket` as is used. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: (() => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

/** Something that may mean another network. */
export type NetworkNews =
  /** The page was shown again, or the browser guesses that something changed. */
  | 'hint'
  /** The network went and came, or is of another kind. */
  | 'changed'
  /** There is none. */
  | 'gone';

/** The world as the client sees it. */
export interface Surroundings {
  /** Milliseconds, only ever rising. */
  now(): number;
  /** Milliseconds since the Unix epoch. */
  wallClock(): number;
  /** 0 inclusive to 1 exclusive. */
  random(): number;
  /** A GUID, version 4. */
  guid(): string;
  after(ms: number, run: () => void): Disposer;
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Throws when there is no WebSocket here. */
  socket(url: string): Socket;
  onNetwork(listener: (news: NetworkNews) => void): Disposer;
  onPageHide(listener: () => void): Disposer;
  /** `undefined` where storage is missing or forbidden. */
  storage(): Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | undefined;
  /** Whether the browser says that there is a network; true when it says nothing. */
  isOnline(): boolean;
}

/** The browser, or Node as far as it goes. */
export const browser: Surroundings = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  random: () => Math.random(),
  guid,
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  fetch: (url, init) => fetch(url, init),
  socket(url) {
    if (typeof WebSocket === 'undefined') {
      throw new Error('There is no WebSocket here.');
    }
    return new WebSocket(url) as unknown as Socket;
  },
  onNetwork,
  onPageHide(listener) {
    if (typeof window === 'undefined') {
      return () => {};
    }
    window.addEventListener('pagehide', listener);
    return () => window.removeEventListener('pagehide', listener);
  },
  storage() {
    try {
      return typeof sessionStorage === 'undefined' ? undefined : sessionStorage;
    } catch {
      return undefined; // storage is forbidden in this frame
    }
  },
  isOnline: () => typeof navigator === 'undefined' || navigator.onLine !== false,
};

function guid(): string {
  const source = globalThis.crypto;
  if (typeof source.randomUUID === 'function') {
    return source.randomUUID();
  }
  // randomUUID exists only in secure contexts; a laboratory page on plain http is none.
  const bytes = source.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** `navigator.connection` where it exists (Chromium). `type` is known on phones and Chrome OS only. */
interface NetworkInformation extends EventTarget {
  readonly type?: string;
}

function onNetwork(listener: (news: NetworkNews) => void): Disposer {
  if (typeof window === 'undefined' || typeof document === 'undefined') {
    return () => {};
  }
  const connection = (navigator as { connection?: NetworkInformation }).connection;
  let kind = connection?.type;
  const online = () => listener('changed');
  const offline = () => listener('gone');
  const shown = () => {
    if (document.visibilityState === 'visible') {
      listener('hint');
    }
  };
  const restored = (event: PageTransitionEvent) => {
    if (event.persisted) {
      listener('changed');
    }
  };
  const other = () => {
    // Without `type` the event also tells of mere estimates of speed.
    const isOther = connection?.type !== kind;
    kind = connection?.type;
    listener(isOther ? 'changed' : 'hint');
  };
  window.addEventListener('online', online);
  window.addEventListener('offline', offline);
  window.addEventListener('pageshow', restored);
  document.addEventListener('visibilitychange', shown);
  connection?.addEventListener?.('change', other);
  return () => {
    window.removeEventListener('online', online);
    window.removeEventListener('offline', offline);
    window.removeEventListener('pageshow', restored);
    document.removeEventListener('visibilitychange', shown);
    connection?.removeEventListener?.('change', other);
  };
}
