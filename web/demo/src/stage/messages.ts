/** Written words between those who are in a call: over its data channels, kept by nobody. */

import { Features } from '/sdk/calling.js';
import type { Call, DataChannelReceiver, DataChannelSender } from '/sdk/calling.js';
import { byId, make, toast } from '../dom.js';
import { nameOf, paint } from '../names.js';
import { rawIdOf } from '../people.js';
import { displayNameOf } from './gallery.js';

/** The channel of this page's messages. */
const CHANNEL = 1_000;

/** The longest message, in characters; and how many stay on the page. */
const LONGEST = 2_000;
const MOST = 500;

/** The messages of one call. */
export class Messages {
  private readonly list = byId('messages-list');
  private readonly sender: DataChannelSender;
  private readonly ends: (() => void)[] = [];
  private last: { from: string; at: number } | undefined;

  constructor(
    private readonly call: Call,
    private readonly me: { id: string; name: string },
    /** Something came. */
    private readonly onNews: (from: string, text: string) => void,
  ) {
    const channels = call.feature(Features.DataChannel);
    this.sender = channels.createDataChannelSender({ channelId: CHANNEL, reliability: 'Durable' });
    const met = (receiver: DataChannelReceiver): void => this.hear(receiver);
    channels.on('dataChannelReceiverCreated', met);
    this.ends.push(() => channels.off('dataChannelReceiverCreated', met));
    const form = byId<HTMLFormElement>('message-form');
    const submit = (event: Event): void => {
      event.preventDefault();
      void this.send();
    };
    form.addEventListener('submit', submit);
    this.ends.push(() => form.removeEventListener('submit', submit));
    this.list.replaceChildren(make('li', { class: 'empty' }, 'Only those who are in the call now see what is written here. Nobody keeps it.'));
  }

  close(): void {
    this.ends.splice(0).forEach((end) => end());
    this.sender.close();
  }

  private async send(): Promise<void> {
    const field = byId<HTMLInputElement>('message-text');
    const text = field.value.trim().slice(0, LONGEST);
    if (text === '') {
      return;
    }
    try {
      await this.sender.sendMessage(new TextEncoder().encode(JSON.stringify({ text })));
      field.value = '';
      this.add(this.me.id, this.me.name, text, true);
    } catch (error) {
      toast((error as Error).message);
    }
  }

  private hear(receiver: DataChannelReceiver): void {
    if (receiver.channelId !== CHANNEL) {
      return;
    }
    const read = (): void => {
      for (let message = receiver.readMessage(); message; message = receiver.readMessage()) {
        const text = textOf(message.data);
        if (text) {
          const id = rawIdOf(receiver.senderParticipantIdentifier);
          const person = this.call.remoteParticipants.find((one) => rawIdOf(one.identifier) === id);
          const name = person ? displayNameOf(person) : nameOf(id);
          this.add(id, name, text, false);
          this.onNews(name, text);
        }
      }
    };
    receiver.on('messageReady', read);
    read();
  }

  private add(from: string, name: string, text: string, isOwn: boolean): void {
    this.list.querySelector('.empty')?.remove();
    const at = Date.now();
    const isMore = this.last?.from === from && at - this.last.at < 60_000;
    this.last = { from, at };
    const avatar = make('div', { class: 'avatar', 'aria-hidden': 'true' });
    paint(avatar, from, name);
    const time = new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    const head = make('p', { class: 'message-head' }, make('strong', {}, isOwn ? 'You' : name), make('time', {}, time));
    this.list.append(make('li', { class: `message${isOwn ? ' own' : ''}${isMore ? ' more' : ''}` }, avatar, make('div', {}, head, make('p', { class: 'message-text' }, text))));
    while (this.list.children.length > MOST) {
      this.list.firstElementChild?.remove();
    }
    this.list.scrollTop = this.list.scrollHeight;
  }
}

function textOf(data: Uint8Array): string | undefined {
  try {
    const said = JSON.parse(new TextDecoder().decode(data)) as { text?: unknown } | null;
    return typeof said?.text === 'string' ? said.text.slice(0, LONGEST) : undefined;
  } catch {
    return undefined; // another program's channel
  }
}
