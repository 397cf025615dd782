// docs/policies.md tells the truth: its policies are the files, which are good, and explain prints what it shows.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FIELD_LIMITS } from '../../../src/api/detection.ts';
import { validators } from '../../../src/api/validate.ts';
import { command } from '../../../src/commands/explain.ts';
import { readManifests } from '../../../src/commands/manifests/read.ts';
import { MAX_SOURCE } from '../../../src/decide/cel/condition.ts';
import { KNOWN_FUNCTIONS, MACROS } from '../../../src/decide/cel/signatures.ts';
import { lintPolicies } from '../../../src/lint/lint.ts';
import { examplesOf } from '../../support/docs-commands.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { printedBy } from '../../support/printed.ts';

const ROOT = join(import.meta.dirname, '../../..');
const FOLDER = join(ROOT, 'examples/policies');
// The page says so where it matters: an exception has not ended, and a pod is debugged.
const AT = Date.parse('2026-11-23T14:30:00Z');

const page = await readFile(join(ROOT, 'docs/policies.md'), 'utf8');
const files = (await readdir(FOLDER)).toSorted();
const [, examples = ''] = /^## Examples\n([\s\S]*?)^## /m.exec(page) ?? [];
const headings = [...examples.matchAll(/^### (.*)$/gm)].map(([, heading = '']) => heading);

/** The manifests of files and folders of the project. */
async function manifestsOf(...paths: string[]) {
  const { manifests, problems } = await readManifests(paths.map((path) => join(ROOT, path)));
  expect(problems).toEqual([]);
  return manifests;
}

/** The arguments as a shell would give them; the examples quote with single quotes only. */
function argumentsOf(line: string): string[] {
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  return words.slice(2).map((word) => (word.startsWith('examples/') ? join(ROOT, word) : word));
}

async function explained(line: string, at = AT): Promise<string> {
  const explain = command(new VirtualClock(at));
  const { out } = await printedBy(() => explain.parseAsync(argumentsOf(line), { from: 'user' }));
  return out;
}

test('each example stands on the page once, as in its file', async () => {
  const shown = await Promise.all(headings.map((heading) => examplesOf('policies.md', heading, 'yaml')));
  const texts = await Promise.all(files.map((file) => readFile(join(FOLDER, file), 'utf8')));
  expect(shown.flat().toSorted()).toEqual(texts.toSorted());
  expect(shown.map((blocks) => blocks.length)).toEqual(headings.map(() => 1));
});

describe.each(files)('examples/policies/%s', (file) => {
  test('says first what it does', async () => {
    expect(await readFile(join(FOLDER, file), 'utf8')).toMatch(/^# (?:Shows|Answers|Keeps) .{20,}/);
  });

  test('holds one policy, which the API server takes and lint has nothing to say about', async () => {
    const manifests = await manifestsOf(`examples/policies/${file}`);
    expect(manifests).toHaveLength(1);
    const object = manifests[0]?.object;
    const validate =
      object?.['kind'] === 'DriftPolicy' ? validators.driftpolicies : validators.clusterdriftpolicies;
    const { problems, unknownFields } = validate(object);
    expect({ problems, unknownFields }).toEqual({ problems: [], unknownFields: [] });
    expect(lintPolicies(manifests, AT)).toEqual({ findings: [], policies: 1 });
  });
});

test('the examples have nothing against each other', async () => {
  const { findings } = lintPolicies(await manifestsOf('examples/policies', 'examples/workload.yaml'), AT);
  expect(findings).toEqual([]);
});

test('of the policies that they are explained against, one is refused, as the page says', async () => {
  const { findings } = lintPolicies(await manifestsOf('examples/policies', 'examples/explained'), AT);
  expect(findings.map(({ code, object, path }) => [code, object, path])).toEqual([
    ['NotPermitted', 'DriftPolicy team-a/cart-exceptions', 'spec.exceptions'],
  ]);
});

describe.each(headings)('"%s"', (heading) => {
  test('shows what explain prints about it', async () => {
    const commands = (await examplesOf('policies.md', heading, 'sh')).filter((line) =>
      line.startsWith('die-operator explain '),
    );
    const excerpts = await examplesOf('policies.md', heading, 'text');
    expect([commands.length, excerpts.length]).toEqual([1, 1]);
    const [line = ''] = commands;
    const [excerpt = ''] = excerpts;
    expect(excerpt).toMatch(/^ {2}=> /m);
    expect(`\n${await explained(line)}`).toContain(`\n${excerpt}`);
  });

  test('is explained with the policy that it shows', async () => {
    const [policy = ''] = await examplesOf('policies.md', heading, 'yaml');
    const [line = ''] = (await examplesOf('policies.md', heading, 'sh')).filter((one) =>
      one.startsWith('die-operator explain '),
    );
    const [, file = ''] = /examples\/policies\/(\S+)/.exec(line) ?? [];
    expect(await readFile(join(FOLDER, file), 'utf8')).toBe(policy);
  });
});

test('what is shown of the annotation is what the debugged pod carries', async () => {
  const [line = ''] = await examplesOf('policies.md', 'Break-glass', 'sh');
  const [annotation = '', until = ''] = line.trim().split(' ').at(-1)?.split('=') ?? [];
  const [pod] = await manifestsOf('examples/explained/debugged-pod.yaml');
  expect(pod?.object).toMatchObject({ metadata: { annotations: { [annotation]: until } } });
});

describe('the exception', () => {
  const line =
    'die-operator explain agent -f examples/explained/agent.yaml -f examples/policies/exception.yaml';
  const alert = () => readFile(join(ROOT, 'examples/explained/agent-alert.json'), 'utf8');

  async function answerTo(text: string, at = AT): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'policies-'));
    const file = join(folder, 'alert.json');
    await writeFile(file, text);
    try {
      return await explained(`${line} --alert ${file}`, at);
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  test('caps the alert of the page', async () =>
    expect(await answerTo(await alert())).toContain('=> done: Label\n'));

  test.for([
    ['another rule', 'Write below binary dir', 'Drop and execute new binary in container'],
    ['a program that was dropped', '"proc.is_exe_upper_layer": false', '"proc.is_exe_upper_layer": true'],
    ['another program', '"proc.exepath": "/opt/agent/bin/', '"proc.exepath": "/opt/agent/bin/../../tmp/'],
    ['an alert that does not tell the program', '"proc.exepath"', '"proc.name"'],
  ] as const)('excuses nothing about %s', async ([, from, to]) => {
    const text = await alert();
    expect(text).toContain(from);
    expect(await answerTo(text.replace(from, to))).toContain('=> done: Label, Isolate, Capture\n');
  });

  test('excuses nothing after its end, and lint says so', async () => {
    const later = Date.parse('2027-02-01T00:00:00Z');
    expect(await answerTo(await alert(), later)).toContain('=> done: Label, Isolate, Capture\n');
    const { findings } = lintPolicies(await manifestsOf('examples/policies/exception.yaml'), later);
    expect(findings.map(({ code }) => code)).toEqual(['ExpiredException']);
  });
});

test('the limits on the page are those that are kept', () => {
  const { fields, name, total } = FIELD_LIMITS;
  const [, bullet = ''] = /^- \*\*Long texts are cut\*\*([\s\S]*?)^- /m.exec(page) ?? [];
  const numbers = [...bullet.matchAll(/\d[\d,]*/g)].map(([number]) => Number(number.replace(',', '')));
  expect(numbers).toEqual([fields, name, total]);
  expect(page).toContain(`at most ${MAX_SOURCE.toLocaleString('en')} characters`);
});

test('the functions on the page are those that conditions have', () => {
  const [, sentence = ''] = /^These functions exist([\s\S]*?)\n\n/m.exec(page) ?? [];
  const named = [...sentence.matchAll(/`(\w+)`/g)].flatMap(([, name = '']) => (name === 'in' ? [] : [name]));
  expect(named.toSorted()).toEqual([...KNOWN_FUNCTIONS, ...MACROS].toSorted());
});
