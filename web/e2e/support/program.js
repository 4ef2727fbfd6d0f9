/** Where the program under test is. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../../target', import.meta.url));

/** `CENTRALE_BIN`, else the newest kind of build there is: release before debug. */
export const CENTRALE =
  process.env.CENTRALE_BIN ??
  [join(target, 'release/centrale'), join(target, 'debug/centrale')].find(existsSync) ??
  join(target, 'release/centrale');
