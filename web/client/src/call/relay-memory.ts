/** Remembers whether the last call on this network needed a relay, so that the next one has it from the start. */

import type { Surroundings } from '../surroundings.js';

const KEY = 'centrale.relay';

/** The memory of one agent. Kept over reloads of the tab where there is storage, forgotten with the network. */
export class RelayMemory {
  private needed: boolean;

  constructor(private readonly surroundings: Pick<Surroundings, 'storage'>) {
    this.needed = this.access((storage) => storage.getItem(KEY) === 'needed') ?? false;
  }

  /** Whether the next call should have its relay from the start. */
  get isNeeded(): boolean {
    return this.needed;
  }

  /** A call found its path, through a relay or without. */
  learn(isRelayed: boolean): void {
    if (this.needed !== isRelayed) {
      this.needed = isRelayed;
      this.access((storage) => (isRelayed ? storage.setItem(KEY, 'needed') : storage.removeItem(KEY)));
    }
  }

  /** This is another network. */
  forget(): void {
    this.learn(false);
  }

  private access<Value>(use: (storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>) => Value): Value | undefined {
    try {
      const storage = this.surroundings.storage();
      return storage && use(storage);
    } catch {
      return undefined; // full, or forbidden
    }
  }
}
