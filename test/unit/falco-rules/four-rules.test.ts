// docs/falco.md compares ours with four rules that are widely copied: what it says is what was recorded.
import { expect, test } from 'vitest';
import { scenariosIn, tableOf } from './page.ts';
import { recordedAlerts } from './recordings.ts';

const OURS: Readonly<Record<string, readonly string[]>> = {
  'Drift Detected (Container Image Modified Binary)': ['DIE Binary Drift Executed'],
  'Container Shell Spawned': ['DIE Shell From Application', 'DIE Interactive Session'],
  'Package Manager Execution in Container': ['DIE Package Tool Used'],
  'Container File System Write': ['DIE System Path Written', 'DIE System Path Replaced'],
};

const rows = tableOf('rule', 'what happens in the container', 'recorded as', 'it', 'ours').map((row) => ({
  rule: row['rule'] ?? '',
  what: row['what happens in the container'] ?? '',
  scenarios: scenariosIn(row['recorded as']),
  it: row['it'] ?? '',
  ours: row['ours'] ?? '',
}));

const fired = (rules: readonly string[], scenario: string) =>
  recordedAlerts.some((one) => one.scenario === scenario && rules.includes(one.rule));

test.each(rows)('$rule: $what', ({ rule, scenarios, it, ours }) => {
  expect(['fires', 'silent', 'false alarm']).toContain(it);
  expect(['fires', 'silent']).toContain(ours);
  for (const scenario of scenarios) {
    expect([scenario, fired([rule], scenario)]).toEqual([scenario, it !== 'silent']);
    expect([scenario, fired(OURS[rule] ?? [], scenario)]).toEqual([scenario, ours === 'fires']);
  }
});

test('what was not recorded is silent', () => {
  const unrecorded = rows.filter(({ scenarios }) => scenarios.length === 0);
  expect(unrecorded.map(({ it, ours }) => [it, ours])).toEqual(unrecorded.map(() => ['silent', 'silent']));
});

test('all that was recorded of the four, and of ours with what they are compared to, is in the table', () => {
  const told = new Set(
    rows.flatMap(({ rule, scenarios }) =>
      [rule, ...(OURS[rule] ?? [])].flatMap((one) => scenarios.map((scenario) => `${scenario} ${one}`)),
    ),
  );
  const compared = new Set(Object.entries(OURS).flat(2));
  const recorded = recordedAlerts.filter(
    ({ rule, scenario }) => compared.has(rule) && !['nometa', 'http'].includes(scenario),
  );
  expect(recorded.filter(({ rule, scenario }) => !told.has(`${scenario} ${rule}`))).toEqual([]);
});

test('each of the four is said to be wrong in something', () => {
  const wrong = tableOf('rule', 'what was wrong').map(({ rule }) => rule);
  expect(wrong).toEqual(Object.keys(OURS));
});
