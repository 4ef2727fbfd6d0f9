/** Ringing: two tones, made here, so that no sound file is needed. Browsers stay silent until the page was clicked once. */

let context: AudioContext | undefined;

function audio(): AudioContext | undefined {
  try {
    context ??= new AudioContext();
    void context.resume().catch(() => undefined);
    return context;
  } catch {
    return undefined;
  }
}

// The first touch of the page lets it ring later.
for (const event of ['pointerdown', 'keydown']) {
  addEventListener(event, () => audio(), { once: true, capture: true });
}

/** Rings until the returned function is called. `isOutgoing`: the softer sound for whoever waits. */
export function ring(isOutgoing: boolean): () => void {
  const play = (): void => {
    const ctx = audio();
    if (ctx?.state === 'running') {
      isOutgoing ? tone(ctx, [425], 0, 1, 0.05) : [0, 0.45].forEach((at) => tone(ctx, [523.25, 659.25], at, 0.36, 0.13));
    }
  };
  play();
  const timer = setInterval(play, isOutgoing ? 4000 : 2200);
  const title = document.title;
  let isOn = false;
  const blink = isOutgoing
    ? undefined
    : setInterval(() => {
        isOn = !isOn;
        document.title = isOn ? '● Incoming call' : title;
      }, 900);
  return () => {
    clearInterval(timer);
    clearInterval(blink);
    document.title = title;
  };
}

/** Two falling tones: the call is over. */
export function farewell(): void {
  const ctx = audio();
  if (ctx?.state === 'running') {
    tone(ctx, [440], 0, 0.14, 0.08);
    tone(ctx, [330], 0.17, 0.22, 0.08);
  }
}

function tone(ctx: AudioContext, frequencies: number[], at: number, length: number, loudness: number): void {
  const start = ctx.currentTime + at;
  const gain = ctx.createGain();
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(loudness, start + 0.03);
  gain.gain.setValueAtTime(loudness, start + length - 0.06);
  gain.gain.linearRampToValueAtTime(0, start + length);
  gain.connect(ctx.destination);
  for (const frequency of frequencies) {
    const oscillator = ctx.createOscillator();
    oscillator.frequency.value = frequency;
    oscillator.connect(gain);
    oscillator.start(start);
    oscillator.stop(start + length + 0.05);
  }
}
