// Lint as a whole: its codes are documented, our own examples pass, and nothing that it reads throws.
import fc from 'fast-check';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { FINDING_SEVERITIES, LINT_CODES } from '../../../src/lint/codes.ts';
import type { LintObject } from '../../../src/lint/finding.ts';
import { lintPolicies } from '../../../src/lint/lint.ts';
import { clusterPolicy, driftPolicy, lint, namespace, NOW, SOUND_EXCEPTION, SOUND_RUNG } from './support.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

test('documents every code as it is, and no other', async () => {
  const page = await readFile(resolve(ROOT, 'docs/lint.md'), 'utf8');
  const rows = page.split('\n').filter((line) => /^\| `[A-Z]/.test(line));
  const codes = Object.entries(LINT_CODES).map(
    ([code, { severity, meaning, cure }]) => `| \`${code}\` | ${severity} | ${meaning} | ${cure} |`,
  );
  expect(rows).toEqual(codes);
});

test('documents a condition that it has nothing against', async () => {
  const page = await readFile(resolve(ROOT, 'docs/lint.md'), 'utf8');
  const [, yaml = ''] = /```yaml\n([^]*?)```/.exec(page) ?? [];
  const [document] = parseAllDocuments(yaml);
  const { exceptions } = (document?.toJS() ?? {}) as { exceptions: unknown[] };
  expect(exceptions).toHaveLength(1);
  expect(lint(driftPolicy({ exceptions }))).toEqual([]);
});

test.each(['policy-audit.yaml', 'policy-enforce.yaml'])('says nothing of %s', async (file) => {
  const documents = parseAllDocuments(await readFile(resolve(ROOT, 'examples', file), 'utf8'));
  const objects = documents.map((document) => ({ object: document.toJS() as LintObject['object'] }));
  expect(lintPolicies(objects, NOW)).toEqual({ findings: [], policies: 1 });
});

test('counts policies, also invalid ones, and tells the worst of each first', () => {
  const exceptions = [{ ...SOUND_EXCEPTION, image: 'nginx:1', expires: '2020-01-01T00:00:00Z' }];
  const responses = [{ ...SOUND_RUNG, actions: ['Evict'] }];
  const objects = [driftPolicy({ exceptions, responses }), clusterPolicy({}), namespace('shop')];
  const { findings, policies } = lintPolicies(objects, NOW);
  expect(policies).toBe(2);
  const ranks = findings.map(({ severity }) => FINDING_SEVERITIES.indexOf(severity));
  expect(ranks).toEqual([0, 1, 1, 2, 0]);
});

const TEXT = fc.oneof(
  fc.string(),
  fc.constantFrom(
    '*',
    'Label',
    'Evict',
    'Enforce',
    'Warning',
    '2027-01-01T00:00:00Z',
    'true',
    'a',
    '1h',
    '{"__proto__": 1}',
  ),
);
const VALUE = fc.oneof(TEXT, fc.jsonValue(), fc.array(TEXT, { maxLength: 3 }));
const FIELD = fc.constantFrom(
  'name',
  'actions',
  'rules',
  'tags',
  'minSeverity',
  'condition',
  'image',
  'expires',
  'reason',
  'length',
  'podSelector',
  'images',
  'matchLabels',
  'grants',
  'responses',
  'exceptions',
  'mode',
  'match',
  '__proto__',
);
const TREE = fc.dictionary(
  FIELD,
  fc.oneof(VALUE, fc.array(fc.dictionary(FIELD, VALUE, { maxKeys: 4 }), { maxLength: 3 })),
  {
    maxKeys: 5,
  },
);

test('never throws, whatever stands in the objects', () => {
  const kind = fc.constantFrom('DriftPolicy', 'ClusterDriftPolicy', 'Namespace', 'DriftPolcy');
  fc.assert(
    fc.property(kind, VALUE, fc.oneof(TREE, VALUE), (kindOf, metadata, spec) => {
      const object = { apiVersion: 'die-operator.dev/v1alpha1', kind: kindOf, metadata, spec };
      const named = { ...object, metadata: { name: 'web' } };
      expect(lintPolicies([{ object }, { object: named }, driftPolicy()], NOW).policies).toBeGreaterThan(0);
    }),
    { numRuns: 500 },
  );
});

test('judges 200 policies at their limits without delay', () => {
  const condition = 'detection.rule == "x" && !detection.executable.startsWith("/opt/")';
  const responses = Array.from({ length: 16 }, (_, index) => ({
    ...SOUND_RUNG,
    name: `r${index}`,
    condition,
  }));
  const objects = Array.from({ length: 200 }, (_, index) =>
    driftPolicy({ responses }, { name: `web-${index}` }),
  );
  expect(lintPolicies(objects, NOW).findings).toHaveLength(200 * (16 + 15));
}, 20_000);
