/** Words that every other file needs. */

/** Something with a life that can be ended. */
export interface Disposable {
  dispose(): void;
}

/** A property changed: read it, it has its new value already. */
export type PropertyChangedEvent = () => void;

/** A property changed, and this is what is known about it. */
export type PropertyChangedEventWithArgs<T> = (args: T) => void;

/** A collection changed; the collection's property is a new array already. */
export type CollectionUpdatedEvent<T> = (args: { added: T[]; removed: T[] }) => void;

/** What a refused operation is refused with. */
export interface CommunicationServicesError extends Error {
  /** HTTP-like number. */
  readonly code: number;
  /** What exactly, see the table of codes in the README. */
  readonly subCode: number;
  /** More words for a developer, never for users. */
  readonly innerError?: Error;
}

/** A person in a call, as features name them. */
export interface ParticipantInfo {
  /** Who. */
  identifier: import('./identifier.js').CommunicationIdentifierKind | undefined;
  /** The name they gave. */
  displayName?: string;
}
