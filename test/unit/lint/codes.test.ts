// Every code can be reached, with the severity that the table gives it and a text that names what it is about.
import { describe, expect, test } from 'vitest';
import { LINT_CODES, type FindingCode } from '../../../src/lint/codes.ts';
import type { LintObject } from '../../../src/lint/finding.ts';
import { clusterPolicy, driftPolicy, lint, SOUND_EXCEPTION, SOUND_RUNG } from './support.ts';

const withRung = (fields: Record<string, unknown>) =>
  driftPolicy({ mode: 'Enforce', responses: [{ ...SOUND_RUNG, ...fields }] });
const withException = (fields: Record<string, unknown>) =>
  driftPolicy({ exceptions: [{ ...SOUND_EXCEPTION, ...fields }] });

const EXAMPLES: Readonly<Record<FindingCode, { objects: LintObject[]; says: string }>> = {
  Invalid: { objects: [withRung({ actions: ['Kill'] })], says: '"Kill"' },
  DuplicatePolicy: { objects: [driftPolicy(), driftPolicy()], says: 'the same policy' },
  NotPermitted: {
    objects: [driftPolicy({ mode: 'Enforce' }), clusterPolicy({ grants: {} })],
    says: 'grants of: base',
  },
  NeverMatches: { objects: [driftPolicy({ match: { images: ['Shop:1'] } })], says: '"Shop:1"' },
  ExpiredException: {
    objects: [withException({ expires: '2026-01-01T00:00:00Z' })],
    says: 'ended at 2026-01-01',
  },
  Shadowed: {
    objects: [driftPolicy({ responses: [SOUND_RUNG, { ...SOUND_RUNG, name: 'again' }] })],
    says: 'rung "again" adds nothing',
  },
  EvictUnconfirmed: { objects: [withRung({ rules: ['*'] })], says: 'severity Critical and above' },
  EvictAtLowSeverity: { objects: [withRung({ minSeverity: 'Notice' })], says: 'from severity Notice on' },
  EvictUnlimited: {
    objects: [driftPolicy({ mode: 'Enforce', limits: { perNamespace: { quarantined: 9000 } } })],
    says: '9000 pods',
  },
  DeletePastBudget: {
    objects: [driftPolicy({ mode: 'Enforce', eviction: { then: 'Delete', waitForBudget: '5m' } })],
    says: 'after 5m',
  },
  EvictWithoutEvidence: { objects: [withRung({ actions: ['Isolate', 'Evict'] })], says: 'Capture' },
  EvictWithoutIsolation: { objects: [withRung({ actions: ['Capture', 'Evict'] })], says: 'Isolate' },
  AttackerSatisfies: {
    objects: [withException({ condition: 'detection.executable.contains("agent")' })],
    says: '/tmp/agent',
  },
  WideException: { objects: [withException({ image: '*' })], says: '"*"' },
  WideUnprotect: {
    objects: [
      clusterPolicy({
        mode: 'Enforce',
        responses: [SOUND_RUNG],
        unprotect: [{ name: 'all', namespace: 'kube-system', reason: 'known' }],
      }),
    ],
    says: 'every pod of kube-system',
  },
  LongException: { objects: [withException({ expires: '2036-01-01T00:00:00Z' })], says: 'until 2036-01-01' },
  ExceptionByTag: { objects: [withException({ image: 'nginx:1.27' })], says: '"nginx:1.27"' },
  ExpiresSoon: { objects: [withException({ expires: '2026-11-24T12:00:00Z' })], says: 'in 2 d' },
  ImageWithoutTag: { objects: [driftPolicy({ match: { images: ['nginx'] } })], says: 'nginx:1.2 is not' },
  NoEffect: { objects: [withRung({ condition: 'true' })], says: 'true for every detection' },
  NoNamespace: { objects: [driftPolicy({}, { namespace: undefined })], says: 'kubectl' },
};

describe.each(Object.entries(EXAMPLES))('%s', (code, { objects, says }) => {
  test('is found alone', () => {
    const findings = lint(...objects);
    expect(findings.map((finding) => finding.code)).toEqual([code]);
    const [{ severity, message, cure } = { severity: '', message: '', cure: '' }] = findings;
    expect(severity).toBe(LINT_CODES[code as FindingCode].severity);
    expect(message).toContain(says);
    // As a line in front of the cure: no full stop, and no capital that a name does not have.
    expect(message).toMatch(/[^.]$/);
    expect(cure).toMatch(/^[A-Z].*\.$/);
  });
});

test('the table is written for people: sentences, without what would break a table in Markdown', () => {
  const texts = Object.values(LINT_CODES).flatMap(({ meaning, cure }) => [meaning, cure]);
  expect(texts.filter((text) => !/^[A-Z][^|\n]*\.$/.test(text))).toEqual([]);
});
