/** Requests of the client API (`/client/…`), with the user's token. */

import type { Surroundings } from '../surroundings.js';
import type { TokenSource } from '../token.js';
import type { ErrorBody } from '../wire.js';

/** How long one request may take, in milliseconds. Long polls bring their own. */
const REQUEST_MS = 10_000;

/** The exchange said no. */
export class RestError extends Error {
  override readonly name = 'RestError';

  constructor(
    /** HTTP status. */
    readonly status: number,
    /** The stable word of the error body. */
    readonly word: string,
    message: string,
    /** How long to wait before asking again, in milliseconds (`Retry-After`). */
    readonly retryAfterMs: number | undefined,
  ) {
    super(message);
  }

  /** Whether asking the same again may help. */
  get isPassing(): boolean {
    return this.status >= 500 || this.status === 429 || this.status === 408;
  }
}

/** The exchange was not reached, or not in time. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
}

/** Whether asking the same again may help. */
export function isPassing(error: unknown): boolean {
  return error instanceof NetworkError || (error instanceof RestError && error.isPassing);
}

/** How a request differs from the usual. */
export interface RequestOptions {
  /** Goes on when the page is left. */
  keepalive?: boolean;
  /** How long it may take, in milliseconds. */
  timeoutMs?: number;
  /** Ends it early. */
  signal?: AbortSignal;
}

/** Asks the exchange. */
export class Rest {
  constructor(
    private readonly endpoint: string,
    private readonly tokens: TokenSource,
    private readonly surroundings: Surroundings,
  ) {}

  /**
   * Asks, and gives the JSON answer (`undefined` for an empty one).
   *
   * A token that the exchange refuses (401) is asked anew once. Rejects with {@link RestError}, {@link NetworkError} or
   * `TokenProblem`.
   */
  async request<Answer>(method: string, path: string, body?: unknown, options: RequestOptions = {}): Promise<Answer> {
    const token = this.tokens.last ?? (await this.tokens.get());
    try {
      return await this.once<Answer>(token, method, path, body, options);
    } catch (error) {
      if (!(error instanceof RestError && error.status === 401)) {
        throw error;
      }
      const fresh = await this.another(token);
      return this.once<Answer>(fresh, method, path, body, options);
    }
  }

  /** A token other than the refused one. Another request may have got it meanwhile. */
  private another(refused: string): Promise<string> {
    if (this.tokens.last !== undefined && this.tokens.last !== refused) {
      return Promise.resolve(this.tokens.last);
    }
    this.tokens.refuse(refused);
    return this.tokens.get();
  }

  private async once<Answer>(
    token: string,
    method: string,
    path: string,
    body: unknown,
    options: RequestOptions,
  ): Promise<Answer> {
    const abort = new AbortController();
    const stop = () => abort.abort();
    options.signal?.addEventListener('abort', stop, { once: true });
    const cancel = this.surroundings.after(options.timeoutMs ?? REQUEST_MS, stop);
    try {
      const response = await this.surroundings.fetch(this.endpoint + path, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        credentials: 'omit',
        cache: 'no-store',
        signal: abort.signal,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(options.keepalive ? { keepalive: true } : {}),
      });
      const text = await response.text();
      if (!response.ok) {
        throw refusal(response, text);
      }
      return (text === '' ? undefined : JSON.parse(text)) as Answer;
    } catch (cause) {
      if (cause instanceof RestError) {
        throw cause;
      }
      throw new NetworkError(`${method} ${path} did not get through.`, { cause });
    } finally {
      cancel();
      options.signal?.removeEventListener('abort', stop);
    }
  }
}

function refusal(response: Response, text: string): RestError {
  let detail: Partial<ErrorBody['error']> = {};
  try {
    detail = (JSON.parse(text) as Partial<ErrorBody>).error ?? {};
  } catch {
    // not ours: a proxy's page
  }
  const seconds = Number(response.headers.get('retry-after'));
  return new RestError(
    response.status,
    detail.code ?? 'Unknown',
    detail.message ?? `The exchange answered ${response.status}.`,
    Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined,
  );
}
