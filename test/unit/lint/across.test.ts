// What is seen of several objects together: two of one name, and what nobody grants.
import { describe, expect, test } from 'vitest';
import type { LintObject } from '../../../src/lint/finding.ts';
import { clusterPolicy, driftPolicy, lint, namespace, SOUND_EXCEPTION, SOUND_RUNG } from './support.ts';

const found = (...objects: readonly LintObject[]) =>
  lint(...objects).map(({ code, path }) => `${code} ${path}`);

describe('two policies of one name', () => {
  test('are found, with the place of the first', () => {
    const findings = lint(
      { ...driftPolicy(), file: 'a.yaml', line: 3 },
      { ...driftPolicy(), file: 'b.yaml', line: 1 },
    );
    expect(findings).toMatchObject([{ code: 'DuplicatePolicy', file: 'b.yaml', line: 1 }]);
    expect(findings[0]?.message).toContain('a.yaml:3');
    expect(found(clusterPolicy({ grants: {} }), clusterPolicy({ grants: {} }))).toEqual([
      'DuplicatePolicy metadata.name',
    ]);
  });

  test('are no duplicates in other namespaces, of other kinds, or where kubectl chooses the namespace', () => {
    expect(
      found(
        driftPolicy(),
        driftPolicy({}, { namespace: 'pay' }),
        clusterPolicy({ responses: [SOUND_RUNG] }, 'web'),
      ),
    ).toEqual([]);
    const nowhere = driftPolicy({}, { namespace: undefined });
    expect(found(nowhere, nowhere)).toEqual([
      'NoNamespace metadata.namespace',
      'NoNamespace metadata.namespace',
    ]);
  });
});

describe('what is not granted', () => {
  const asking = driftPolicy({ mode: 'Enforce', exceptions: [SOUND_EXCEPTION] });
  const both = ['NotPermitted spec.mode', 'NotPermitted spec.exceptions'];
  const team = { matchLabels: { team: 'a' } };
  const byName = (name: string) => ({ matchLabels: { 'kubernetes.io/metadata.name': name } });

  test.each<[what: string, objects: LintObject[], found: string[]]>([
    ['no ClusterDriftPolicy', [], []],
    ['one that says nothing of grants', [clusterPolicy({ responses: [SOUND_RUNG] })], []],
    ['one that grants nothing', [clusterPolicy({ grants: {} })], both],
    [
      'one that grants a part',
      [clusterPolicy({ grants: { enforce: true } })],
      ['NotPermitted spec.exceptions'],
    ],
    [
      'two that grant it together',
      [clusterPolicy({ grants: { enforce: true } }), clusterPolicy({ grants: { exceptions: true } }, 'more')],
      [],
    ],
    [
      'one for this namespace by its name',
      [clusterPolicy({ grants: {}, namespaceSelector: byName('shop') })],
      both,
    ],
    [
      'one for another namespace by its name',
      [clusterPolicy({ grants: {}, namespaceSelector: byName('pay') })],
      [],
    ],
    [
      'one for labels that the files do not tell',
      [clusterPolicy({ grants: {}, namespaceSelector: team })],
      [],
    ],
    [
      'one for labels that the namespace has',
      [clusterPolicy({ grants: {}, namespaceSelector: team }), namespace('shop', { team: 'a' })],
      both,
    ],
    [
      'one for labels that it has not',
      [clusterPolicy({ grants: {}, namespaceSelector: team }), namespace('shop', { team: 'b' })],
      [],
    ],
    [
      'one that may grant more by labels that the files do not tell',
      [
        clusterPolicy({ grants: {} }),
        clusterPolicy({ grants: { enforce: true }, namespaceSelector: team }, 'more'),
      ],
      [],
    ],
    [
      'one that is invalid',
      [clusterPolicy({ grants: { enforced: true } })],
      ['Invalid spec.grants.enforced'],
    ],
  ])('with %s', (_what, objects, expected) => {
    expect(found(asking, ...objects)).toEqual(expected);
    expect(found(...objects, asking)).toEqual(expected);
  });

  test('is not asked of a policy in Audit, and of one without a namespace', () => {
    expect(found(clusterPolicy({ grants: {} }), driftPolicy())).toEqual([]);
    const nowhere = driftPolicy({ mode: 'Enforce' }, { namespace: undefined });
    expect(found(clusterPolicy({ grants: {} }), nowhere)).toEqual(['NoNamespace metadata.namespace']);
  });

  test('survives a Namespace that is none', () => {
    const odd = [
      undefined,
      3,
      { name: 4 },
      { name: 'shop', labels: 'x' },
      { name: 'shop', labels: { a: 1 } },
    ];
    const spaces = odd.map((metadata) => ({ object: { apiVersion: 'v1', kind: 'Namespace', metadata } }));
    expect(found(asking, clusterPolicy({ grants: {} }), ...spaces)).toEqual(both);
  });
});
