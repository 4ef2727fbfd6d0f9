/** One picture on the stage, or the initials of somebody who sends none. */

import { VideoStreamRenderer } from '/sdk/calling.js';
import type { LocalVideoStream, RemoteVideoStream, ScalingMode, VideoStreamRendererView } from '/sdk/calling.js';
import { icon, make, show } from '../dom.js';
import { paint } from '../names.js';
import type { Rect } from './layout.js';

/** What a tile says of its person. */
export interface Signs {
  isMuted?: boolean;
  isSpeaking?: boolean;
  isSpotlighted?: boolean;
  /** Number in the line of raised hands. */
  hand?: number;
  /** 5 best, 1 worst, 0 unknown. */
  quality?: number;
  isOnHold?: boolean;
  isFrozen?: boolean;
  /** Rings, connects. */
  waits?: string;
}

type Stream = RemoteVideoStream | LocalVideoStream;

/** A tile. It never moves in the page: browsers pause videos that do. */
export class Tile {
  readonly element: HTMLElement;
  private readonly avatar = make('div', { class: 'avatar', 'aria-hidden': 'true' });
  private readonly words = make('span', { class: 'tile-name' });
  private readonly muted = make('span', { class: 'tile-sign off', title: 'Muted' }, icon('mic-off'));
  private readonly handNumber = make('span');
  private readonly hand = make('span', { class: 'tile-hand', title: 'Hand raised' }, icon('hand'), this.handNumber);
  private readonly star = make('span', { class: 'tile-sign', title: 'On the stage for everybody' }, icon('star'));
  private readonly bars = make('span', { class: 'bars', 'aria-hidden': 'true' }, make('i'), make('i'), make('i'));
  private readonly note = make('p', { class: 'tile-note' });
  private stream: Stream | undefined;
  private view: VideoStreamRendererView | undefined;
  private generation = 0;

  constructor(
    readonly kind: 'person' | 'self' | 'screen' | 'whole',
    private readonly id: string,
    private readonly changed: () => void,
  ) {
    this.element = make('div', { class: `tile ${kind}` }, this.avatar, make('p', { class: 'tile-label' }, this.muted, this.words, this.star, this.bars), this.hand, this.note);
    show(this.avatar, kind === 'person' || kind === 'self');
    this.say('', {});
  }

  /** Whether a picture is on it. */
  get hasPicture(): boolean {
    return this.view !== undefined;
  }

  /** Name and signs. */
  say(name: string, signs: Signs): void {
    const { element } = this;
    this.words.textContent = name;
    if (this.kind === 'person' || this.kind === 'self') {
      paint(this.avatar, this.id, name);
    }
    show(this.muted, signs.isMuted === true);
    show(this.star, signs.isSpotlighted === true);
    show(this.hand, signs.hand !== undefined);
    this.handNumber.textContent = String(signs.hand ?? '');
    show(this.bars, (signs.quality ?? 0) > 0);
    this.bars.dataset.quality = qualityWord(signs.quality ?? 0);
    element.classList.toggle('speaking', signs.isSpeaking === true);
    element.classList.toggle('held', signs.isOnHold === true);
    const note = signs.isOnHold ? 'On hold' : (signs.waits ?? (signs.isFrozen ? 'Waiting for the network' : ''));
    this.note.textContent = note;
    show(this.note, note !== '');
  }

  /** Shows a stream, or none. */
  async show(stream: Stream | undefined, scalingMode: ScalingMode = 'Crop'): Promise<void> {
    if (stream === this.stream) {
      return;
    }
    this.drop();
    this.stream = stream;
    const generation = ++this.generation;
    if (!stream) {
      return;
    }
    try {
      const view = await new VideoStreamRenderer(stream).createView({ scalingMode, isMirrored: this.kind === 'self' });
      if (generation !== this.generation) {
        view.dispose();
        return;
      }
      this.view = view;
      view.target.classList.add('tile-picture');
      this.element.prepend(view.target);
      show(this.avatar, false);
      this.changed();
    } catch {
      // Stopped again, or no frame came: the initials stay, and the next change tries anew.
      if (generation === this.generation) {
        this.stream = undefined;
      }
    }
  }

  /** Puts it somewhere; `undefined`: there is no room, and its picture is not asked for. */
  place(rect: Rect | undefined): void {
    show(this.element, rect !== undefined);
    if (rect) {
      const { left, top, width, height } = rect;
      Object.assign(this.element.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
      this.element.style.setProperty('--least', `${Math.min(width, height)}px`);
    }
  }

  dispose(): void {
    this.generation += 1;
    this.drop();
    this.element.remove();
  }

  private drop(): void {
    this.view?.dispose();
    this.view = undefined;
    this.stream = undefined;
    show(this.avatar, this.kind === 'person' || this.kind === 'self');
  }
}

/** Good, poor or bad. */
export function qualityWord(quality: number): string {
  return quality >= 4 ? 'good' : quality === 3 ? 'poor' : quality > 0 ? 'bad' : '';
}
