/** How a list of a call changed. */

/** What came and what went. */
export interface CollectionChange<Item> {
  added: Item[];
  removed: Item[];
}

/** The difference of two lists; `undefined` when they have the same items. */
export function difference<Item>(before: readonly Item[], after: readonly Item[]): CollectionChange<Item> | undefined {
  const added = after.filter((one) => !before.includes(one));
  const removed = before.filter((one) => !after.includes(one));
  return added.length + removed.length > 0 ? { added, removed } : undefined;
}
