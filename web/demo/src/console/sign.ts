/** Signing requests with an access key, as the data plane and the operator API want it (HMAC-SHA256). The key stays here. */

const DEV_KEY = 'Y2VudHJhbGUtZGV2LWtleS1ub3QtYS1zZWNyZXQtMDAwMQ==';

/** The key of every `centrale dev`: public on purpose, refused by `centrale serve`. */
export const devKey = (): string => DEV_KEY;

/** The key in what somebody pasted: a key, or a connection string. Throws in words. */
export function keyOf(text: string): string {
  const typed = text.trim();
  const key = /accesskey=([A-Za-z0-9+/=]+)/i.exec(typed)?.[1] ?? typed;
  if (!/^[A-Za-z0-9+/]{16,}={0,2}$/.test(key)) {
    throw new Error('That is neither an access key nor a connection string.');
  }
  return key;
}

function base64(bytes: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)));
}

/** Headers that sign a request without a body. */
export async function signed(key: string, method: string, pathAndQuery: string): Promise<Record<string, string>> {
  const date = new Date().toUTCString();
  const hash = base64(await crypto.subtle.digest('SHA-256', new Uint8Array()));
  const text = `${method}\n${pathAndQuery}\n${date};${location.host};${hash}`;
  const secret = await crypto.subtle.importKey(
    'raw',
    Uint8Array.from(atob(key), (character) => character.charCodeAt(0)),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  );
  const signature = base64(await crypto.subtle.sign('HMAC', secret, new TextEncoder().encode(text)));
  return {
    'x-ms-date': date,
    'x-ms-content-sha256': hash,
    authorization: `HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=${signature}`,
  };
}

/** Asks the operator API. Throws in words. */
export async function ask<Answer>(key: string, pathAndQuery: string): Promise<Answer> {
  const answer = await fetch(pathAndQuery, { headers: await signed(key, 'GET', pathAndQuery), cache: 'no-store' });
  const body = (await answer.json().catch(() => undefined)) as (Answer & { error?: { message?: string } }) | undefined;
  if (answer.status === 401 || answer.status === 403) {
    throw new Refused(body?.error?.message ?? 'The exchange does not accept this key.');
  }
  if (!answer.ok || body === undefined) {
    throw new Error(body?.error?.message ?? `The exchange answered ${answer.status}.`);
  }
  return body;
}

/** The key is not accepted. */
export class Refused extends Error {}
