/** Effects on what is sent. */

import { audioSourceOf, type LocalAudioStream } from '../streams/local-audio-stream.js';
import { videoSourceOf, type LocalVideoStream } from '../streams/local-video-stream.js';
import { CallingError, ErrorCodes } from '../errors.js';
import type { AudioStreamFeatureContext, VideoStreamFeatureContext } from '../types/stream.js';
import type {
  ActiveAudioEffects,
  AudioEffect,
  AudioEffectsFeature,
  AudioEffectsStartConfig,
  AudioEffectsStopConfig,
  EchoCancellationEffectName,
  NoiseSuppressionEffectName,
  VideoEffect,
  VideoEffectError,
  VideoEffectErrorPayload,
  VideoEffectName,
  VideoEffectsFeature,
} from '../types/features/effects.js';
import { Feature, notSupported } from './feature.js';

/** How long starting may take before `timeForEffectsWarningReached`, in milliseconds. */
const SLOW = 5_000;

interface VideoEffectEvents {
  effectsStarted: VideoEffectName[];
  effectsStopped: VideoEffectName[];
  effectsError: VideoEffectErrorPayload;
  fpsWarningThresholdReached: VideoEffectName[];
  timeForEffectsWarningReached: VideoEffectName[];
}

/** Effects on a camera's picture. An effect is an object with `name` and `process` (our effects package has such). */
export class VideoEffects extends Feature<VideoEffectEvents> implements VideoEffectsFeature {
  readonly name = 'VideoEffects';
  activeEffects: VideoEffectName[] = [];
  private readonly stream: LocalVideoStream;

  constructor(context: VideoStreamFeatureContext) {
    super();
    this.stream = context.stream;
  }

  async isSupported(effect: VideoEffect): Promise<boolean> {
    return typeof effect?.process === 'function' && (await isWilling(effect));
  }

  async startEffects(effect: VideoEffect): Promise<void> {
    const process = effect?.process?.bind(effect);
    if (!process || !(await this.isSupported(effect))) {
      throw notSupported(`The effect ${effect?.name ?? ''}`);
    }
    const slow = setTimeout(
      () => this.emitter.emit('timeForEffectsWarningReached', [effect.name]),
      effect.config?.effectInitTimeThresholdInMs ?? SLOW,
    );
    try {
      await videoSourceOf(this.stream).setProcessor({ process, stop: () => effect.stop?.() });
    } catch (error) {
      this.emitter.emit('effectsError', { effects: [effect.name], error: errorOf(error) });
      throw error;
    } finally {
      clearTimeout(slow);
    }
    this.activeEffects = [effect.name];
    this.emitter.emit('effectsStarted', [effect.name]);
  }

  async stopEffects(): Promise<void> {
    const stopped = this.activeEffects;
    await videoSourceOf(this.stream).setProcessor(undefined);
    this.activeEffects = [];
    if (stopped.length > 0) {
      this.emitter.emit('effectsStopped', [...stopped]);
    }
  }
}

interface AudioEffectEvents {
  effectsStarted: ActiveAudioEffects;
  effectsStopped: ActiveAudioEffects;
  effectsError: { effects: ActiveAudioEffects; error: VideoEffectError };
}

/** Effects on a microphone's sound: those of the browser, and objects with `name` and `process`. */
export class AudioEffects extends Feature<AudioEffectEvents> implements AudioEffectsFeature {
  readonly name = 'AudioEffects';
  /** The browser's own are on when a microphone opens. */
  activeEffects: ActiveAudioEffects = { echoCancellation: ['BrowserEchoCancellation'], noiseSuppression: ['BrowserNoiseSuppression'] };
  private readonly stream: LocalAudioStream;

  constructor(context: AudioStreamFeatureContext) {
    super();
    this.stream = context.stream;
  }

  async isSupported(effect: AudioEffect | 'BrowserEchoCancellation' | 'BrowserNoiseSuppression'): Promise<boolean> {
    if (effect === 'BrowserEchoCancellation' || effect === 'BrowserNoiseSuppression') {
      const known = globalThis.navigator?.mediaDevices?.getSupportedConstraints?.();
      return Boolean(effect === 'BrowserEchoCancellation' ? known?.echoCancellation : known?.noiseSuppression);
    }
    return typeof effect?.process === 'function' && (await isWilling(effect));
  }

  async startEffects(config: AudioEffectsStartConfig): Promise<void> {
    const { echoCancellation, noiseSuppression } = config ?? {};
    const wanted = [echoCancellation, noiseSuppression].filter((effect) => effect !== undefined);
    if (wanted.length === 0) {
      throw new CallingError(ErrorCodes.badArgument, 'startEffects needs echoCancellation, noiseSuppression or both.');
    }
    for (const effect of wanted) {
      if (!(await this.isSupported(effect))) {
        throw notSupported(`The effect ${nameOf(effect)}`);
      }
    }
    const started = namesOf(echoCancellation, noiseSuppression);
    try {
      await this.constrain({
        echoCancellation: echoCancellation && echoCancellation === 'BrowserEchoCancellation',
        noiseSuppression: noiseSuppression && noiseSuppression === 'BrowserNoiseSuppression',
      });
      const own = wanted.find((effect): effect is Exclude<typeof effect, string> => typeof effect === 'object');
      if (own?.process) {
        const process = own.process.bind(own);
        await audioSourceOf(this.stream).setProcessor({ process, stop: () => own.stop?.() });
      }
    } catch (error) {
      this.emitter.emit('effectsError', { effects: started, error: errorOf(error) });
      throw error;
    }
    this.activeEffects = { ...this.activeEffects, ...started };
    this.emitter.emit('effectsStarted', started);
  }

  async stopEffects(config: AudioEffectsStopConfig): Promise<void> {
    const { echoCancellation, noiseSuppression } = config ?? {};
    const stopped: ActiveAudioEffects = {
      ...(echoCancellation ? { echoCancellation: this.activeEffects.echoCancellation } : {}),
      ...(noiseSuppression ? { noiseSuppression: this.activeEffects.noiseSuppression } : {}),
    };
    const names: string[] = [...(stopped.echoCancellation ?? []), ...(stopped.noiseSuppression ?? [])];
    if (names.some((name) => !name.startsWith('Browser'))) {
      await audioSourceOf(this.stream).setProcessor(undefined);
    }
    await this.constrain({
      echoCancellation: echoCancellation ? false : undefined,
      noiseSuppression: noiseSuppression ? false : undefined,
    });
    this.activeEffects = {
      echoCancellation: echoCancellation ? [] : this.activeEffects.echoCancellation,
      noiseSuppression: noiseSuppression ? [] : this.activeEffects.noiseSuppression,
    };
    this.emitter.emit('effectsStopped', stopped);
  }

  /** Switches the browser's own filters; `undefined` leaves one as it is. */
  private async constrain(wish: { echoCancellation?: boolean; noiseSuppression?: boolean }): Promise<void> {
    const track = audioSourceOf(this.stream).deviceTrack;
    if (!track?.applyConstraints || (wish.echoCancellation === undefined && wish.noiseSuppression === undefined)) {
      return;
    }
    const now = track.getConstraints();
    await track.applyConstraints({
      ...now,
      echoCancellation: wish.echoCancellation ?? now.echoCancellation,
      noiseSuppression: wish.noiseSuppression ?? now.noiseSuppression,
    });
  }
}

async function isWilling(effect: { isSupported?(): Promise<boolean> }): Promise<boolean> {
  try {
    return (await effect.isSupported?.()) ?? true;
  } catch {
    return false;
  }
}

function nameOf(effect: { name: string } | string): string {
  return typeof effect === 'string' ? effect : effect.name;
}

function namesOf(
  echoCancellation: AudioEffectsStartConfig['echoCancellation'],
  noiseSuppression: AudioEffectsStartConfig['noiseSuppression'],
): ActiveAudioEffects {
  return {
    ...(echoCancellation ? { echoCancellation: [nameOf(echoCancellation) as EchoCancellationEffectName] } : {}),
    ...(noiseSuppression ? { noiseSuppression: [nameOf(noiseSuppression) as NoiseSuppressionEffectName] } : {}),
  };
}

function errorOf(error: unknown): VideoEffectError {
  const { code, subCode, message } = error as { code?: number; subCode?: number; message?: string };
  return { code: code ?? 500, subCode, message: message ?? 'The effect failed.' };
}
