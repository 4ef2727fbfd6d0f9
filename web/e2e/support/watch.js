/**
 * What a page sees and hears, measured inside the page.
 *
 * `install` runs before any script of the page and keeps every RTCPeerConnection that is made afterwards; the other
 * functions are evaluated in the page later. They are plain functions without imports, because they travel as text.
 */

/** Init script. Leaves `window.__watch` behind. */
export function install() {
  const Real = window.RTCPeerConnection;
  const connections = [];
  class Watched extends Real {
    constructor(...args) {
      super(...args);
      connections.push(this);
    }
  }
  Object.defineProperty(Watched, 'name', { value: 'RTCPeerConnection' });
  window.RTCPeerConnection = Watched;
  // Connections that were closed count no longer; several open ones are all looked at.
  const open = () => connections.filter((pc) => pc.signalingState !== 'closed');

  const receivers = (kind) => open().flatMap((pc) => pc.getReceivers()).filter((r) => r.track?.kind === kind && r.track.readyState === 'live');

  /** Paths of media: one entry per open connection that has a selected pair. */
  async function pairs() {
    const found = [];
    for (const pc of open()) {
      const stats = await pc.getStats();
      const byId = new Map([...stats.values()].map((s) => [s.id, s]));
      let selected = [...stats.values()].filter((s) => s.type === 'transport' && s.selectedCandidatePairId).map((s) => byId.get(s.selectedCandidatePairId));
      if (!selected.length) selected = [...stats.values()].filter((s) => s.type === 'candidate-pair' && s.selected);
      for (const pair of selected.filter(Boolean)) {
        const local = byId.get(pair.localCandidateId);
        const remote = byId.get(pair.remoteCandidateId);
        const side = (c) => c && { type: c.candidateType, protocol: c.protocol, relayProtocol: c.relayProtocol, address: c.address ?? c.ip, port: c.port };
        found.push({ local: side(local), remote: side(remote), state: pair.state, roundTrip: pair.currentRoundTripTime, bytesSent: pair.bytesSent, bytesReceived: pair.bytesReceived });
      }
    }
    return found;
  }

  /** Sums over all inbound streams: decoded frames, audio energy (not on every browser), bytes. */
  async function inbound() {
    const sum = { framesDecoded: 0, audioEnergy: 0, audioBytes: 0, videoBytes: 0, audioPackets: 0, packetsLost: 0, frameWidth: 0 };
    for (const pc of open()) {
      for (const s of (await pc.getStats()).values()) {
        if (s.type !== 'inbound-rtp') continue;
        sum.packetsLost += s.packetsLost ?? 0;
        if (s.kind === 'video') {
          sum.framesDecoded += s.framesDecoded ?? 0;
          sum.videoBytes += s.bytesReceived ?? 0;
          sum.frameWidth = Math.max(sum.frameWidth, s.frameWidth ?? 0);
        } else {
          sum.audioEnergy += s.totalAudioEnergy ?? 0;
          sum.audioBytes += s.bytesReceived ?? 0;
          sum.audioPackets += s.packetsReceived ?? 0;
        }
      }
    }
    return sum;
  }

  /** Mean power per frequency bin of a block of samples, by the Goertzel filter at each candidate frequency. */
  function strongest(samples, rate) {
    let best = { hertz: 0, power: 0 };
    for (let hertz = 200; hertz <= 4000; hertz += 10) {
      const k = 2 * Math.cos((2 * Math.PI * hertz) / rate);
      let s1 = 0;
      let s2 = 0;
      for (const x of samples) {
        const s0 = x + k * s1 - s2;
        s2 = s1;
        s1 = s0;
      }
      const power = s1 * s1 + s2 * s2 - k * s1 * s2;
      if (power > best.power) best = { hertz, power };
    }
    const energy = samples.reduce((sum, x) => sum + x * x, 0);
    return { hertz: best.hertz, power: best.power, loudness: Math.sqrt(energy / samples.length) };
  }

  let context;
  /**
   * The dominant frequency of what arrives, in Hz, or 0 in silence. Listens for `seconds`, or until `wanted` (Hz) is heard.
   */
  async function tone(seconds = 2.5, wanted = NaN) {
    const tracks = receivers('audio').map((r) => r.track);
    if (!tracks.length) return 0;
    if (navigator.userAgent.includes('Firefox')) return recordedTone(tracks[tracks.length - 1], seconds);
    context ??= new AudioContext();
    await context.resume();
    let best = { loudness: 0, hertz: 0 };
    const stop = [];
    const ears = tracks.map((track) => {
      const stream = new MediaStream([track]);
      // A remote stream reaches WebAudio only while it also plays in an element.
      const player = new Audio();
      player.srcObject = stream;
      player.muted = true;
      player.play().catch(() => {});
      const source = context.createMediaStreamSource(stream);
      const analyser = context.createAnalyser();
      analyser.fftSize = 8192;
      source.connect(analyser);
      stop.push(() => {
        source.disconnect();
        player.srcObject = null;
      });
      return analyser;
    });
    const block = new Float32Array(8192);
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      await new Promise((done) => setTimeout(done, 180));
      for (const ear of ears) {
        ear.getFloatTimeDomainData(block);
        const found = strongest(block, context.sampleRate);
        if (found.loudness > best.loudness) best = found;
      }
      if (best.loudness > 0.01 && Math.abs(best.hertz - wanted) <= 20) break;
    }
    for (const end of stop) end();
    return best.loudness > 0.002 ? best.hertz : 0;
  }

  /** Firefox without a sound device: AudioContext never runs, so the track is recorded and decoded off line. */
  async function recordedTone(track, seconds) {
    const audio = await recorded(track, seconds);
    const data = audio.getChannelData(0);
    let best = { loudness: 0, hertz: 0 };
    for (let at = 0; at + 8192 <= data.length; at += 8192) {
      const found = strongest(data.subarray(at, at + 8192), audio.sampleRate);
      if (found.loudness > best.loudness) best = found;
    }
    return best.loudness > 0.002 ? best.hertz : 0;
  }

  async function recorded(track, seconds) {
    const recorder = new MediaRecorder(new MediaStream([track]));
    const chunks = [];
    recorder.ondataavailable = (event) => chunks.push(event.data);
    const stopped = new Promise((done) => (recorder.onstop = done));
    recorder.start();
    await new Promise((done) => setTimeout(done, seconds * 1000));
    recorder.stop();
    await stopped;
    const bytes = await new Blob(chunks).arrayBuffer();
    return new OfflineAudioContext(1, 48_000, 48_000).decodeAudioData(bytes);
  }

  /** How loud one frequency is in a block of samples: the amplitude of its sine, 0 to 1 (Goertzel). */
  function amplitude(samples, rate, hertz) {
    const k = 2 * Math.cos((2 * Math.PI * hertz) / rate);
    let s1 = 0;
    let s2 = 0;
    for (const x of samples) {
      const s0 = x + k * s1 - s2;
      s2 = s1;
      s1 = s0;
    }
    return (2 * Math.sqrt(Math.max(0, s1 * s1 + s2 * s2 - k * s1 * s2))) / samples.length;
  }

  /**
   * How loud each of these frequencies is in all that arrives, at its loudest moment: `{ hertz: amplitude }`. Tones are pulsed, and several
   * may be in one stream, so it listens for the whole time.
   */
  async function loudness(tones, seconds = 4) {
    const tracks = receivers('audio').map((r) => r.track);
    const found = Object.fromEntries(tones.map((hertz) => [hertz, 0]));
    const take = (block, rate) => tones.forEach((hertz) => (found[hertz] = Math.max(found[hertz], amplitude(block, rate, hertz))));
    if (navigator.userAgent.includes('Firefox')) {
      for (const track of tracks.filter((one) => !one.muted)) {
        const audio = await recorded(track, seconds).catch(() => undefined);
        const data = audio?.getChannelData(0) ?? [];
        for (let at = 0; at + 4096 <= data.length; at += 4096) take(data.subarray(at, at + 4096), audio.sampleRate);
      }
      return found;
    }
    context ??= new AudioContext();
    await context.resume();
    const ears = tracks.map((track) => {
      const stream = new MediaStream([track]);
      const player = new Audio();
      player.srcObject = stream;
      player.muted = true;
      player.play().catch(() => {});
      const source = context.createMediaStreamSource(stream);
      const analyser = context.createAnalyser();
      analyser.fftSize = 4096;
      source.connect(analyser);
      return { analyser, stop: () => { source.disconnect(); player.srcObject = null; } };
    });
    const block = new Float32Array(4096);
    for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
      await new Promise((done) => setTimeout(done, 70));
      for (const { analyser } of ears) {
        analyser.getFloatTimeDomainData(block);
        take(block, context.sampleRate);
      }
    }
    ears.forEach(({ stop }) => stop());
    return found;
  }

  /** The mean colours `[r, g, b]` of what arrives, one per live remote video track that gives a picture. */
  async function colours(seconds = 5) {
    const found = [];
    for (const { track } of receivers('video')) {
      if (track.muted) continue;
      const video = document.createElement('video');
      video.muted = true;
      video.playsInline = true;
      video.srcObject = new MediaStream([track]);
      video.play().catch(() => {});
      const end = performance.now() + seconds * 1000;
      while (video.videoWidth === 0 && performance.now() < end) await new Promise((done) => setTimeout(done, 50));
      if (video.videoWidth > 0) found.push(meanColour(video));
      video.srcObject = null;
    }
    return found;
  }

  /** The mean colour of one element that shows pictures. */
  function meanColour(picture) {
    const canvas = new OffscreenCanvas(8, 8);
    const paint = canvas.getContext('2d');
    paint.drawImage(picture, 0, 0, 8, 8);
    const { data } = paint.getImageData(0, 0, 8, 8);
    const sum = [0, 0, 0];
    for (let n = 0; n < data.length; n += 4) for (const c of [0, 1, 2]) sum[c] += data[n + c];
    return sum.map((value) => Math.round(value / (data.length / 4)));
  }

  /** Which share of a picture is of each of these colours, 0 to 1. */
  function shares(picture, colours) {
    const [width, height] = [48, 27];
    const canvas = new OffscreenCanvas(width, height);
    const paint = canvas.getContext('2d');
    paint.drawImage(picture, 0, 0, width, height);
    const { data } = paint.getImageData(0, 0, width, height);
    return colours.map((colour) => {
      let count = 0;
      for (let n = 0; n < data.length; n += 4) if (colour.every((value, c) => Math.abs(value - data[n + c]) < 45)) count++;
      return count / (data.length / 4);
    });
  }

  /** Mean colours of the videos the page itself shows, biggest first: what a person looking at it would see. */
  function shown() {
    return [...document.querySelectorAll('video')]
      .filter((video) => video.videoWidth > 0 && video.getBoundingClientRect().width > 0)
      .sort((one, two) => two.getBoundingClientRect().width - one.getBoundingClientRect().width)
      .map((video) => ({ colour: meanColour(video), width: Math.round(video.getBoundingClientRect().width) }));
  }

  window.__watch = { connections, open, pairs, inbound, tone, loudness, colours, meanColour, shares, shown };
}

/** Init script: a network that lets no WebSocket through. The attempt hangs a moment, then fails, as behind such a proxy. */
export function blockWebSockets() {
  window.__blockedWebSockets = 0;
  const Real = window.WebSocket;
  window.WebSocket = class extends EventTarget {
    static CONNECTING = 0;
    static OPEN = 1;
    static CLOSING = 2;
    static CLOSED = 3;
    constructor(url) {
      super();
      window.__blockedWebSockets++;
      this.url = String(url);
      this.readyState = Real.CONNECTING;
      this.bufferedAmount = 0;
      this.protocol = '';
      setTimeout(() => {
        this.readyState = Real.CLOSED;
        for (const event of [new Event('error'), new CloseEvent('close', { code: 1006, wasClean: false })]) {
          this.dispatchEvent(event);
          this[`on${event.type}`]?.(event);
        }
      }, 300);
    }
    send() {
      throw new DOMException('not open', 'InvalidStateError');
    }
    close() {
      this.readyState = Real.CLOSED;
    }
  };
}
