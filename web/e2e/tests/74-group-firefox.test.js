/** Another browser in a group call: its own implementation of nearly everything. */
import test from 'node:test';
import { randomUUID } from 'node:crypto';
import * as networks from '../lab/topologies.js';
import { firefox } from '../support/browsers.js';
import { crowd } from '../support/scene.js';

test('two Chromiums and a Firefox hear and see one another, forwarded and mixed', async (t) => {
  const { alice, bob, carol } = await crowd(t, networks.threeHomes(), { a: 'alice', b: 'bob', c: 'carol' }, { starts: { c: firefox } });
  const people = [alice, bob, carol];
  const group = randomUUID();
  for (const person of people) await person.joinGroup(group, { video: true });
  for (const person of people) await person.isWith(...people.filter((other) => other !== person));
  for (const person of people) {
    await person.hearsExactly(...people.filter((other) => other !== person));
    await person.seesEach(...people.filter((other) => other !== person));
  }
  await carol.in(() => window.phone.current().call.feature(window.phone.calling.Conference).receive('mixed'));
  await carol.until('one sound and one picture', () => window.phone.current().call.feature(window.phone.calling.Conference).mode === 'mixed');
  await carol.hearsExactly(alice, bob);
  await carol.seesTogether(alice, bob);
});
