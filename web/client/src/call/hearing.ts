/** What this side hears: played, and given to apps that want to do something else with it. */

import type { Devices } from '../devices/device-manager.js';
import type { Disposer } from '../emitter.js';
import { RemoteAudio } from '../streams/remote-audio-stream.js';
import { Speakers } from './speaker.js';

/** The sound of one call. */
export class Hearing {
  private readonly speakers = new Speakers();
  private readonly stopFollowing: Disposer;
  private list: RemoteAudio[] = [];
  private isAllowed = true;
  private muted = false;

  /** - `onStreams`: there are more streams; they stay the same for the whole call, whatever they carry. */
  constructor(
    devices: Devices,
    private readonly onStreams: (added: RemoteAudio[]) => void,
  ) {
    const follow = (): void => this.speakers.setDevice(devices.selectedSpeaker);
    devices.on('selectedSpeakerChanged', follow);
    follow();
    this.stopFollowing = () => devices.off('selectedSpeakerChanged', follow);
  }

  /** One for each line on which sound may arrive: one between two, five in a conference. */
  get streams(): readonly RemoteAudio[] {
    return this.list;
  }

  /** Whether incoming audio is muted: it is received, and not played (B-CALL-6). */
  get isMuted(): boolean {
    return this.muted;
  }

  /** Plays these, in place of those before. */
  setTracks(tracks: readonly MediaStreamTrack[]): void {
    this.speakers.setTracks(tracks);
    const added = tracks.slice(this.list.length).map(() => new RemoteAudio());
    this.list = added.length > 0 ? [...this.list, ...added] : this.list;
    this.list.forEach((audio, index) => audio.setTrack(tracks[index]));
    if (added.length > 0) {
      this.onStreams(added);
    }
  }

  /** Whether media may flow: not while the call is held. */
  allow(isAllowed: boolean): void {
    this.isAllowed = isAllowed;
    this.apply();
  }

  /** Mutes what comes in. Gives whether that changed anything. */
  mute(isMuted: boolean): boolean {
    const isChanged = this.muted !== isMuted;
    this.muted = isMuted;
    this.apply();
    return isChanged;
  }

  /** The call is over. */
  close(): void {
    this.stopFollowing();
    this.speakers.close();
    this.list.forEach((audio) => audio.end());
  }

  private apply(): void {
    this.speakers.silence(!this.isAllowed || this.muted);
  }
}
