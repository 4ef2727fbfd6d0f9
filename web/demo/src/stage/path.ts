/**
 * Which path the media takes, and how good it is: a feature of our own, made as any app can make one.
 *
 * Features of the calling package get the call's door; this one only reads the browser's statistics through it.
 */

import type { CallFeature, CallFeatureContext } from '/sdk/calling.js';

/** What is known of the path at one moment. */
export interface PathView {
  /** `direct`: the same network; `nat`: through address translation; `relay`: through the relay. */
  kind: 'direct' | 'nat' | 'relay';
  /** Between browser and relay, when there is one: `udp`, `tcp` or `tls`. */
  relayOver?: string;
  protocol: string;
  local: string;
  remote: string;
  localType: string;
  remoteType: string;
  rttMs?: number;
}

/** What is known of the quality; rates are of the last reading. */
export interface QualityView {
  /** Share of packets lost, 0 to 1. */
  lossIn?: number;
  lossOut?: number;
  jitterMs?: number;
  bitsIn?: number;
  bitsOut?: number;
  availableOut?: number;
  audioCodec?: string;
  videoIn?: VideoView;
  videoOut?: VideoView;
  bytesIn: number;
  bytesOut: number;
}

export interface VideoView {
  width: number;
  height: number;
  framesPerSecond: number;
  codec: string;
}

export interface Reading {
  path?: PathView;
  quality: QualityView;
}

type Stat = Record<string, unknown> & { id: string; type: string; timestamp: number };

const numberOf = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Reads path and quality. */
export class PathFeature implements CallFeature {
  readonly name = 'Path';
  private before: Map<string, Stat> = new Map();

  constructor(private readonly context: CallFeatureContext) {}

  dispose(): void {
    this.before = new Map();
  }

  /** How it is now; `undefined` while there is no connection. */
  async read(): Promise<Reading | undefined> {
    const report = await this.context.door.stats();
    if (!report) {
      return undefined;
    }
    const stats = new Map<string, Stat>();
    report.forEach((entry: Stat) => stats.set(entry.id, entry));
    const reading = { path: pathOf(stats), quality: qualityOf(stats, this.before) };
    this.before = stats;
    return reading;
  }
}

/** What a call is asked for: `call.feature(Path)`. */
export const Path = { callApiCtor: PathFeature };

function selectedPair(stats: Map<string, Stat>): Stat | undefined {
  const all = [...stats.values()];
  const transport = all.find((stat) => stat.type === 'transport' && textOf(stat.selectedCandidatePairId) !== '');
  return (
    (transport && stats.get(textOf(transport.selectedCandidatePairId))) ??
    all.find((stat) => stat.type === 'candidate-pair' && stat.state === 'succeeded' && (stat.selected === true || stat.nominated === true))
  );
}

function pathOf(stats: Map<string, Stat>): PathView | undefined {
  const pair = selectedPair(stats);
  const local = pair && stats.get(textOf(pair.localCandidateId));
  const remote = pair && stats.get(textOf(pair.remoteCandidateId));
  if (!pair || !local || !remote) {
    return undefined;
  }
  const localType = textOf(local.candidateType);
  const remoteType = textOf(remote.candidateType);
  const isRelayed = localType === 'relay' || remoteType === 'relay';
  return {
    kind: isRelayed ? 'relay' : localType === 'host' && remoteType === 'host' ? 'direct' : 'nat',
    relayOver: localType === 'relay' ? textOf(local.relayProtocol) || 'udp' : undefined,
    protocol: textOf(local.protocol),
    local: addressOf(local),
    remote: addressOf(remote),
    localType,
    remoteType,
    rttMs: typeof pair.currentRoundTripTime === 'number' ? pair.currentRoundTripTime * 1000 : undefined,
  };
}

function addressOf(candidate: Stat): string {
  const address = textOf(candidate.address) || textOf(candidate.ip);
  return address ? `${address.includes(':') ? `[${address}]` : address}:${numberOf(candidate.port)}` : 'hidden by the browser';
}

function qualityOf(stats: Map<string, Stat>, before: Map<string, Stat>): QualityView {
  const quality: QualityView = { bytesIn: 0, bytesOut: 0 };
  let packetsIn = 0;
  let lostIn = 0;
  for (const stat of stats.values()) {
    const old = before.get(stat.id);
    const seconds = old ? (stat.timestamp - old.timestamp) / 1000 : 0;
    if (stat.type === 'inbound-rtp') {
      packetsIn += numberOf(stat.packetsReceived) - numberOf(old?.packetsReceived);
      lostIn += numberOf(stat.packetsLost) - numberOf(old?.packetsLost);
      if (stat.kind === 'audio') {
        quality.jitterMs = numberOf(stat.jitter) * 1000;
        quality.audioCodec = codecOf(stats, stat);
      } else if (numberOf(stat.framesDecoded) > numberOf(old?.framesDecoded)) {
        quality.videoIn = videoOf(stats, stat);
      }
    } else if (stat.type === 'outbound-rtp' && stat.kind === 'video' && numberOf(stat.framesEncoded) > numberOf(old?.framesEncoded)) {
      quality.videoOut = videoOf(stats, stat);
    } else if (stat.type === 'remote-inbound-rtp') {
      quality.lossOut = Math.max(quality.lossOut ?? 0, numberOf(stat.fractionLost));
    } else if (stat === selectedPair(stats)) {
      quality.bytesIn = numberOf(stat.bytesReceived);
      quality.bytesOut = numberOf(stat.bytesSent);
      quality.availableOut = numberOf(stat.availableOutgoingBitrate) || undefined;
      if (old && seconds > 0) {
        quality.bitsIn = ((quality.bytesIn - numberOf(old.bytesReceived)) * 8) / seconds;
        quality.bitsOut = ((quality.bytesOut - numberOf(old.bytesSent)) * 8) / seconds;
      }
    }
  }
  if (before.size > 0 && packetsIn + lostIn > 0) {
    quality.lossIn = Math.max(0, lostIn / (packetsIn + lostIn));
  }
  return quality;
}

function codecOf(stats: Map<string, Stat>, stat: Stat): string {
  return textOf(stats.get(textOf(stat.codecId))?.mimeType).split('/')[1] ?? '';
}

function videoOf(stats: Map<string, Stat>, stat: Stat): VideoView {
  return {
    width: numberOf(stat.frameWidth),
    height: numberOf(stat.frameHeight),
    framesPerSecond: Math.round(numberOf(stat.framesPerSecond)),
    codec: codecOf(stats, stat),
  };
}

/** The path in two words, for the chip. */
export function shortPath(path: PathView): string {
  if (path.kind === 'direct') {
    return 'Direct';
  }
  if (path.kind === 'nat') {
    return 'Direct, through NAT';
  }
  return path.relayOver ? `Relayed over ${path.relayOver.toUpperCase()}` : 'Relayed';
}

/** The path in a sentence. `isConference`: it leads to the media processor of the exchange, and from there to everybody. */
export function longPath(path: PathView, isConference: boolean): string {
  if (isConference) {
    return path.kind === 'relay'
      ? `Sound and picture go to the exchange, which passes them on to everybody. UDP does not get through, so this side reaches it over ${(path.relayOver ?? 'tcp').toUpperCase()}.`
      : 'Sound and picture go to the exchange, which passes them on to everybody.';
  }
  switch (path.kind) {
    case 'direct':
      return 'Sound and picture go straight from device to device. The exchange carries none of it.';
    case 'nat':
      return 'Sound and picture go straight from network to network, through address translation. The exchange carries none of it.';
    case 'relay':
      return path.relayOver
        ? `No direct way was found, so the exchange relays sound and picture; this side reaches it over ${path.relayOver.toUpperCase()}.`
        : 'No direct way was found, so the other side uses the relay of the exchange.';
  }
}

/** Good, poor or bad, by round trip and loss (the thresholds of the diagnostics). */
export function verdict({ path, quality }: Reading): 'good' | 'poor' | 'bad' {
  const worst = Math.max((path?.rttMs ?? 0) / 500, (quality.lossIn ?? 0) / 0.1, (quality.lossOut ?? 0) / 0.1, (quality.jitterMs ?? 0) / 60);
  return worst > 1 ? 'bad' : worst > 0.6 ? 'poor' : 'good';
}
