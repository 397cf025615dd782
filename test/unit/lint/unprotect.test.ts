// Exceptions to the protection of namespaces that reach far, or nobody, are found.
import { describe, expect, test } from 'vitest';
import { lintPolicies } from '../../../src/lint/lint.ts';
import { clusterPolicy, NOW, SOUND_RUNG } from './support.ts';

const ADDONS = {
  name: 'addons',
  namespace: 'kube-system',
  podSelector: { matchLabels: { app: 'addons' } },
  reason: 'ours',
};
const found = (unprotect: object, spec: object = {}) =>
  lintPolicies(
    [clusterPolicy({ mode: 'Enforce', responses: [SOUND_RUNG], unprotect: [unprotect], ...spec })],
    NOW,
  ).findings.map(({ code, path }) => `${code} ${path}`);
const { podSelector: _, ...WIDE } = ADDONS;

describe('an exception to the protection of a namespace', () => {
  test.each<[string, object]>([
    ['names its pods', ADDONS],
    ['names their images', { ...WIDE, images: ['registry.example/addons@*'] }],
  ])('is sound where it %s', (_what, one) => expect(found(one)).toEqual([]));

  test.each<[string, object, object, string]>([
    ['every pod', WIDE, {}, 'WideUnprotect spec.unprotect[0]'],
    [
      'every pod by an empty selector',
      { ...WIDE, podSelector: { matchLabels: {} } },
      {},
      'WideUnprotect spec.unprotect[0]',
    ],
    ['nobody, in Audit', ADDONS, { mode: 'Audit' }, 'NoEffect spec.unprotect[0]'],
    [
      'a namespace that its policy does not select',
      ADDONS,
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } } },
      'NoEffect spec.unprotect[0].namespace',
    ],
    [
      'the past',
      { ...ADDONS, expires: '2026-01-01T00:00:00Z' },
      {},
      'ExpiredException spec.unprotect[0].expires',
    ],
  ])('is remarked on where it is about %s', (_what, one, spec, expected) =>
    expect(found(one, spec)).toEqual([expected]),
  );
});
