// Builds the package: `node build.mjs` makes dist/, `node build.mjs --test` compiles the tests into .test/ and runs them.
//
// dist/index.js     ES module for bundlers
// dist/index.cjs    the same for require()
// dist/index.d.ts   declarations, one file per source file (dist/cjs/ has them once more for require())
// dist/calling.js   one self-contained, minified ES module: what an exchange serves as /sdk/calling.js
// dist/package.json makes the folder itself a package, for `file:` dependencies

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const at = (...parts) => join(here, ...parts);
const manifest = JSON.parse(readFileSync(at('package.json'), 'utf8'));
const common = {
  bundle: true,
  target: ['es2022'],
  logLevel: 'warning',
};

if (process.argv.includes('--test')) {
  await buildTests();
} else {
  await buildPackage();
}

async function buildTests() {
  rmSync(at('.test'), { recursive: true, force: true });
  const entryPoints = filesBelow(at('test')).filter((file) => file.endsWith('.test.ts'));
  await build({
    ...common,
    entryPoints,
    outdir: at('.test'),
    outbase: at('test'),
    format: 'esm',
    platform: 'node',
    sourcemap: 'inline',
    packages: 'external',
  });
  const files = filesBelow(at('.test')).filter((file) => file.endsWith('.test.js'));
  const { status } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', ...files], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}

async function buildPackage() {
  rmSync(at('dist'), { recursive: true, force: true });
  mkdirSync(at('dist', 'cjs'), { recursive: true });
  const entry = { ...common, entryPoints: [at('src', 'index.ts')], platform: 'neutral' };
  await Promise.all([
    build({ ...entry, format: 'esm', outfile: at('dist', 'index.js'), sourcemap: true }),
    build({ ...entry, format: 'cjs', outfile: at('dist', 'index.cjs'), sourcemap: true }),
    build({ ...entry, format: 'esm', outfile: at('dist', 'calling.js'), minify: true, keepNames: true }),
  ]);
  execFileSync(process.execPath, [at('node_modules', 'typescript', 'bin', 'tsc'), '-p', at('tsconfig.build.json')], {
    stdio: 'inherit',
  });
  const declarations = filesBelow(at('dist')).filter((file) => file.endsWith('.d.ts'));
  for (const file of declarations) {
    cpSync(file, at('dist', 'cjs', relative(at('dist'), file)), { recursive: true });
  }
  writeFileSync(at('dist', 'cjs', 'package.json'), '{ "type": "commonjs" }\n');
  cpSync(at('README.md'), at('dist', 'README.md'));
  writeFileSync(at('dist', 'package.json'), `${JSON.stringify(folderManifest(), null, 2)}\n`);
}

/** The manifest of the built folder: the same package, with paths relative to dist. */
function folderManifest() {
  const { scripts: _scripts, devDependencies: _dev, files: _files, ...rest } = manifest;
  return JSON.parse(JSON.stringify(rest).replaceAll('./dist/', './'));
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}
