/** As if it were a browser: peer connections whose other end a test holds. */

/** A track that a test looks at. */
export class FakeTrack extends EventTarget {
  muted = false;
  enabled = true;
  readyState = 'live';

  constructor(readonly kind: 'audio' | 'video') {
    super();
  }

  clone(): FakeTrack {
    return new FakeTrack(this.kind);
  }

  stop(): void {
    this.readyState = 'ended';
  }

  getSettings(): { height: number } {
    return { height: 720 };
  }
}

/** One m-line. */
export class FakeLine {
  mid: string | null = null;
  readonly receiver: { track: FakeTrack; arrives: boolean; getSynchronizationSources(): object[] };
  readonly sender: {
    track: unknown;
    parameters: { encodings: RTCRtpEncodingParameters[] };
    replaceTrack(track: unknown): Promise<void>;
    getParameters(): { encodings: RTCRtpEncodingParameters[] };
    setParameters(parameters: { encodings: RTCRtpEncodingParameters[] }): Promise<void>;
  };

  constructor(
    readonly kind: 'audio' | 'video',
    readonly direction: string,
    encodings: RTCRtpEncodingParameters[],
  ) {
    const receiver = {
      track: new FakeTrack(kind),
      /** Whether packets come in. */
      arrives: false,
      getSynchronizationSources: (): object[] => (receiver.arrives ? [{ audioLevel: 0.5 }] : []),
    };
    this.receiver = receiver;
    const sender: FakeLine['sender'] = {
      track: null,
      parameters: { encodings },
      replaceTrack: async (track) => {
        sender.track = track;
      },
      getParameters: () => structuredClone(sender.parameters),
      setParameters: async (parameters) => {
        sender.parameters = parameters;
      },
    };
    this.sender = sender;
  }
}

/** A data channel of which a test holds the other end. */
export class FakeDataChannel extends EventTarget {
  readyState = 'connecting';
  binaryType = 'arraybuffer';
  bufferedAmount = 0;
  readonly sent: unknown[] = [];

  constructor(readonly label: string) {
    super();
  }

  send(data: unknown): void {
    this.sent.push(data);
  }

  close(): void {
    this.readyState = 'closed';
    this.dispatchEvent(new Event('close'));
  }

  open(): void {
    this.readyState = 'open';
    this.dispatchEvent(new Event('open'));
  }

  hear(data: unknown): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }));
  }
}

/** A peer connection. */
export class FakeConnection {
  /** Those that were made, oldest first. */
  static made: FakeConnection[] = [];
  static get last(): FakeConnection {
    return FakeConnection.made.at(-1)!;
  }

  signalingState = 'stable';
  connectionState = 'new';
  iceGatheringState = 'new';
  remoteDescription: { sdp: string } | null = null;
  localDescription: { sdp: string } | null = null;
  onconnectionstatechange: (() => void) | undefined;
  ondatachannel: ((event: { channel: FakeDataChannel }) => void) | undefined;
  readonly lines: FakeLine[] = [];
  readonly channels: FakeDataChannel[] = [];
  isClosed = false;

  constructor(private configuration: RTCConfiguration) {
    FakeConnection.made.push(this);
  }

  /** The control channel. */
  get control(): FakeDataChannel {
    return this.channels[0]!;
  }

  addTransceiver(kind: 'audio' | 'video', init: RTCRtpTransceiverInit = {}): FakeLine {
    const line = new FakeLine(kind, init.direction ?? 'sendrecv', init.sendEncodings ?? [{}]);
    this.lines.push(line);
    return line;
  }

  getTransceivers = (): FakeLine[] => this.lines;
  getConfiguration = (): RTCConfiguration => this.configuration;
  setConfiguration = (configuration: RTCConfiguration): void => void (this.configuration = configuration);
  addEventListener = (): void => {};
  removeEventListener = (): void => {};

  createDataChannel(label: string): FakeDataChannel {
    const channel = new FakeDataChannel(label);
    this.channels.push(channel);
    return channel;
  }

  createOffer = async (): Promise<{ sdp: string }> => ({ sdp: 'offer' });
  createAnswer = async (): Promise<{ sdp: string }> => ({ sdp: 'answer' });

  async setLocalDescription({ sdp }: { sdp: string }): Promise<void> {
    this.localDescription = { sdp };
    this.signalingState = sdp === 'offer' ? 'have-local-offer' : 'stable';
    this.lines.forEach((line, index) => (line.mid = String(index)));
  }

  async setRemoteDescription({ type, sdp }: { type: string; sdp: string }): Promise<void> {
    this.remoteDescription = { sdp };
    if (type === 'offer') {
      ['audio', 'video', 'video'].forEach((kind) => this.addTransceiver(kind as 'audio' | 'video'));
    }
    this.signalingState = type === 'offer' ? 'have-remote-offer' : 'stable';
  }

  private bytesReceived = 0;
  /** Media comes in for as long as it is connected. */
  getStats = async (): Promise<Map<string, object>> => {
    this.bytesReceived += this.connectionState === 'connected' ? 5_000 : 0;
    return new Map([['pair', { id: 'pair', type: 'candidate-pair', bytesReceived: this.bytesReceived }]]);
  };

  close(): void {
    this.isClosed = true;
    this.signalingState = 'closed';
  }

  /** What the browser says of the path. */
  become(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  /** The media processor's end opens: the path is there, and the control channel. */
  connect(): void {
    this.become('connected');
    this.channels.forEach((channel) => channel.readyState === 'connecting' && channel.open());
  }

  /** The media processor says something. */
  say(news: object): void {
    this.control.hear(JSON.stringify(news));
  }
}

/** A microphone, so that calls have something to send. */
export function install(): void {
  Object.assign(globalThis, {
    RTCPeerConnection: FakeConnection,
    MediaStream: class {
      constructor(private tracks: FakeTrack[] = []) {}
      getTracks = (): FakeTrack[] => this.tracks;
      getAudioTracks = (): FakeTrack[] => this.tracks.filter(({ kind }) => kind === 'audio');
      getVideoTracks = (): FakeTrack[] => this.tracks.filter(({ kind }) => kind === 'video');
      addTrack = (track: FakeTrack): void => void this.tracks.push(track);
      removeTrack = (track: FakeTrack): void => void (this.tracks = this.tracks.filter((one) => one !== track));
    },
  });
  FakeConnection.made = [];
}
