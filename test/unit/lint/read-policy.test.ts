// What the API server or die-operator would refuse is said with the field, and nothing else is said of such a policy.
import { expect, test } from 'vitest';
import { codes, driftPolicy, clusterPolicy, lint, SOUND_EXCEPTION, SOUND_RUNG } from './support.ts';

test('says nothing of a sound policy', () => {
  expect(lint(driftPolicy({ mode: 'Enforce', exceptions: [SOUND_EXCEPTION] }))).toEqual([]);
});

test('gives severity, object, file, line, message and cure', () => {
  const policy = { ...driftPolicy({ mod: 'Enforce' }), file: 'a.yaml', line: 7 };
  expect(lint(policy)).toEqual([
    {
      severity: 'Error',
      code: 'Invalid',
      object: 'DriftPolicy shop/web',
      file: 'a.yaml',
      line: 7,
      path: 'spec.mod',
      message: 'this version does not know the field',
      cure: 'Remove it, or correct its name.',
    },
  ]);
});

test.each<[what: string, spec: Record<string, unknown>, paths: string[]]>([
  ['a wrong type', { mode: 3 }, ['spec.mode']],
  [
    'a value that is not offered',
    { responses: [{ ...SOUND_RUNG, actions: ['Kill'] }] },
    ['spec.responses[0].actions[0]'],
  ],
  ['no responses', { responses: undefined }, ['spec.responses']],
  ['an empty list', { match: { images: [] } }, ['spec.match.images']],
  [
    'In without values',
    { match: { podSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } } },
    ['spec.match.podSelector.matchExpressions[0]'],
  ],
  ['two rungs of one name', { responses: [SOUND_RUNG, SOUND_RUNG] }, ['spec.responses[1]']],
  [
    'a label that cannot be',
    { match: { podSelector: { matchLabels: { app: '-' } } } },
    ['spec.match.podSelector.matchLabels["app"]'],
  ],
  ['a duration out of range', { eviction: { waitForBudget: '25h' } }, ['spec.eviction.waitForBudget']],
  [
    'a condition that is no CEL',
    { responses: [{ ...SOUND_RUNG, condition: 'detection.rule ==' }] },
    ['spec.responses[0].condition'],
  ],
  [
    'a condition of unknown fields',
    { exceptions: [{ ...SOUND_EXCEPTION, condition: 'pod.color == "red"' }] },
    ['spec.exceptions[0].condition'],
  ],
  [
    'a pattern with white space at its ends',
    { responses: [{ ...SOUND_RUNG, rules: ['DIE * '] }] },
    ['spec.responses[0].rules[0]'],
  ],
  [
    'an unknown field and a wrong condition at once',
    { responses: [{ ...SOUND_RUNG, condition: '1', rule: 'x' }] },
    ['spec.responses[0].rule', 'spec.responses[0].condition'],
  ],
])('refuses %s', (_what, spec, paths) => {
  expect(codes(spec)).toEqual(paths.map((path) => `Invalid ${path}`));
});

test.each<[what: string, change: Record<string, unknown>, path: string]>([
  ['another version of our group', { apiVersion: 'die-operator.dev/v1' }, 'apiVersion'],
  ['our kind in another group', { apiVersion: 'v1' }, 'apiVersion'],
  ['a misspelt kind of our group', { kind: 'DriftPolcy' }, 'kind'],
  ['no metadata', { metadata: undefined }, 'metadata.name'],
  ['metadata that is none', { metadata: 'web' }, 'metadata.name'],
  ['a name that is none', { metadata: { name: 'Web', namespace: 'shop' } }, 'metadata.name'],
  ['a namespace that is none', { metadata: { name: 'web', namespace: 'a.b' } }, 'metadata.namespace'],
])('refuses %s', (_what, change, path) => {
  const { object } = driftPolicy();
  const findings = lint({ object: { ...object, ...change } });
  expect(findings.map((finding) => `${finding.code} ${finding.path}`)).toContain(`Invalid ${path}`);
});

test('refuses a ClusterDriftPolicy in a namespace, and one that says nothing', () => {
  const { object } = clusterPolicy({});
  const findings = lint({ object: { ...object, metadata: { name: 'base', namespace: 'shop' } } });
  expect(findings.map(({ code, path }) => `${code} ${path}`)).toEqual([
    'Invalid metadata.namespace',
    'Invalid spec',
  ]);
});

test('leaves other kinds and records alone', () => {
  const others = [
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: {} },
    { apiVersion: 'die-operator.dev/v1alpha1', kind: 'DriftIncident', spec: 3 },
  ];
  expect(lint(...others.map((object) => ({ object })))).toEqual([]);
});

test('says that kubectl chooses where a policy without a namespace goes', () => {
  const { object } = driftPolicy();
  const [finding, ...others] = lint({ object: { ...object, metadata: { name: 'web' } } });
  expect(others).toEqual([]);
  expect(finding).toMatchObject({ severity: 'Info', code: 'NoNamespace', object: 'DriftPolicy web' });
});
