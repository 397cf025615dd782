// The condition `Isolated` as a table: it says only what was proven.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { IsolationPath } from '../../../src/api/incident.ts';
import {
  ISOLATION_REASONS,
  isWorse,
  judgeIsolation,
  NODE_TEST_VALID_MS,
  PROBE_VALID_MS,
  type IsolationEvidence,
} from '../../../src/decide/isolated.ts';

const NOW = 1_000_000_000;
const NODE: IsolationPath = { kind: 'Node', direction: 'Ingress', peer: 'its node', ports: 'all ports' };
const EXEC: IsolationPath = { kind: 'Exec', direction: 'Ingress', peer: 'exec', ports: 'all ports' };
const LEAK: IsolationPath = {
  kind: 'Policy',
  direction: 'Egress',
  peer: 'everybody',
  ports: 'TCP 80',
  policy: 'NetworkPolicy shop/allow',
};
const OLD: IsolationPath = {
  kind: 'Established',
  direction: 'Ingress',
  peer: 'connections from before',
  ports: 'all ports',
};
const ENFORCED = { verdict: 'Enforced', at: NOW - 60_000, tookMs: 200, establishedCut: true } as const;
const UNENFORCED = { ...ENFORCED, verdict: 'Unenforced' } as const;
const CLOSED = { verdict: 'Closed', at: NOW - 60_000 } as const;

const PENDING: IsolationEvidence = {
  now: NOW,
  form: 'Orphan',
  hostNetwork: false,
  nodeName: 'node-1',
  deniedBy: undefined,
  paths: [NODE, EXEC],
  morePaths: 0,
  blind: undefined,
  enforcement: undefined,
  probe: undefined,
  closedSince: NOW - 600_000,
};

describe('the condition Isolated', () => {
  test.each<[string, Partial<IsolationEvidence>, string, string, RegExp]>([
    ['nothing was tried', {}, 'Unknown', 'Pending', /node node-1 enforces them was not tested$/],
    [
      'the node is not known',
      { nodeName: undefined },
      'Unknown',
      'Pending',
      /that the network enforces them/,
    ],
    [
      'nothing is open, and there are policies that nobody reads',
      { enforcement: ENFORCED, unread: ['Calico', 'Antrea'] },
      'True',
      'Enforced',
      /or policy of Cilium lets the pod through; what policies of Calico, Antrea allow was not read$/,
    ],
    [
      'the pod has the network of its node',
      { hostNetwork: true, enforcement: ENFORCED, probe: CLOSED },
      'False',
      'Unsupported',
      /network of its node/,
    ],
    [
      'admission refused',
      { deniedBy: 'policy required-labels', enforcement: ENFORCED },
      'False',
      'Denied',
      /refused by policy required-labels.*still in its Services and every policy that selects its labels applies$/,
    ],
    [
      'admission refused and a path is open',
      { deniedBy: 'x', paths: [LEAK, NODE] },
      'False',
      'Denied',
      /; still open: to everybody, TCP 80 \(NetworkPolicy shop\/allow\)$/,
    ],
    ['nothing enforces', { enforcement: UNENFORCED }, 'False', 'Unenforced', /node node-1 does not enforce/],
    [
      'nothing enforced the last time, long ago',
      { enforcement: { ...UNENFORCED, at: 0 } },
      'False',
      'Unenforced',
      /does not enforce/,
    ],
    [
      'nothing enforces and a path is open',
      { enforcement: UNENFORCED, paths: [LEAK] },
      'False',
      'Unenforced',
      /does not enforce/,
    ],
    [
      'a probe got through',
      { enforcement: ENFORCED, probe: { ...CLOSED, verdict: 'Open', ways: 'to the API server' } },
      'False',
      'Unenforced',
      /got through: to the API server$/,
    ],
    [
      'a probe got through where a policy allows',
      { enforcement: ENFORCED, probe: { ...CLOSED, verdict: 'Open' }, paths: [LEAK] },
      'False',
      'Partial',
      /^still open: to everybody/,
    ],
    [
      'a probe got nowhere, and not all policies can be read',
      { probe: CLOSED, enforcement: ENFORCED, blind: 'Cilium is hidden' },
      'Unknown',
      'Pending',
      /; Cilium is hidden$/,
    ],
    [
      'a policy allows',
      { enforcement: ENFORCED, probe: CLOSED, paths: [LEAK, NODE, EXEC] },
      'False',
      'Partial',
      /^still open: to everybody, TCP 80 \(NetworkPolicy shop\/allow\)$/,
    ],
    [
      'nothing denies',
      { paths: [{ kind: 'Policy', direction: 'Ingress', peer: 'everybody', ports: 'all ports' }] },
      'False',
      'Partial',
      /^still open: from everybody, all ports, denied by no policy$/,
    ],
    [
      'open connections live on',
      { enforcement: ENFORCED, paths: [OLD, NODE] },
      'False',
      'Partial',
      /^still open: connections from before$/,
    ],
    ['a probe got nowhere', { probe: CLOSED }, 'True', 'Verified', /got nowhere/],
    [
      'a probe got nowhere before something was open',
      { probe: CLOSED, closedSince: NOW - 1_000 },
      'Unknown',
      'Pending',
      /not tested/,
    ],
    [
      'a probe is too old',
      { probe: { ...CLOSED, at: NOW - PROBE_VALID_MS } },
      'Unknown',
      'Pending',
      /not tested/,
    ],
    [
      'the node enforces and nothing is open',
      { enforcement: ENFORCED },
      'True',
      'Enforced',
      /node node-1 enforces network policies, and no NetworkPolicy or policy of Cilium/,
    ],
    [
      'the node was tested too long ago',
      { enforcement: { ...ENFORCED, at: NOW - NODE_TEST_VALID_MS } },
      'Unknown',
      'Pending',
      /not tested/,
    ],
    [
      'the node was tested by a clock that was wrong',
      { enforcement: { ...ENFORCED, at: NOW + 3_600_000 } },
      'Unknown',
      'Pending',
      /not tested/,
    ],
    [
      'not all policies can be read',
      { enforcement: ENFORCED, blind: 'Cilium is hidden' },
      'Unknown',
      'Pending',
      /; Cilium is hidden$/,
    ],
    [
      'the network needs a second',
      { enforcement: ENFORCED, closedSince: NOW - 999 },
      'Unknown',
      'Pending',
      /is given time/,
    ],
    [
      'the second is over',
      { enforcement: ENFORCED, closedSince: NOW - 1_000 },
      'True',
      'Enforced',
      /enforces/,
    ],
    [
      'the network is slow',
      { enforcement: { ...ENFORCED, tookMs: 32_000 }, closedSince: NOW - 63_999 },
      'Unknown',
      'Pending',
      /is given time/,
    ],
    [
      'the slow network had twice its time',
      { enforcement: { ...ENFORCED, tookMs: 32_000 }, closedSince: NOW - 64_000 },
      'True',
      'Enforced',
      /enforces/,
    ],
  ])('when %s', (_, ...[change, status, reason, message]) => {
    const verdict = judgeIsolation({ ...PENDING, ...change });
    expect(verdict).toMatchObject({ status, reason });
    expect(verdict.message).toMatch(message);
  });

  test.each<[string, Partial<IsolationEvidence>, number | undefined]>([
    ['the margin ends', { enforcement: ENFORCED, closedSince: NOW - 400 }, NOW + 600],
    ['the test of the node expires', { enforcement: ENFORCED }, ENFORCED.at + NODE_TEST_VALID_MS],
    ['the probe expires', { probe: CLOSED }, CLOSED.at + PROBE_VALID_MS],
    ['nothing but an event can change it', {}, undefined],
    ['a path is open', { enforcement: ENFORCED, paths: [LEAK] }, undefined],
  ])('is looked at again when %s', (_, change, until) => {
    expect(judgeIsolation({ ...PENDING, ...change }).until).toBe(until);
  });

  test('names three paths and counts the others', () => {
    const paths = Array.from({ length: 5 }, (_, index) => ({
      ...LEAK,
      policy: `NetworkPolicy shop/p${index}`,
    }));
    const { message } = judgeIsolation({ ...PENDING, paths: [...paths, NODE], morePaths: 40 });
    expect(message).toContain('shop/p2');
    expect(message).not.toContain('shop/p3');
    expect(message).toMatch(/; and 42 more: see status\.isolation\.paths$/);
  });

  test('is True only with a proof and without a hole, whatever else holds', () => {
    const evidence = fc.record({
      now: fc.constant(NOW),
      form: fc.constantFrom('Orphan', 'Gentle'),
      hostNetwork: fc.boolean(),
      nodeName: fc.option(fc.constant('node-1'), { nil: undefined }),
      deniedBy: fc.option(fc.string(), { nil: undefined }),
      paths: fc.array(fc.constantFrom(NODE, EXEC, LEAK, OLD), { maxLength: 4 }),
      morePaths: fc.nat(3),
      blind: fc.option(fc.constant('blind'), { nil: undefined }),
      enforcement: fc.option(fc.constantFrom(ENFORCED, UNENFORCED, { ...ENFORCED, at: 0 }), {
        nil: undefined,
      }),
      probe: fc.option(fc.constantFrom(CLOSED, { ...CLOSED, at: 0 }), { nil: undefined }),
      closedSince: fc.constantFrom(NOW, NOW - 5_000, NOW - 600_000),
    });
    fc.assert(
      fc.property(evidence, (one) => {
        const { status, reason, message } = judgeIsolation(one);
        expect(message).toMatch(/^[ -~]{1,900}$/);
        const isProven = one.enforcement === ENFORCED || one.probe === CLOSED;
        const isHoled = one.paths.includes(LEAK) || one.paths.includes(OLD);
        const mayBeTrue =
          isProven &&
          !isHoled &&
          !one.hostNetwork &&
          one.deniedBy === undefined &&
          one.enforcement !== UNENFORCED;
        expect(status === 'True' && !mayBeTrue).toBe(false);
        const mayBeEnforced =
          one.blind === undefined && one.closedSince < NOW && one.enforcement === ENFORCED;
        expect(reason === 'Enforced' && !mayBeEnforced).toBe(false);
        expect(isHoled && status !== 'False').toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

describe('more is open than before', () => {
  test.each([
    ['Verified', 'Enforced', false],
    ['Enforced', 'Pending', false],
    ['Enforced', 'Partial', true],
    ['Pending', 'Partial', true],
    ['Partial', 'Unenforced', true],
    ['Partial', 'Pending', false],
    ['Pending', 'Enforced', false],
    [undefined, 'Pending', false],
    [undefined, 'Partial', true],
    ['MissingPermission', 'Pending', false],
    ['MissingPermission', 'Unsupported', true],
  ] as const)('%s, then %s: %s', (before, now, expected) => {
    expect(isWorse(before, now)).toBe(expected);
  });

  test('ranks every reason', () => {
    for (const reason of ISOLATION_REASONS) expect(isWorse(reason, reason)).toBe(false);
  });
});
