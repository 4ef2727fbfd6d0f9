/** A world for tests: a clock that is moved by hand, a network of canned answers, sockets that are written to by hand. */

import type { NetworkNews, Socket, Surroundings } from '../src/surroundings.js';

/** A socket that the test holds the other end of. */
export class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];
  isClosed = false;

  constructor(readonly url: string) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.isClosed = true;
  }

  open(): void {
    this.onopen?.();
  }

  say(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  break(code = 1006): void {
    this.onclose?.({ code, reason: '' });
  }
}

/** A request that the test answers. */
export interface FakeRequest {
  method: string;
  path: string;
  body: Record<string, unknown> | undefined;
  token: string | undefined;
  keepalive: boolean;
  answer(status: number, body?: unknown, headers?: Record<string, string>): void;
  fail(): void;
}

/** The world. */
export class World implements Surroundings {
  private time = 1_000;
  private timers: { at: number; run: () => void }[] = [];
  private guids = 0;
  private readonly listeners = new Set<(news: NetworkNews) => void>();
  readonly hidden = new Set<() => void>();
  readonly sockets: FakeSocket[] = [];
  readonly requests: FakeRequest[] = [];
  readonly kept = new Map<string, string>();
  hasSockets = true;
  online = true;
  /** Answers requests at once, where it gives something. */
  auto: ((request: FakeRequest) => unknown) | undefined;

  now = (): number => this.time;
  wallClock = (): number => 1_700_000_000_000 + this.time;
  random = (): number => 0.999;
  guid = (): string => `00000000-0000-4000-8000-${String(++this.guids).padStart(12, '0')}`;

  after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.time + ms, run };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((one) => one !== timer);
    };
  };

  fetch = (url: string, init: RequestInit): Promise<Response> =>
    new Promise((resolve, reject) => {
      const headers = init.headers as Record<string, string>;
      const request: FakeRequest = {
        method: init.method ?? 'GET',
        path: url.replace('https://exchange.test', ''),
        body: init.body ? (JSON.parse(init.body as string) as Record<string, unknown>) : undefined,
        token: headers['authorization']?.replace('Bearer ', ''),
        keepalive: init.keepalive === true,
        answer: (status, body, more) =>
          resolve(new Response(body === undefined ? null : JSON.stringify(body), { status, headers: more })),
        fail: () => reject(new TypeError('Failed to fetch')),
      };
      init.signal?.addEventListener('abort', () => request.fail());
      this.requests.push(request);
      const answer = this.auto?.(request);
      if (answer !== undefined) {
        request.answer(200, answer);
      }
    });

  socket = (url: string): FakeSocket => {
    if (!this.hasSockets) {
      throw new Error('blocked');
    }
    const socket = new FakeSocket(url);
    this.sockets.push(socket);
    return socket;
  };

  onNetwork = (listener: (news: NetworkNews) => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  onPageHide = (listener: () => void): (() => void) => {
    this.hidden.add(listener);
    return () => this.hidden.delete(listener);
  };

  storage = (): Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> => ({
    getItem: (key) => this.kept.get(key) ?? null,
    setItem: (key, value) => void this.kept.set(key, value),
    removeItem: (key) => void this.kept.delete(key),
  });

  isOnline = (): boolean => this.online;

  network(news: NetworkNews): void {
    this.listeners.forEach((listener) => listener(news));
  }

  /** The newest socket. */
  get last(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  /** Lets time pass, with everything that is due in it. */
  async pass(ms: number): Promise<void> {
    const until = this.time + ms;
    await settle();
    for (;;) {
      const next = this.timers.filter((timer) => timer.at <= until).sort((one, other) => one.at - other.at)[0];
      if (!next) {
        break;
      }
      this.timers = this.timers.filter((timer) => timer !== next);
      this.time = Math.max(this.time, next.at);
      next.run();
      await settle();
    }
    this.time = until;
  }
}

/** Lets every promise that can be settled settle. */
export async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A token whose claims are these. */
export function token(claims: Record<string, unknown> = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const usual = { skypeid: 'acs:r_u', iss: 'https://exchange.test', exp: 1_700_003_600 };
  return `${part({ alg: 'ES256' })}.${part({ ...usual, ...claims })}.signature`;
}
