/**
 * A conference as one of its participants has it: which slot carries whom, who speaks, how well everybody is connected, and what this
 * side asks for. It outlives peer connections of its session: on each new one it says its wishes again.
 */

import type { Disposer } from '../emitter.js';
import { Emitter } from '../emitter.js';
import type { Surroundings } from '../surroundings.js';
import type { ControlWish, ParticipantQuality, Receives, Slot, Want } from '../wire.js';
import { parseControl } from './control.js';
import type { Peer } from './peer.js';

/**
 * How long a change of wishes waits for company, in milliseconds.
 *
 * A page that arranges its pictures anew changes many sizes within a frame or two. Lower: more messages; higher: pictures stay small longer.
 */
const GATHER_MS = 50;

/** Who speaks, as participant ids. */
export interface Speakers {
  /** Newest first. */
  dominant: readonly string[];
  speaking: readonly string[];
}

interface Happenings {
  slots: undefined;
  speakers: Speakers;
  quality: readonly ParticipantQuality[];
  mode: Receives;
}

/** A conference. */
export class Conference {
  private readonly happenings = new Emitter<Happenings>();
  private peer: Peer | undefined;
  private slots: readonly Slot[] | undefined;
  private wants: readonly Want[] = [];
  private said = '';
  private cancelGather: Disposer | undefined;
  private currentSpeakers: Speakers = { dominant: [], speaking: [] };
  private currentQuality: readonly ParticipantQuality[] = [];
  private currentMode: Receives | undefined;
  private stopListening: Disposer = () => {};

  constructor(private readonly surroundings: Pick<Surroundings, 'after'>) {}

  /** Whether the media processor said on this peer connection what its slots carry. */
  get isArranged(): boolean {
    return this.slots !== undefined;
  }

  get speakers(): Speakers {
    return this.currentSpeakers;
  }

  get quality(): readonly ParticipantQuality[] {
    return this.currentQuality;
  }

  /** How this side receives; `undefined` before it was said. */
  get mode(): Receives | undefined {
    return this.currentMode;
  }

  on<Name extends keyof Happenings>(event: Name, listener: (payload: Happenings[Name]) => void): Disposer {
    return this.happenings.subscribe(event, listener);
  }

  /** The peer connection that it is over now. */
  attach(peer: Peer | undefined): void {
    if (peer === this.peer) {
      return;
    }
    this.stopListening();
    this.peer = peer;
    this.slots = undefined;
    this.said = '';
    const control = peer?.control;
    if (control) {
      const hear = ({ data }: MessageEvent<unknown>): void => this.hear(data);
      const open = (): void => this.say();
      control.addEventListener('message', hear);
      control.addEventListener('open', open);
      this.stopListening = () => {
        control.removeEventListener('message', hear);
        control.removeEventListener('open', open);
      };
      this.say();
    }
  }

  /** What is shown. Said at once on every new peer connection: also that nothing is. */
  want(wants: readonly Want[]): void {
    this.wants = wants;
    this.cancelGather ??= this.surroundings.after(GATHER_MS, () => {
      this.cancelGather = undefined;
      this.say();
    });
  }

  /** Where a participant's picture arrives; `undefined` while no slot carries it. */
  receiver(participant: string, source: 'camera' | 'screen'): RTCRtpReceiver | undefined {
    const slot = this.slots?.find((one) => one.source === source && one.participant === participant);
    return slot && this.line(slot.mid);
  }

  /** Where the composed picture arrives. */
  get composition(): RTCRtpReceiver | undefined {
    const slot = this.slots?.find((one) => one.source === 'composition');
    return slot && this.line(slot.mid);
  }

  /** Every line on which voices may arrive, whether one does or not: all of them play. */
  get voices(): RTCRtpReceiver[] {
    return (this.peer?.slots() ?? []).map(({ receiver }) => receiver).filter(({ track }) => track.kind === 'audio');
  }

  /** The call is over, or goes on over another conference. */
  close(): void {
    this.cancelGather?.();
    this.stopListening();
    this.happenings.clear();
  }

  private line(mid: string): RTCRtpReceiver | undefined {
    return this.peer?.slots().find((line) => line.mid === mid)?.receiver;
  }

  private say(): void {
    const control = this.peer?.control;
    const text = JSON.stringify({ type: 'want', videos: [...this.wants] } satisfies ControlWish);
    if (control?.readyState === 'open' && text !== this.said) {
      this.said = text;
      control.send(text);
    }
  }

  private hear(data: unknown): void {
    const news = parseControl(data);
    switch (news?.type) {
      case 'slots':
        this.slots = news.slots;
        this.happenings.emit('slots');
        break;
      case 'speakers':
        this.currentSpeakers = { dominant: news.dominant, speaking: news.speaking };
        this.happenings.emit('speakers', this.currentSpeakers);
        break;
      case 'quality':
        this.currentQuality = news.participants;
        this.happenings.emit('quality', this.currentQuality);
        break;
      case 'mode':
        if (this.currentMode !== news.mode) {
          this.currentMode = news.mode;
          this.happenings.emit('mode', news.mode);
        }
        break;
      case undefined:
        break;
    }
  }
}
