// What `die-operator lint` prints, and its exit codes.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { main } from '../../../src/cli.ts';
import { asJson } from '../../../src/commands/lint/print.ts';

const policy = (name: string, spec: string) =>
  `apiVersion: die-operator.dev/v1alpha1\nkind: DriftPolicy\nmetadata: {name: ${name}, namespace: shop}\nspec: ${spec}\n`;
const SOUND = policy('sound', '{responses: [{name: note, actions: [Label]}]}');
const ERROR = policy('wrong', '{mode: Act, responses: [{name: note, actions: [Label]}]}');
const WARNING = policy('weak', '{responses: [{name: a, actions: [Label]}, {name: b, actions: [Label]}]}');
const INFO = policy('odd', '{responses: [{name: a, actions: [Label], condition: "true"}]}');

let root: string;
let file: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lint-command-'));
  file = join(root, 'policies.yaml');
});
afterEach(async () => {
  process.exitCode = undefined;
  await rm(root, { recursive: true });
});

interface Outcome {
  stdout: string;
  stderr: string;
  code: number;
}

async function run(...args: string[]): Promise<Outcome> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      written[stream] += String(text);
      return true;
    }),
  );
  try {
    return { code: await main(['lint', ...args]), ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

async function runOn(text: string, ...args: string[]): Promise<Outcome> {
  await writeFile(file, text);
  return run(file, ...args);
}

describe('text', () => {
  test('has a line for each finding with its cure below, and a line that counts', async () => {
    const { stdout, stderr, code } = await runOn(`${SOUND}---\n${WARNING}---\n${ERROR}`);
    expect(stdout.split('\n')).toEqual([
      `${file}:6 Warning Shadowed DriftPolicy shop/weak spec.responses[1]: rung "b" adds nothing: every detection that meets it also meets "a", which does Label`,
      '    Remove the rung, or correct what was meant to tell it apart.',
      `${file}:11 Error Invalid DriftPolicy shop/wrong spec.mode: Unsupported value: "Act": supported values: "Audit", "Enforce"`,
      '    Correct the field.',
      '3 policies: 1 error, 1 warning, 0 info',
      '',
    ]);
    expect({ stderr, code }).toEqual({ stderr: '', code: 1 });
  });

  test('only counts where nothing was found', async () => {
    expect(await runOn(SOUND)).toEqual({
      stdout: '1 policy: 0 errors, 0 warnings, 0 info\n',
      stderr: '',
      code: 0,
    });
  });

  test('shows nothing of a file that a terminal would obey, or that hides text', async () => {
    const name = '"a\\e[2J\\u202egnp\\u009b"';
    const { stdout } = await runOn(
      policy(name, `{"mo\\e]0;x\\ade\\nb": 1, responses: [{name: a, actions: ["\\e[1m"]}]}`),
    );
    expect(stdout).toContain('Invalid');
    // eslint-disable-next-line no-control-regex -- they are what is looked for
    expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/u);
    expect(stdout.split('\n').every((line) => /^(?:    |\/|\d+ polic|$)/.test(line))).toBe(true);
  });
});

describe('JSON', () => {
  test('holds findings, problems and a summary', async () => {
    const { stdout, code } = await runOn(`${WARNING}---\n3\n`, '-o', 'json');
    expect(JSON.parse(stdout)).toEqual({
      findings: [
        {
          severity: 'Warning',
          code: 'Shadowed',
          object: 'DriftPolicy shop/weak',
          file,
          line: 1,
          path: 'spec.responses[1]',
          message: 'rung "b" adds nothing: every detection that meets it also meets "a", which does Label',
          cure: 'Remove the rung, or correct what was meant to tell it apart.',
        },
      ],
      problems: [{ file, line: 6, message: 'is no Kubernetes object: it has no apiVersion and no kind' }],
      summary: { errors: 0, warnings: 1, infos: 0, policies: 1 },
    });
    expect(code).toBe(2);
  });

  test('escapes what deceives, and means the same', () => {
    const message = 'a\u009b2J\u202e\u{e0001}\ud800\nb"\\😀';
    const text = asJson({ findings: [], policies: 0, problems: [{ file: 'x', message }] });
    expect(text).toMatch(/^[\x20-\x7e\n😀]+$/u);
    expect(JSON.parse(text)).toMatchObject({ problems: [{ message }] });
  });
});

describe('the exit code', () => {
  test.each([
    ['a sound policy', SOUND, [0, 0, 0]],
    ['an info', INFO, [0, 0, 1]],
    ['a warning', WARNING, [0, 1, 1]],
    ['an error', ERROR, [1, 1, 1]],
  ])('of %s follows --fail-on', async (_what, text, [error, warning, info]) => {
    expect((await runOn(text)).code).toBe(error);
    expect((await runOn(text, '--fail-on', 'error')).code).toBe(error);
    expect((await runOn(text, '--fail-on', 'warning')).code).toBe(warning);
    expect((await runOn(text, '--fail-on', 'info')).code).toBe(info);
  });

  test('is 2 for a file that cannot be read, and the others are linted', async () => {
    await writeFile(file, ERROR);
    const { stdout, stderr, code } = await run(join(root, 'missing\u001b.yaml'), file);
    expect(stderr).toBe(`die-operator: ${root}/missing\ufffd.yaml: does not exist\n`);
    expect(stdout).toContain('Error Invalid');
    expect(stdout).toContain('; not everything could be read\n');
    expect(code).toBe(2);
  });

  test.each([[[]], [['-o', 'xml', 'x.yaml']], [['--fail-on', 'never', 'x.yaml']], [['--colour', 'x.yaml']]])(
    'is 2 for wrong usage: %o',
    async (args) => {
      const { stdout, stderr, code } = await run(...args);
      expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
      expect(stderr).toMatch(/^error: /);
    },
  );

  test('is told by --help', async () => {
    const { stdout, code } = await run('--help');
    expect(stdout).toContain('2  a file could not be read, or wrong usage');
    expect(code).toBe(0);
  });
});
