/**
 * What the other side says on its data channels before any feature here listens: kept, and handed to the feature that takes the
 * channel.
 *
 * Applications make features when they please; a browser drops messages that nobody listens to.
 */

/** What is kept per channel, in bytes or characters. Lower: durable messages get lost; higher: memory for channels that nobody wants. */
const MAX_KEPT = 256 * 1024;

interface Early {
  messages: unknown[];
  size: number;
  stop(): void;
}

const channels = new WeakMap<RTCDataChannel, Early>();

/** Begins keeping. Of what is too much the newest goes: the beginning is what a durable channel needs. */
export function keepEarly(channel: RTCDataChannel): void {
  channel.binaryType = 'arraybuffer';
  const keep = ({ data }: MessageEvent<unknown>): void => {
    const size = typeof data === 'string' ? data.length : data instanceof ArrayBuffer ? data.byteLength : 0;
    if (early.size + size <= MAX_KEPT) {
      early.messages.push(data);
      early.size += size;
    }
  };
  const early: Early = { messages: [], size: 0, stop: () => channel.removeEventListener('message', keep) };
  channel.addEventListener('message', keep);
  channels.set(channel, early);
}

/** Ends keeping, and gives what was kept, oldest first. */
export function takeEarly(channel: RTCDataChannel): unknown[] {
  const early = channels.get(channel);
  channels.delete(channel);
  early?.stop();
  return early?.messages ?? [];
}
