/** One WebSocket to `/client/events`: says hello, answers pings, notices silence. */

import type { Disposer } from '../emitter.js';
import type { Socket, Surroundings } from '../surroundings.js';
import { SILENCE_MS } from '../wire.js';
import type { ClientFrame, ServerFrame } from '../wire.js';

/**
 * How long opening and the welcome may take, in milliseconds.
 *
 * Lower: long poll is tried sooner where WebSocket is swallowed silently; higher: slow networks get their WebSocket.
 */
const WELCOME_MS = 6_000;

/** The exchange closes with this code when it does not take the token. */
export const TOKEN_REFUSED_CODE = 4401;

/** How a connection ended. */
export type Ending =
  /** The exchange refused the token. */
  | 'tokenRefused'
  /** It never opened, or nothing was said in time. */
  | 'lost';

/** What the owner hears. */
export interface SocketListener {
  frame(frame: ServerFrame): void;
  /** The last thing heard. */
  ended(ending: Ending): void;
}

/** One event connection over WebSocket. */
export class EventSocket {
  private socket: Socket | undefined;
  private cancelDeadline: Disposer;
  private isOver = false;
  private hasWelcome = false;
  private heardAt: number;

  constructor(
    url: string,
    hello: ClientFrame,
    private readonly surroundings: Surroundings,
    private readonly listener: SocketListener,
  ) {
    this.heardAt = surroundings.now();
    this.cancelDeadline = surroundings.after(WELCOME_MS, () => this.end('lost'));
    let socket: Socket;
    try {
      socket = surroundings.socket(url);
    } catch {
      // No WebSocket here, or a content security policy forbids it. Told later, so that the owner has its reference.
      this.cancelDeadline();
      this.cancelDeadline = surroundings.after(0, () => this.end('lost'));
      return;
    }
    this.socket = socket;
    socket.onopen = () => this.send(hello);
    socket.onmessage = (event) => this.heard(event.data);
    socket.onclose = (event) => this.end(event.code === TOKEN_REFUSED_CODE ? 'tokenRefused' : 'lost');
    socket.onerror = () => {}; // a close follows
  }

  /** Says something; dropped when the connection is over. */
  send(frame: ClientFrame): void {
    if (!this.isOver) {
      try {
        this.socket?.send(JSON.stringify(frame));
      } catch {
        this.end('lost');
      }
    }
  }

  /** For how long nothing was heard, in milliseconds. Timers of hidden pages run late: this does not. */
  get silence(): number {
    return this.surroundings.now() - this.heardAt;
  }

  /** Ends it; the listener hears nothing more. */
  close(): void {
    this.isOver = true;
    this.cancelDeadline();
    if (this.socket) {
      this.socket.onopen = null;
      this.socket.onmessage = null;
      this.socket.onclose = null;
      try {
        this.socket.close(1000);
      } catch {
        // it never opened
      }
    }
  }

  private heard(data: unknown): void {
    if (this.isOver) {
      return;
    }
    const frame = parse(data);
    this.heardAt = this.surroundings.now();
    if (frame?.type === 'welcome') {
      this.hasWelcome = true;
    }
    if (this.hasWelcome) {
      this.cancelDeadline();
      this.cancelDeadline = this.surroundings.after(SILENCE_MS, () => this.end('lost'));
    }
    if (frame?.type === 'ping') {
      this.send({ type: 'pong' });
    } else if (frame?.type === 'tokenRefused') {
      this.end('tokenRefused');
    } else if (frame) {
      this.listener.frame(frame);
    }
  }

  private end(ending: Ending): void {
    if (!this.isOver) {
      this.close();
      this.listener.ended(ending);
    }
  }
}

function parse(data: unknown): ServerFrame | undefined {
  if (typeof data !== 'string') {
    return undefined;
  }
  try {
    const frame = JSON.parse(data) as ServerFrame | null;
    return typeof frame === 'object' && frame !== null && typeof frame.type === 'string' ? frame : undefined;
  } catch {
    return undefined;
  }
}
