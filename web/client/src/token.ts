/**
 * User access tokens: what they say, and where the next one comes from.
 *
 * A token is a JWT. Its claims are read, never verified: that is the exchange's work. `iss` names the exchange (contract
 * section 5), so that an app needs the token and nothing else.
 */

import { CallingError, ErrorCodes } from './errors.js';

/** A token and when it is over. */
export interface AccessToken {
  /** The JWT. */
  token: string;
  /** Milliseconds since the Unix epoch. */
  expiresOnTimestamp: number;
}

/**
 * Anything that gives tokens: `AzureCommunicationTokenCredential` of `@azure/communication-common`, or an object of the app's own.
 */
export interface TokenCredential {
  /** A token that is good now. */
  getToken(options?: { abortSignal?: AbortSignal }): Promise<AccessToken>;
  /** Ends the credential. */
  dispose?(): void;
}

/** What a token says that the client needs. */
export interface Claims {
  /** Base address of the exchange, without a slash at the end. */
  endpoint: string;
  /** Raw id of the user. */
  rawId: string;
  /** When it is over, milliseconds since the Unix epoch; `undefined` when it does not say. */
  expiresAt: number | undefined;
}

/**
 * Reads a token.
 *
 * Throws a `CallingError` (412/40115) when it is no JWT, names no exchange, or one that is not safe: only `https:`, and `http:` on
 * this very machine.
 */
export function readToken(token: string): Claims {
  const claims = decode(token);
  const subject = claims['skypeid'] ?? claims['sub'];
  if (typeof subject !== 'string' || subject === '') {
    throw unreadable('it names no user (claim skypeid)');
  }
  const exp = claims['exp'];
  return {
    endpoint: endpointOf(claims['iss']),
    rawId: /^\d+:/.test(subject) ? subject : `8:${subject}`,
    expiresAt: typeof exp === 'number' ? exp * 1000 : undefined,
  };
}

function decode(token: string): Record<string, unknown> {
  const payload = typeof token === 'string' ? token.split('.')[1] : undefined;
  if (!payload) {
    throw unreadable('it is not a JWT');
  }
  try {
    const base64 = payload.replace(/-/g, '+').replace(/_/g, '/');
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof claims === 'object' && claims !== null) {
      return claims as Record<string, unknown>;
    }
  } catch {
    // told below
  }
  throw unreadable('its claims are not JSON');
}

function endpointOf(issuer: unknown): string {
  if (typeof issuer !== 'string') {
    throw unreadable('it names no exchange (claim iss)');
  }
  let url: URL;
  try {
    url = new URL(issuer);
  } catch {
    throw unreadable('the exchange it names (claim iss) is no address');
  }
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname) || url.hostname.endsWith('.localhost');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocal)) {
    throw unreadable('the exchange it names (claim iss) is not reached over https');
  }
  return url.origin + url.pathname.replace(/\/+$/, '');
}

function unreadable(why: string): CallingError {
  return new CallingError(ErrorCodes.cannotInitialise, `The access token cannot be used: ${why}.`);
}

/** The tokens of one agent. */
export class TokenSource {
  private current: AccessToken | undefined;
  private refused: string | undefined;

  constructor(private readonly credential: TokenCredential) {}

  /** The token that was given last. */
  get last(): string | undefined {
    return this.current?.token;
  }

  /** When the token given last is over, milliseconds since the Unix epoch. */
  get expiresAt(): number | undefined {
    return this.current?.expiresOnTimestamp;
  }

  /**
   * Asks the credential.
   *
   * Rejects with a {@link TokenProblem} when it has none, or only the one that the exchange refused.
   */
  async get(): Promise<string> {
    let given: AccessToken;
    try {
      given = await this.credential.getToken();
    } catch (cause) {
      throw new TokenProblem('The credential gave no token.', { cause });
    }
    if (!given || typeof given.token !== 'string' || given.token === '') {
      throw new TokenProblem('The credential gave no token.');
    }
    if (given.token === this.refused) {
      throw new TokenProblem('The exchange refused the token, and the credential has no other.');
    }
    this.current = { token: given.token, expiresOnTimestamp: expiryOf(given) };
    return given.token;
  }

  /** The exchange does not take this token: it is not offered again. */
  refuse(token: string): void {
    this.refused = token;
  }
}

/** There is no token that the exchange takes. */
export class TokenProblem extends Error {
  override readonly name = 'TokenProblem';
}

function expiryOf(given: AccessToken): number {
  if (typeof given.expiresOnTimestamp === 'number' && given.expiresOnTimestamp > 0) {
    return given.expiresOnTimestamp;
  }
  return readToken(given.token).expiresAt ?? Number.POSITIVE_INFINITY;
}

/**
 * How long before its end a token is asked anew, in milliseconds.
 *
 * Ten minutes, as the official credential does it by itself; for short tokens a tenth of what is left, but not under five seconds.
 */
export function refreshMargin(lifetimeMs: number): number {
  return Math.max(5_000, Math.min(600_000, lifetimeMs / 10));
}
