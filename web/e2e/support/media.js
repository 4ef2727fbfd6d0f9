/**
 * Who is who: a tone and a colour for each person.
 *
 * Packet counters pass when the wrong person, silence or a frozen picture arrives; a tone and a colour do not.
 */
import { writeFileSync } from 'node:fs';

/** - `tone`: Hz; far apart, no harmonics of one another. `rgb`: what a camera of theirs would see, 0..255 each. */
export const PEOPLE = {
  alice: { tone: 620, rgb: [200, 40, 40] },
  bob: { tone: 1450, rgb: [40, 60, 200] },
  carol: { tone: 2300, rgb: [40, 180, 60] },
  dave: { tone: 3350, rgb: [190, 170, 40] },
};

/** Writes a looping microphone: a pulsed tone, because noise suppression removes a steady one. 48 kHz mono, 2 s. */
export function writeTone(path, hertz) {
  const rate = 48_000;
  const samples = new Int16Array(rate * 2);
  for (let n = 0; n < samples.length; n++) {
    const within = (n / rate) % 0.5;
    if (within < 0.32) samples[n] = 14_000 * Math.sin((2 * Math.PI * hertz * n) / rate);
  }
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + samples.byteLength, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20); // PCM
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(samples.byteLength, 40);
  writeFileSync(path, Buffer.concat([header, Buffer.from(samples.buffer)]));
}

/** Writes a looping camera: one colour with a grey bar that moves, 320x180 at 15 frames/s, 1 s. */
export function writeColour(path, [red, green, blue]) {
  const [width, height, frames] = [320, 180, 15];
  const clamp = (value) => Math.max(0, Math.min(255, Math.round(value)));
  const y = clamp(0.299 * red + 0.587 * green + 0.114 * blue);
  const u = clamp(128 + (blue - y) * 0.564);
  const v = clamp(128 + (red - y) * 0.713);
  const parts = [Buffer.from(`YUV4MPEG2 W${width} H${height} F15:1 Ip A1:1 C420jpeg\n`)];
  for (let frame = 0; frame < frames; frame++) {
    const luma = Buffer.alloc(width * height, y);
    const bar = Math.floor((frame / frames) * (width - 8));
    for (let row = 0; row < 12; row++) luma.fill(128, row * width + bar, row * width + bar + 8);
    const quarter = (width / 2) * (height / 2);
    parts.push(Buffer.from('FRAME\n'), luma, Buffer.alloc(quarter, u), Buffer.alloc(quarter, v));
  }
  writeFileSync(path, Buffer.concat(parts));
}
