/**
 * Who this tab is.
 *
 * `centrale dev` hands out tokens to its own page; there the user's id (no secret) is kept in sessionStorage, so that a reload is the same
 * person and another tab another. On a real exchange people paste a token, which stays in memory.
 */

import type { TokenCredential } from '/sdk/calling.js';

const KEY = 'centrale.page.user';
const NAME = 'centrale.page.name';

/** How long before its end a token is replaced, in milliseconds. */
const EARLY = 10 * 60_000;

/** Who this tab is, and what proves it. */
export interface Identity {
  id: string;
  credential: TokenCredential;
}

interface Issued {
  id: string;
  token: string;
  expiresOnTimestamp: number;
}

/** Thrown when this exchange does not hand out tokens: the page must ask for one. */
export class NoTokens extends Error {}

/** Somebody of `centrale dev`. Throws `NoTokens` on any other exchange. */
export async function devIdentity(): Promise<Identity> {
  if (await isTaken(sessionStorage.getItem(KEY))) {
    // This tab was duplicated: a browser copies what another tab keeps. It shall be somebody else.
    sessionStorage.clear();
  }
  const remembered = sessionStorage.getItem(KEY);
  let issued = await issue(remembered).catch((error: unknown) => {
    if (error instanceof NoTokens || !remembered) {
      throw error;
    }
    // The exchange may have been started anew and not know the user.
    return issue(null);
  });
  sessionStorage.setItem(KEY, issued.id);
  answerForMe(issued.id);
  return {
    id: issued.id,
    credential: {
      async getToken() {
        if (issued.expiresOnTimestamp - Date.now() < EARLY) {
          issued = await issue(issued.id);
        }
        return { token: issued.token, expiresOnTimestamp: issued.expiresOnTimestamp };
      },
      dispose() {},
    },
  };
}

/** Somebody with a token. Throws an error in words when it is none. */
export function pastedIdentity(token: string): Identity {
  const claims = claimsOf(token.trim());
  const skypeId = claims?.skypeid;
  if (typeof skypeId !== 'string' || typeof claims?.exp !== 'number') {
    throw new Error('This is not a user access token. Copy the value of "token" only, without quotes.');
  }
  if (claims.exp * 1000 < Date.now()) {
    throw new Error('This token is over. Make a new one.');
  }
  const expiresOnTimestamp = claims.exp * 1000;
  return {
    id: skypeId.startsWith('8:') ? skypeId : `8:${skypeId}`,
    credential: { getToken: async () => ({ token: token.trim(), expiresOnTimestamp }), dispose() {} },
  };
}

/** The name that others see; `undefined` when none was given. */
export function ownName(): string | undefined {
  return sessionStorage.getItem(NAME) ?? undefined;
}

export function keepName(name: string): void {
  sessionStorage.setItem(NAME, name);
}

async function issue(id: string | null): Promise<Issued> {
  const answer = await fetch('/dev/token', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(id ? { id } : {}),
  });
  if (answer.status === 404 || answer.status === 405) {
    throw new NoTokens('This exchange does not hand out tokens.');
  }
  const body = (await answer.json().catch(() => ({}))) as Record<string, unknown> & { error?: { message?: string } };
  if (!answer.ok || typeof body.token !== 'string' || typeof body.id !== 'string') {
    throw new Error(body.error?.message ?? `The exchange answered ${answer.status}.`);
  }
  const exp = claimsOf(body.token)?.exp;
  const expiresOnTimestamp = typeof exp === 'number' ? exp * 1000 : Date.parse(String(body.expiresOn));
  return { id: body.id, token: body.token, expiresOnTimestamp };
}

function claimsOf(token: string): Record<string, unknown> | undefined {
  try {
    const payload = token.split('.')[1] ?? '';
    const text = atob(payload.replaceAll('-', '+').replaceAll('_', '/'));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (character) => character.charCodeAt(0)))) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

const TABS = 'centrale.page.tabs';

/** Whether another tab is this user already. */
function isTaken(id: string | null): Promise<boolean> {
  if (!id || typeof BroadcastChannel === 'undefined') {
    return Promise.resolve(false);
  }
  const channel = new BroadcastChannel(TABS);
  return new Promise((resolve) => {
    const done = (taken: boolean): void => {
      channel.close();
      resolve(taken);
    };
    channel.onmessage = ({ data }) => {
      if (data?.mine === id) {
        done(true);
      }
    };
    channel.postMessage({ whose: id });
    setTimeout(() => done(false), 120);
  });
}

function answerForMe(id: string): void {
  if (typeof BroadcastChannel !== 'undefined') {
    const channel = new BroadcastChannel(TABS);
    channel.onmessage = ({ data }) => {
      if (data?.whose === id) {
        channel.postMessage({ mine: id });
      }
    };
  }
}
