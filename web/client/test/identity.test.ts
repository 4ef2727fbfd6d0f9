/** Our reading of raw ids against the official package's. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createIdentifierFromRawId, getIdentifierRawId } from '@azure/communication-common';
import { identifierOf, rawIdOf } from '../src/identity.js';
import type { CommunicationIdentifierKind } from '../src/identity.js';

const guid = '00000000-0000-4000-8000-00000000cafe';
const rawIds = [
  `8:acs:${guid}_${guid}`, `8:acs:${guid}_${guid}_${guid}`, `8:spool:${guid}`, '4:+3225550100', '4:+3225550100_123', '4:anonymous',
  `8:orgid:${guid}`, `8:dod:${guid}`, `8:gcch:${guid}`, `8:teamsvisitor:${guid}`, `28:orgid:${guid}`, `28:dod:${guid}`,
  `8:dod-acs:${guid}_${guid}`, '8:echo123', '28:echo', 'anything',
];

for (const rawId of rawIds) {
  test(`${rawId} is read and written as the official package does`, () => {
    const ours = identifierOf(rawId);
    const theirs: CommunicationIdentifierKind = createIdentifierFromRawId(rawId);
    assert.deepEqual(clean(ours), clean(theirs));
    assert.equal(rawIdOf(ours), rawId);
    assert.equal(getIdentifierRawId(ours), rawId);
    assert.equal(rawIdOf(theirs), rawId);
  });
}

test('what is no identifier is refused', () => {
  for (const bad of [undefined, null, {}, 'text', { phoneNumber: '' }]) {
    assert.throws(() => rawIdOf(bad as never), TypeError);
  }
});

/** Without what is undefined, and without the raw id that the official package leaves out of some kinds. */
function clean(identifier: object): object {
  return Object.fromEntries(Object.entries(identifier).filter(([key, value]) => value !== undefined && key !== 'rawId'));
}
