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

/** Plays one track. */
class Speaker {
  private element: SinkElement | undefined;
  private isWaiting = false;
  private isSilent = false;
  private sink: string | undefined;
  private track: MediaStreamTrack | undefined;
  private readonly onGesture = (): void => void this.play();

  /** Plays a track in place of the one before. */
  setTrack(track: MediaStreamTrack | undefined): void {
    if (track === this.track) {
      return;
    }
    this.track = track;
    if (!track || typeof Audio === 'undefined') {
      if (this.element) {
        this.element.srcObject = null;
      }
      return;
    }
    this.element ??= this.create();
    this.element.srcObject = new MediaStream([track]);
    void this.play();
  }

  /** Whether nothing is to be heard: incoming audio muted, or the call on hold. */
  silence(isSilent: boolean): void {
    this.isSilent = isSilent;
    if (this.element) {
      this.element.muted = isSilent;
    }
  }

  /** The speaker to use; the system's when it is not said or gone. */
  setDevice(device: AudioDeviceInfo | undefined): void {
    this.sink = device?.id.replace(/^speaker:/, '');
    void this.applySink();
  }

  /** Ends it. */
  close(): void {
    this.stopWaiting();
    if (this.element) {
      this.element.pause();
      this.element.srcObject = null;
      this.element = undefined;
    }
  }

  private create(): SinkElement {
    const element: SinkElement = new Audio();
    element.autoplay = true;
    element.muted = this.isSilent;
    element.setAttribute('playsinline', '');
    this.element = element;
    void this.applySink();
    return element;
  }

  private async applySink(): Promise<void> {
    try {
      await this.element?.setSinkId?.(this.sink === 'default' ? '' : (this.sink ?? ''));
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
