// Builds the page into dist/: `node build.mjs`. Needs the tools of ../client (`npm ci` there).
//
// dist/index.html, dist/icon.svg, dist/assets/page.js, dist/assets/page.css. The calling client is not bundled: the page loads the one that
// the exchange serves, /sdk/calling.js, as any other app would.

import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const { build } = createRequire(new URL('../client/package.json', import.meta.url))('esbuild');

rmSync(join(here, 'dist'), { recursive: true, force: true });
mkdirSync(join(here, 'dist', 'assets'), { recursive: true });
await build({
  entryPoints: { page: join(here, 'src', 'page.ts'), style: join(here, 'src', 'style.css') },
  outdir: join(here, 'dist', 'assets'),
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['es2022', 'chrome100', 'firefox100', 'safari15.4'],
  external: ['/sdk/calling.js'],
  logLevel: 'warning',
});
for (const file of ['index.html', 'icon.svg']) {
  cpSync(join(here, 'src', file), join(here, 'dist', file));
}
