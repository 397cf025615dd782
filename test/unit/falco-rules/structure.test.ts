// config/falco/die_rules.yaml: sound without the stock rules, with identity in each alert, and as it was exercised.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { conditionParts } from '../../support/falco-condition.ts';
import { examplesOf } from '../../support/docs-commands.ts';
import {
  printedFields,
  readRules,
  RULES_FILE,
  shippedRules,
  type RuleSet,
} from '../../support/falco-rules.ts';
import { recordedAlerts } from './recordings.ts';
import { FILTER_ONLY, KNOWN_EVENTS, KNOWN_FIELDS, PRIORITIES } from './known.ts';
import { page, tableOf } from './page.ts';

const OUTBOUND = 'DIE Unexpected Outbound Connection';
const NEW = new Set([OUTBOUND, 'die_allowed_networks', 'die_outbound', 'die_loopback']);
// Of what a real Falco loaded and the recorded alerts come from. Whoever changes it has to say so in docs/falco.md.
const EXERCISED = '22f9d25c1ef5226d5e5992a611f0996fdacfb73ff25df950b259bcfa2386f435';

const shipped = await shippedRules();
const rules = [...shipped.rules.values()];

/** What is wrong with the names in a set of rules. */
function problemsOf({ lists, macros, rules: all }: RuleSet): string[] {
  const conditions = [...macros.values(), ...[...all.values()].map(({ condition }) => condition)];
  const parts = conditions.map(conditionParts);
  const asked = new Set(parts.flatMap((one) => [...one.macros]));
  const listed = new Set(parts.flatMap((one) => [...one.listed]));
  const fields = [
    ...parts.flatMap((one) => [...one.fields]),
    ...[...all.values()].flatMap(({ output }) => printedFields(output)),
  ];
  return [
    ...[...asked].filter((name) => !macros.has(name)).map((name) => `macro ${name} is not defined`),
    // Falco takes an unknown word for a value, and a macro, too: the comparison is then never true.
    ...[...listed].filter((name) => !lists.has(name)).map((name) => `list ${name} is not defined`),
    ...[...macros.keys()].filter((name) => !asked.has(name)).map((name) => `macro ${name} is not used`),
    ...[...lists.keys()].filter((name) => !listed.has(name)).map((name) => `list ${name} is not used`),
    ...new Set(
      fields.filter((field) => !KNOWN_FIELDS.has(field)).map((field) => `field ${field} is not known`),
    ),
    ...parts
      .flatMap((one) => [...one.events])
      .filter((event) => !KNOWN_EVENTS.has(event))
      .map((event) => `event ${event} is not known`),
  ];
}

test('each list and macro is defined, and used; each field and event is known', () => {
  expect(problemsOf(shipped)).toEqual([]);
  expect(shipped.rules.size).toBe(8);
});

test.each([
  ['an undefined macro', 'spawned_process', 'macro spawned_process is not defined'],
  ['a macro where a list belongs', 'not proc.pname in (die_exempt)', 'list die_exempt is not defined'],
  ['an unknown field', 'proc.is_exe_upper=true', 'field proc.is_exe_upper is not known'],
  ['an unknown event', 'evt.type=exec', 'event exec is not known'],
])('%s would be found', (_, condition, problem) => {
  const rule = { ...rules[0], condition: `die_started and ${condition}` } as (typeof rules)[0];
  const changed = { ...shipped, rules: new Map(shipped.rules).set('x', rule) };
  expect(problemsOf(changed)).toContain(problem);
});

test.each([
  ['and without brackets', 'a and b or c'],
  ['no end', 'a and (b'],
  ['no value', 'proc.name in'],
  ['two terms', 'a b'],
])('a condition with %s would be found', (_, condition) =>
  expect(() => conditionParts(condition)).toThrow('the condition'),
);

test('the engine and the plugin are those that the page names', () => {
  expect(shipped.engine).toBe('0.57.0');
  expect(shipped.plugins).toEqual([{ name: 'container', version: '0.4.0' }]);
  expect(page).toContain('Engine 0.57.0 is asked for, which is Falco 0.42, and the container plugin 0.4.0.');
});

describe.each(rules)('$rule', ({ rule, condition, output, priority, tags, enabled, desc }) => {
  test('tells which container it is about', () => {
    expect(printedFields(output)).toEqual(
      expect.arrayContaining([
        'k8s.ns.name',
        'k8s.pod.name',
        'k8s.pod.uid',
        'container.name',
        'container.id',
        'container.full_id',
        'container.image.repository',
        'container.image.digest',
        'proc.exepath',
      ]),
    );
    expect(printedFields(output).filter((field) => FILTER_ONLY.has(field))).toEqual([]);
  });

  test('is about containers only, and can be exempted', () => {
    const started = ['die_started', 'die_opened_for_write', 'die_outbound'];
    const { macros, fields } = conditionParts(condition);
    expect(started.some((macro) => macros.has(macro)) || fields.has('container.id')).toBe(true);
    expect([...macros]).toContain('die_exempt');
  });

  test('takes what an exception appends', () => {
    expect(conditionParts(condition).outermost).toBe('and');
    expect(() => conditionParts(`${condition} and not (proc.pname=x and user.uid=1)`)).not.toThrow();
  });

  test('is described, and stands on the page with its priority, its tag and its state', () => {
    expect(desc.length).toBeGreaterThan(40);
    expect(PRIORITIES).toContain(priority);
    const [own, ...others] = tags.filter((tag) => tag.startsWith('drift_'));
    expect([others, tags]).toEqual([[], expect.arrayContaining(['drift', 'container'])]);
    const rows = tableOf('rule', 'priority', 'tag', 'it fires when');
    const anchor = rule.toLowerCase().replaceAll(' ', '-');
    const row = rows.find((one) => one['rule'] === `[${rule}](#${anchor})`);
    expect(row).toMatchObject({ priority, tag: `\`${own}\`` });
    expect(row?.['it fires when']?.endsWith('; off')).toBe(enabled === false);
    expect(page).toContain(`\n### ${rule}\n`);
  });
});

test('the rule about connections is off while its list is empty', () => {
  expect(shipped.lists.get('die_allowed_networks')).toEqual([]);
  expect(shipped.rules.get(OUTBOUND)?.enabled).toBe(false);
});

test('what was exercised on a real Falco is unchanged', () => {
  const old = (map: ReadonlyMap<string, unknown>) => [...map].filter(([name]) => !NEW.has(name));
  const text = JSON.stringify([old(shipped.lists), old(shipped.macros), old(shipped.rules)]);
  expect(createHash('sha256').update(text).digest('hex')).toBe(EXERCISED);
  expect(page).toContain(`"${OUTBOUND}" was written after`);
});

test('the page names the rules of which no alert was recorded', () => {
  const recorded = new Set(recordedAlerts.map(({ rule }) => rule));
  const without = rules.filter(({ rule }) => !recorded.has(rule)).map(({ rule }) => `"${rule}"`);
  expect(page).toContain(`No alert was recorded of these rules: ${without.join(', ')}.`);
});

test.each(recordedAlerts.filter(({ rule }) => rule.startsWith('DIE ')))(
  '$name has the priority, the tags and the fields of its rule',
  ({ rule, alert }) => {
    const now = shipped.rules.get(rule);
    expect(alert.priority.toUpperCase()).toBe(now?.priority);
    expect(alert.tags).toEqual(now?.tags.toSorted());
    expect(Object.keys(alert.output_fields)).toEqual(
      expect.arrayContaining(printedFields(now?.output ?? '')),
    );
  },
);

test.each(rules.filter(({ rule }) => page.includes(`### ${rule}\n\n\`\`\`text`)))(
  'the example of $rule is what Falco wrote',
  async ({ rule }) => {
    const [example = ''] = await examplesOf('falco.md', rule, 'text');
    const outputs = recordedAlerts.filter((one) => one.rule === rule).map(({ alert }) => alert.output);
    expect(outputs.some((output) => output.includes(example.trim()))).toBe(true);
  },
);

const LOCAL_FILE = 'die_rules_local.yaml';

describe('exceptions', () => {
  test.each(['Exceptions', 'Outbound connections'])('"%s" shows what Falco takes', async (heading) => {
    const [example = ''] = await examplesOf('falco.md', heading, 'yaml');
    const extended = readRules(JSON.stringify(asEntries(shipped)), example);
    expect(problemsOf(extended)).toEqual([]);
    expect(extended).not.toEqual(shipped);
  });

  test('are read after the rules', () => {
    expect(page).toContain(`/etc/falco/rules.d/${LOCAL_FILE}`);
    expect(basename(RULES_FILE) < LOCAL_FILE).toBe(true);
  });

  test.each([
    ['of another name', '- {list: die_typo, items: [a], override: {items: append}}'],
    ['with another key', '- {list: die_shells, item: [a], override: {items: append}}'],
    ['without override', '- {list: die_shells, items: [a]}'],
    [
      'that Falco does not know',
      '- {rule: DIE Binary Drift Executed, priority: INFO, override: {priority: append}}',
    ],
  ])('%s would be found', (_, text) =>
    expect(() => readRules(JSON.stringify(asEntries(shipped)), text)).toThrow(/die_|DIE |not an entry/),
  );
});

/** A set of rules as the entries of a file. */
function asEntries({ lists, macros, rules: all }: RuleSet): object[] {
  return [
    ...[...lists].map(([list, items]) => ({ list, items })),
    ...[...macros].map(([macro, condition]) => ({ macro, condition })),
    ...all.values(),
  ];
}

test('config/falco has no file that the page does not name', async () => {
  const files = await readdir(join(RULES_FILE, '..'));
  const named = tableOf('file', 'what it is').map(({ file = '' }) => /\[(.*?)\]/.exec(file)?.[1]);
  expect(new Set(named)).toEqual(new Set(files));
});

/** Errors and warnings of each file, as `falco -V` tells them. FALCO_CONFIG: another falco.yaml than the installed one. */
async function validated(
  falco: string,
  files: string[],
): Promise<{ errors: object[]; warnings: object[] }[]> {
  const config = process.env['FALCO_CONFIG'];
  const args = [...(config ? ['-c', config] : []), '-o', 'json_output=true'];
  // Rules that are not good end it with 1; they are told in what it prints.
  const [stdout, stderr] = await new Promise<[string, string]>((done) =>
    execFile(falco, [...args, ...files.flatMap((file) => ['-V', file])], (_, ...printed) => done(printed)),
  );
  if (!stdout.includes('falco_load_results')) throw new Error(`${falco} says: ${stdout}${stderr}`);
  const { falco_load_results: results } = JSON.parse(stdout) as {
    falco_load_results: { errors: object[]; warnings: object[] }[];
  };
  return results.map(({ errors, warnings }) => ({ errors, warnings }));
}

// No skipped test: where it is not set there is no Falco, and nothing to be tested.
const binary = process.env['FALCO_BIN'];
describe.each(binary === undefined ? [] : [binary])('a real Falco, %s,', (falco) => {
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'falco-rules-'))));
  afterAll(() => rm(folder, { recursive: true }));

  test('takes the rules without an error or a warning', async () =>
    expect(await validated(falco, [RULES_FILE])).toEqual([{ errors: [], warnings: [] }]));

  test.each(['Exceptions', 'Outbound connections'])('takes what "%s" shows', async (heading) => {
    const [example = ''] = await examplesOf('falco.md', heading, 'yaml');
    await writeFile(join(folder, LOCAL_FILE), example);
    const [, local] = await validated(falco, [RULES_FILE, join(folder, LOCAL_FILE)]);
    expect(local).toEqual({ errors: [], warnings: [] });
  });

  test('refuses what is wrong', async () => {
    const wrong = join(folder, 'wrong.yaml');
    await writeFile(wrong, '- {macro: wrong, condition: spawned_process}\n');
    expect((await validated(falco, [wrong]))[0]?.errors).not.toEqual([]);
  });
});
