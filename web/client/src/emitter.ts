/**
 * Typed events, as every object of this package raises them.
 *
 * Ordinary fields only: apps wrap our objects in proxies, and a `#private` field would throw there. A listener that throws
 * does not keep the others from hearing; its error reaches the page's error handler.
 */

/** A listener of one event. */
export type Listener<Payload> = (payload: Payload) => void;

/** Ends what was begun. Calling it twice does nothing more. */
export type Disposer = () => void;

/**
 * The listeners of one object.
 *
 * `Events` maps each event's name to its payload; `undefined` for events without one.
 */
export class Emitter<Events extends object> {
  private readonly listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** Adds a listener. The same listener added twice to an event hears it once. */
  on<Name extends keyof Events>(event: Name, listener: Listener<Events[Name]>): void {
    if (typeof listener !== 'function') {
      throw new TypeError(`The listener of '${String(event)}' is not a function.`);
    }
    const known = this.listeners.get(event);
    if (known) {
      known.add(listener);
    } else {
      this.listeners.set(event, new Set([listener]));
    }
  }

  /** Removes a listener; an unknown one is ignored. */
  off<Name extends keyof Events>(event: Name, listener: Listener<Events[Name]>): void {
    this.listeners.get(event)?.delete(listener);
  }

  /** Adds a listener and gives back what removes it. */
  subscribe<Name extends keyof Events>(event: Name, listener: Listener<Events[Name]>): Disposer {
    this.on(event, listener);
    return () => this.off(event, listener);
  }

  /** Tells every listener of an event, in the order in which they came. */
  emit<Name extends keyof Events>(
    event: Name,
    ...payload: Events[Name] extends undefined ? [] : [Events[Name]]
  ): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) {
      try {
        (listener as Listener<unknown>)(payload[0]);
      } catch (error) {
        tellPage(error);
      }
    }
  }

  /** How many listeners an event has. */
  count(event: keyof Events): number {
    return this.listeners.get(event)?.size ?? 0;
  }

  /** Forgets every listener. */
  clear(): void {
    this.listeners.clear();
  }
}

/** Lets an error of the app surface where the app's own uncaught errors do, without stopping us. */
export function tellPage(error: unknown): void {
  queueMicrotask(() => {
    const report = (globalThis as { reportError?: (error: unknown) => void }).reportError;
    if (typeof report === 'function') {
      report(error);
    } else if (typeof console !== 'undefined') {
      console.error(error);
    }
  });
}

/**
 * Binds every method of an object's class to the object.
 *
 * Apps read methods through proxies and call them unbound. The bound methods are own properties, not enumerable, and can be
 * replaced.
 */
export function bindMethods(object: object): void {
  for (let proto = Object.getPrototypeOf(object); proto && proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) {
    for (const name of Reflect.ownKeys(proto)) {
      if (name === 'constructor' || Object.hasOwn(object, name)) {
        continue;
      }
      const value = Object.getOwnPropertyDescriptor(proto, name)?.value as unknown;
      if (typeof value === 'function') {
        Object.defineProperty(object, name, {
          value: value.bind(object),
          configurable: true,
          enumerable: false,
          writable: true,
        });
      }
    }
  }
}
