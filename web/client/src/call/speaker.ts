/**
 * Plays the others' sound, on the chosen speaker.
 *
 * The elements are never put into the page. Where the browser lets sound begin only after a gesture, playing begins with the next one.
 */

import type { AudioDeviceInfo } from '../types/device.js';

/** An element that can choose its output (not in every browser). */
type SinkElement = HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> };

const GESTURES = ['pointerdown', 'keydown', 'touchend'] as const;

/** Plays one call: a track between two, all voices of a conference. */
export class Speakers {
  private readonly playing: Speaker[] = [];
  private isSilent = false;
  private device: AudioDeviceInfo | undefined;

  /** Plays these, in place of those before. Each has an element of its own: browsers play but one track of an element. */
  setTracks(tracks: readonly MediaStreamTrack[]): void {
    while (this.playing.length < tracks.length) {
      const speaker = new Speaker();
      speaker.silence(this.isSilent);
      speaker.setDevice(this.device);
      this.playing.push(speaker);
    }
    this.playing.forEach((speaker, index) => speaker.setTrack(tracks[index]));
  }

  /** Whether nothing is to be heard: incoming audio muted, or the call on hold. */
  silence(isSilent: boolean): void {
    this.isSilent = isSilent;
    this.playing.forEach((speaker) => speaker.silence(isSilent));
  }

  /** The speaker to use; the system's when it is not said or gone. */
  setDevice(device: AudioDeviceInfo | undefined): void {
    this.device = device;
    this.playing.forEach((speaker) => speaker.setDevice(device));
  }

  /** Ends it. */
  close(): void {
    this.playing.splice(0).forEach((speaker) => speaker.close());
  }
}

/** How long the sound before goes on while the next one does not begin, in milliseconds. Lower: gaps; higher: two voices at once. */
const NEXT_MS = 500;

/** Plays one track. */
class Speaker {
  private element: SinkElement | undefined;
  /** What played before, until the next one does. */
  private before: SinkElement | undefined;
  private isWaiting = false;
  private isSilent = false;
  private sink: string | undefined;
  private track: MediaStreamTrack | undefined;
  private readonly onGesture = (): void => void this.play();

  /** Plays a track in place of the one before, which goes on until this one is heard. */
  setTrack(track: MediaStreamTrack | undefined): void {
    if (track === this.track) {
      return;
    }
    this.track = track;
    drop(this.before);
    this.before = this.element;
    this.element = undefined;
    if (!track || typeof Audio === 'undefined') {
      this.dropBefore();
      return;
    }
    const element = this.create();
    this.element = element;
    element.srcObject = new MediaStream([track]);
    if (this.before) {
      element.muted = true;
      const begins = (): void => this.begins(element);
      element.addEventListener('playing', begins, { once: true });
      setTimeout(begins, NEXT_MS);
    }
    void this.play();
  }

  /** Whether nothing is to be heard: incoming audio muted, or the call on hold. */
  silence(isSilent: boolean): void {
    this.isSilent = isSilent;
    if (this.before) {
      this.before.muted = isSilent;
    } else if (this.element) {
      this.element.muted = isSilent;
    }
  }

  /** The speaker to use; the system's when it is not said or gone. */
  setDevice(device: AudioDeviceInfo | undefined): void {
    this.sink = device?.id.replace(/^speaker:/, '');
    void this.applySink(this.element);
  }

  /** Ends it. */
  close(): void {
    this.stopWaiting();
    this.dropBefore();
    drop(this.element);
    this.element = undefined;
  }

  /** The next one is heard. */
  private begins(element: SinkElement): void {
    if (element === this.element && this.before) {
      element.muted = this.isSilent;
      this.dropBefore();
    }
  }

  private dropBefore(): void {
    drop(this.before);
    this.before = undefined;
  }

  private create(): SinkElement {
    const element: SinkElement = new Audio();
    element.autoplay = true;
    element.muted = this.isSilent;
    element.setAttribute('playsinline', '');
    void this.applySink(element);
    return element;
  }

  private async applySink(element: SinkElement | undefined): Promise<void> {
    try {
      await element?.setSinkId?.(this.sink === 'default' ? '' : (this.sink ?? ''));
    } catch {
      // The speaker is gone, or the page may not choose: the system's plays.
    }
  }

  private async play(): Promise<void> {
    try {
      await this.element?.play();
      this.stopWaiting();
    } catch (error) {
      if ((error as Error)?.name === 'NotAllowedError' && !this.isWaiting && typeof document !== 'undefined') {
        this.isWaiting = true;
        GESTURES.forEach((gesture) => document.addEventListener(gesture, this.onGesture, true));
      }
    }
  }

  private stopWaiting(): void {
    if (this.isWaiting) {
      this.isWaiting = false;
      GESTURES.forEach((gesture) => document.removeEventListener(gesture, this.onGesture, true));
    }
  }
}

function drop(element: SinkElement | undefined): void {
  if (element) {
    element.pause();
    element.srcObject = null;
  }
}
