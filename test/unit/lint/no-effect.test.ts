// Parts of a policy that change nothing are found, and parts that do are not.
import { expect, test } from 'vitest';
import { clusterPolicy, codes, lint, SOUND_EXCEPTION, SOUND_RUNG } from './support.ts';

test.each([
  ['DoesNotExist', undefined],
  ['NotIn', ['true']],
])('a selector by a label of die-operator’s own leaves no pod out: %s', (operator, values) => {
  const matchExpressions = [{ key: 'die-operator.dev/quarantine', operator, ...(values && { values }) }];
  expect(codes({ match: { podSelector: { matchExpressions } } })).toEqual([
    'NoEffect spec.match.podSelector',
  ]);
});

test('a condition that is always true', () => {
  const condition = 'detection.source in ["Falco", "Filesystem", "Digest", "Configuration", "Defender"]';
  expect(codes({ responses: [{ ...SOUND_RUNG, condition }] })).toEqual([
    'NoEffect spec.responses[0].condition',
  ]);
  expect(codes({ exceptions: [{ ...SOUND_EXCEPTION, condition }] })).toEqual([
    'NoEffect spec.exceptions[0].condition',
  ]);
});

test.each([
  [['Label'], 'None', false],
  [['Label'], 'Label', true],
  [['Label', 'Isolate'], 'Label', false],
  [['Label', 'Isolate'], 'Isolate', true],
  [['Capture'], 'Isolate', false],
  [['Capture'], 'Capture', true],
  [['Label', 'Isolate', 'Capture', 'Evict'], 'Capture', false],
])('rungs with %o under a cap at %s', (actions, maxAction, idle) => {
  const responses = [{ ...SOUND_RUNG, actions }];
  const exceptions = [{ ...SOUND_EXCEPTION, maxAction }];
  expect(codes({ responses, exceptions })).toEqual(idle ? ['NoEffect spec.exceptions[0].maxAction'] : []);
});

test.each([
  [['Label', 'Isolate'], ['Always'], false],
  [['Label', 'Isolate'], ['BarePod'], true],
  [['Label', 'Isolate'], [], true],
  [['Label', 'Capture'], ['Always'], true],
])('rungs with %o that ask before the isolation of %o', (actions, requiredFor, idle) => {
  const approval = { before: 'Isolate', requiredFor };
  const responses = [{ ...SOUND_RUNG, actions }];
  expect(codes({ responses, approval })).toEqual(idle ? ['NoEffect spec.approval.before'] : []);
});

test('a mode and exceptions of a policy that only grants', () => {
  const grants = { enforce: true };
  expect(lint(clusterPolicy({ grants }))).toEqual([]);
  const findings = lint(clusterPolicy({ grants, mode: 'Enforce', exceptions: [SOUND_EXCEPTION] }));
  expect(findings.map(({ severity, path }) => `${severity} ${path}`)).toEqual([
    'Info spec.mode',
    'Info spec.exceptions',
  ]);
});
