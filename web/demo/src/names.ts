/** Names for people who did not say theirs: the same for the same id, everywhere. */

const FIRST = ['Amber', 'Quiet', 'Brisk', 'Copper', 'Clever', 'Gentle', 'Golden', 'Bright', 'Jolly', 'Kind', 'Lucky', 'Mellow', 'Noble', 'Proud', 'Silver', 'Swift'];
const SECOND = ['Otter', 'Heron', 'Badger', 'Lynx', 'Magpie', 'Marten', 'Osprey', 'Puffin', 'Robin', 'Stoat', 'Swallow', 'Tern', 'Thrush', 'Vole', 'Wren', 'Hare'];

/** A small, stable number of a text (FNV-1a, mixed). */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) {
    value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  // Neighbouring texts shall not look alike (the finalizer of MurmurHash3).
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** A friendly name for a raw id. */
export function nameOf(rawId: string): string {
  const number = hash(rawId);
  return `${FIRST[number % FIRST.length]} ${SECOND[(number >>> 8) % SECOND.length]}`;
}

/** A color for a raw id, as a hue. */
export function hueOf(rawId: string): number {
  return hash(`hue ${rawId}`) % 360;
}

/** One or two letters for an avatar. */
export function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined].map((word) => (word ? [...word][0] : ''));
  return letters.join('').toUpperCase() || '?';
}

/** Paints an avatar. */
export function paint(avatar: HTMLElement, rawId: string, name: string): void {
  avatar.textContent = initialsOf(name);
  avatar.style.setProperty('--hue', String(hueOf(rawId)));
}
