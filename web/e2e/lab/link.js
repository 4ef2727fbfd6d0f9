/** A link with delay, jitter, loss and a rate, changeable while it is in use. See `shaped-link.py`. */
import { renameSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = join(dirname(fileURLToPath(import.meta.url)), 'shaped-link.py');
let links = 0;

/**
 * Joins two namespaces by a shaped link.
 *
 * - `shape`: `{ delay_ms, jitter_ms, loss, rate_bit, queue_ms, cut }`, each optional; each way alike.
 */
export async function shapedWire(one, oneEnd, two, twoEnd, shape) {
  const path = join(one.lab.scratch, `${links++}.link`);
  const write = (values) => {
    writeFileSync(`${path}.part`, JSON.stringify(values));
    renameSync(`${path}.part`, path);
  };
  write(shape);
  const child = spawn('/usr/bin/python3', [PROGRAM, one.full, oneEnd, two.full, twoEnd, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the link between ${one.name} and ${two.name} ended with ${code}`);
    }),
  ]);
  child.stdout.resume();
  one.ip(`link set ${oneEnd} up`);
  two.ip(`link set ${twoEnd} up`);
  let current = shape;
  return {
    /** Changes some of the values; takes effect within 100 ms. */
    change(values) {
      current = { ...current, ...values };
      write(current);
    },
  };
}
