/**
 * One peer connection of a call: the only place that touches `RTCPeerConnection`.
 *
 * Every description has the same m-lines in the same order: audio, video, screen (RFC 8829 section 5.2.1 keeps it), then data. All are
 * agreed on with the first offer and answer, so that starting and stopping media is a matter of `replaceTrack` and never
 * renegotiates. What is sent is known from the `sending` signal.
 *
 * Between two clients each line goes both ways. Towards the media processor camera and screen only go out, and a pool of receiving
 * lines follows, the *slots* (`slots.ts`), before data.
 */

import type { Candidate, IceServer } from '../wire.js';
import type { Media } from './peer-door.js';
import { LAYERS, slotCounts } from './slots.js';
import type { SlotLine } from './slots.js';

/** The order of m-lines. */
export const MEDIA: readonly Media[] = ['audio', 'video', 'screen'];

/** What the owner hears. */
export interface PeerListener {
  candidate(candidate: Candidate): void;
  connection(state: RTCPeerConnectionState): void;
  /** Gathering of one generation is over. `hasUdp`: some way over UDP was found. */
  gathered(hasUdp: boolean): void;
  channel(channel: RTCDataChannel): void;
}

/** One peer connection. */
export class Peer {
  /** The browser's object. */
  readonly connection: RTCPeerConnection;
  private hadBoth = false;
  private hasUdp = false;
  private isClosed = false;
  /** Candidates that came before the description they belong to. */
  private early: Candidate[] = [];
  private held: Candidate[] | undefined;
  /** The data channel that both sides know without saying: the control channel of a conference, and otherwise what makes the m-line. */
  readonly control: RTCDataChannel;

  constructor(
    /** Which peer connection of the call this is, from 0. */
    readonly epoch: number,
    private readonly role: 'offers' | 'answers' | 'confers',
    iceServers: IceServer[],
    private readonly listener: PeerListener,
  ) {
    this.connection = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' });
    this.connection.onicecandidate = (event) => this.gathered(event.candidate);
    this.connection.onicegatheringstatechange = () => this.gatheringChanged();
    this.connection.onconnectionstatechange = () => {
      if (!this.isClosed) {
        listener.connection(this.connection.connectionState);
      }
    };
    this.connection.ondatachannel = (event) => listener.channel(event.channel);
    if (role === 'offers') {
      this.connection.addTransceiver('audio', { direction: 'sendrecv' });
      this.connection.addTransceiver('video', { direction: 'sendrecv' });
      this.connection.addTransceiver('video', { direction: 'sendrecv' });
    }
    // Makes the m-line for data, so that features open channels without renegotiation.
    this.control = this.connection.createDataChannel('centrale', { negotiated: true, id: 0 });
  }

  /** Whether it leads to the media processor. */
  get isConference(): boolean {
    return this.role === 'confers';
  }

  /** Its signalling state. */
  get signalingState(): RTCSignalingState {
    return this.connection.signalingState;
  }

  /** Whether it has had both descriptions. */
  get wasStable(): boolean {
    return this.hadBoth;
  }

  /** Makes an offer. Candidates are held back until {@link release}. */
  async offer(restart: boolean): Promise<string> {
    this.hold();
    if (this.isConference && this.connection.getTransceivers().length === 0) {
      await this.addConferenceLines();
    }
    const offer = await this.connection.createOffer(restart ? { iceRestart: true } : {});
    await this.connection.setLocalDescription(offer);
    return this.connection.localDescription?.sdp ?? offer.sdp ?? '';
  }

  /** Answers an offer. Candidates are held back until {@link release}. */
  async answer(offer: string): Promise<string> {
    this.hold();
    await this.connection.setRemoteDescription({ type: 'offer', sdp: offer });
    for (const transceiver of this.connection.getTransceivers()) {
      if (transceiver.direction !== 'sendrecv' && transceiver.direction !== 'stopped') {
        transceiver.direction = 'sendrecv';
      }
    }
    const answer = await this.connection.createAnswer();
    await this.connection.setLocalDescription(answer);
    this.hadBoth = true;
    await this.addEarly();
    return this.connection.localDescription?.sdp ?? answer.sdp ?? '';
  }

  /** Takes the answer to our offer. */
  async accept(answer: string): Promise<void> {
    await this.connection.setRemoteDescription({ type: 'answer', sdp: answer });
    this.hadBoth = true;
    if (this.isConference && !/^a=simulcast:/m.test(answer)) {
      await this.sendOneLayer();
    }
    await this.addEarly();
  }

  /** The description is on its way: its candidates may follow. */
  release(): void {
    const held = this.held ?? [];
    this.held = undefined;
    held.forEach((candidate) => this.listener.candidate(candidate));
  }

  /** Adds candidates of the other side, at once or when there is a description for them. */
  async addCandidates(list: Candidate[]): Promise<void> {
    if (!this.connection.remoteDescription) {
      // Bound: a description is never far behind; a flood is not candidates.
      this.early.push(...list.slice(0, Math.max(0, 256 - this.early.length)));
      return;
    }
    for (const candidate of list) {
      try {
        await this.connection.addIceCandidate(candidate.candidate === '' ? undefined : (candidate as RTCIceCandidateInit));
      } catch {
        // Of an offer that lost, of a generation that is over, or of a kind this browser does not know: another will do.
      }
    }
  }

  /** Uses other ICE servers from the next generation of candidates on. */
  setServers(iceServers: IceServer[]): void {
    this.connection.setConfiguration({ ...this.connection.getConfiguration(), iceServers });
  }

  /** The transceiver of an m-line; `undefined` before the descriptions of an answering side. */
  transceiver(media: Media): RTCRtpTransceiver | undefined {
    return this.connection.getTransceivers()[MEDIA.indexOf(media)];
  }

  /** What the m-line with this mid carries. Of slots for pictures the last one is for screens. */
  mediaOf(mid: string | null): Media | undefined {
    const lines = this.connection.getTransceivers();
    const index = mid === null ? -1 : lines.findIndex((one) => one.mid === mid);
    const line = lines[index];
    if (index < MEDIA.length || !line) {
      return MEDIA[index];
    }
    return line.receiver.track.kind === 'audio' ? 'audio' : index === lines.length - 1 ? 'screen' : 'video';
  }

  /** The lines on which a conference sends to this side: empty between two clients. */
  slots(): SlotLine[] {
    if (!this.isConference) {
      return [];
    }
    return this.connection
      .getTransceivers()
      .filter((_, index) => index === 0 || index >= MEDIA.length)
      .map(({ mid, receiver }) => ({ mid, receiver }));
  }

  /** Ends it; nothing is heard any more. */
  close(): void {
    this.isClosed = true;
    this.connection.onicecandidate = null;
    this.connection.onicegatheringstatechange = null;
    this.connection.onconnectionstatechange = null;
    this.connection.ondatachannel = null;
    this.connection.close();
  }

  /** The other end takes no layers (RFC 8853): browsers go on with the first, the smallest, which shall be the whole picture then. */
  private async sendOneLayer(): Promise<void> {
    const sender = this.transceiver('video')?.sender;
    const parameters = sender?.getParameters();
    const [first] = parameters?.encodings ?? [];
    const whole = LAYERS.at(-1);
    if (sender && parameters && first && whole) {
      Object.assign(first, { scaleResolutionDownBy: whole.scaleResolutionDownBy, maxBitrate: whole.maxBitrate });
      await sender.setParameters(parameters).catch(() => {}); // closed meanwhile, or a browser without layers: it sends one anyway
    }
  }

  /** Each line takes the browser a moment, in which nothing else on the page moves; so it is given time in between. */
  private async addConferenceLines(): Promise<void> {
    const { connection } = this;
    connection.addTransceiver('audio', { direction: 'sendrecv' });
    try {
      connection.addTransceiver('video', { direction: 'sendonly', sendEncodings: LAYERS.map((layer) => ({ ...layer })) });
    } catch {
      connection.addTransceiver('video', { direction: 'sendonly' }); // no simulcast here: one layer will do
    }
    connection.addTransceiver('video', { direction: 'sendonly' });
    const { voices, cameras } = slotCounts();
    const kinds = [...Array.from({ length: voices }, () => 'audio'), ...Array.from({ length: cameras + 1 }, () => 'video')];
    for (const kind of kinds) {
      await breathe();
      if (this.isClosed) {
        return;
      }
      connection.addTransceiver(kind, { direction: 'recvonly' });
    }
  }

  private hold(): void {
    this.held ??= [];
    this.hasUdp = false;
  }

  private gathered(candidate: RTCIceCandidate | null): void {
    if (this.isClosed || !candidate || candidate.candidate === '') {
      return; // the end of candidates is not told: checks go on until it fails or finds
    }
    this.hasUdp ||= / udp /i.test(candidate.candidate);
    const { sdpMid, sdpMLineIndex, usernameFragment } = candidate;
    const told: Candidate = { candidate: candidate.candidate, sdpMid, sdpMLineIndex, usernameFragment };
    if (this.held) {
      this.held.push(told);
    } else {
      this.listener.candidate(told);
    }
  }

  private gatheringChanged(): void {
    if (!this.isClosed && this.connection.iceGatheringState === 'complete') {
      this.listener.gathered(this.hasUdp);
    }
  }

  private addEarly(): Promise<void> {
    return this.addCandidates(this.early.splice(0));
  }
}

/** Lets a page do what waits. Not by timer: in the background those come once a second. */
function breathe(): Promise<void> {
  if (typeof document === 'undefined') {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
