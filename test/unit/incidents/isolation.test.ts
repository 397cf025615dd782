// What the record says of an isolation from one look to the next.
import { describe, expect, test } from 'vitest';
import { findCondition } from '../../../src/api/conditions.ts';
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { NetworkPolicyFacts } from '../../../src/api/network-policy.ts';
import { NODE_TEST_VALID_MS } from '../../../src/decide/isolated.ts';
import type { NetworkView } from '../../../src/decide/residual-paths.ts';
import { judged } from '../../../src/incidents/isolation.ts';
import { anIncident } from '../../support/builders.ts';
import { pod } from '../decide/builders.ts';

const AT = Date.parse('2026-11-22T00:00:10Z');
const LABELS = { 'die-operator.dev/quarantine': 'true' };
const POD = pod({ labels: LABELS });
const policy = (name: string, spec: object): NetworkPolicyFacts => ({
  namespace: 'shop',
  name,
  uid: name,
  isOurs: false,
  spec,
});
const DENY = policy('deny', { podSelector: { matchLabels: LABELS }, policyTypes: ['Ingress', 'Egress'] });
const ALLOW = policy('allow', { podSelector: {}, egress: [{}], policyTypes: ['Egress'] });
const VIEW: NetworkView = {
  namespaceLabels: {},
  networkPolicies: [DENY],
  ciliumPolicies: [],
  closures: [],
  blind: undefined,
  enforcement: undefined,
  probe: undefined,
  execProtected: false,
};
const ENFORCED = { verdict: 'Enforced', at: AT - 60_000, tookMs: 150.4, establishedCut: true } as const;

const time = (ms: number) => new Date(ms).toISOString();

/** Just isolated. */
function isolated(form: 'Orphan' | 'Gentle' | 'LabelOnly' = 'Orphan'): DriftIncident {
  const isolation = { form, at: time(AT) };
  const condition = {
    type: 'Isolated',
    status: 'Unknown',
    reason: 'Pending',
    message: '',
    lastTransitionTime: time(AT),
  } as const;
  return anIncident({ status: { isolation, conditions: [condition] } });
}

const look = (incident: DriftIncident, view: Partial<NetworkView>, afterMs: number, seen = POD) =>
  judged(incident, seen, () => ({ ...VIEW, ...view }), AT + afterMs);
const conditionOf = ({ status }: DriftIncident) => {
  const { status: is, reason, lastTransitionTime } = findCondition(status?.conditions, 'Isolated') ?? {};
  return `${is}/${reason} since ${Date.parse(lastTransitionTime ?? '') - AT}`;
};

describe('a look at a pod in quarantine', () => {
  test('changes nothing the second time', () => {
    for (const view of [{}, { networkPolicies: [DENY, ALLOW] }, { enforcement: ENFORCED }]) {
      const first = look(isolated(), view, 5_000).incident;
      expect(look(first, view, 5_100).incident.status).toEqual(first.status);
      expect(look(first, view, 60_000).incident.status).toEqual(first.status);
    }
  });

  test('gives the network time after the patch, and again after something was open', () => {
    const view = { enforcement: ENFORCED };
    const early = look(isolated(), view, 300);
    expect([conditionOf(early.incident), early.until]).toEqual(['Unknown/Pending since 0', AT + 1_000]);
    const enforced = look(early.incident, view, 1_000);
    expect(conditionOf(enforced.incident)).toBe('True/Enforced since 1000');
    const open = look(enforced.incident, { ...view, networkPolicies: [DENY, ALLOW] }, 20_000);
    expect([conditionOf(open.incident), open.worse?.reason]).toEqual([
      'False/Partial since 20000',
      'Partial',
    ]);
    const closing = look(open.incident, view, 30_000);
    expect([conditionOf(closing.incident), closing.until]).toEqual([
      'Unknown/Pending since 30000',
      AT + 31_000,
    ]);
    expect(conditionOf(look(closing.incident, view, 30_500).incident)).toBe('Unknown/Pending since 30000');
    expect(conditionOf(look(closing.incident, view, 31_000).incident)).toBe('True/Enforced since 31000');
  });

  test('waits for the deny policy to be seen, then says that nothing denies', () => {
    const view = { networkPolicies: [], enforcement: ENFORCED };
    const early = look(isolated(), view, 2_000);
    expect([conditionOf(early.incident), early.until]).toEqual(['Unknown/Pending since 0', AT + 5_000]);
    expect(early.incident.status?.isolation?.paths?.map(({ kind }) => kind)).toEqual(['Node', 'Exec']);
    const late = look(early.incident, view, 5_000);
    expect([conditionOf(late.incident), late.worse?.message]).toEqual([
      'False/Partial since 5000',
      'still open: to everybody, all ports, denied by no policy; from everybody, all ports, denied by no policy',
    ]);
  });

  test('keeps a test that said the same as long as it counts, and takes one that says another thing', () => {
    const first = look(isolated(), { enforcement: ENFORCED }, 5_000).incident;
    const recorded = {
      verdict: 'Enforced',
      node: 'node-a',
      testedAt: time(AT - 60_000),
      tookMs: 150,
      establishedCut: true,
    };
    expect(first.status?.isolation?.enforcement).toEqual(recorded);
    const renewed = { ...ENFORCED, at: AT + 60_000 };
    expect(look(first, { enforcement: renewed }, 70_000).incident.status).toEqual(first.status);
    const late = look(first, { enforcement: renewed }, NODE_TEST_VALID_MS).incident;
    expect(late.status?.isolation?.enforcement?.testedAt).toBe(time(AT + 60_000));
    expect(conditionOf(late)).toBe('True/Enforced since 5000');
    const worse = look(first, { enforcement: { ...renewed, verdict: 'Unenforced' } }, 70_000);
    expect(conditionOf(worse.incident)).toBe('False/Unenforced since 70000');
    expect(worse.incident.status?.isolation?.enforcement?.verdict).toBe('Unenforced');
    expect(look(worse.incident, {}, 80_000).incident.status?.isolation?.enforcement).toBeUndefined();
  });

  test('tells once when less is true than before', () => {
    const view = { networkPolicies: [DENY, ALLOW] };
    const first = look(isolated(), view, 5_000);
    expect(first.worse?.reason).toBe('Partial');
    expect(look(first.incident, view, 6_000).worse).toBeUndefined();
  });

  test('says of a pod on the network of its node that nothing reaches it', () => {
    const { incident, worse } = look(isolated('Gentle'), { enforcement: ENFORCED }, 5_000, {
      ...POD,
      hostNetwork: true,
    });
    expect([conditionOf(incident), worse?.reason]).toEqual(['False/Unsupported since 5000', 'Unsupported']);
  });

  test('says who refused to let the labels go', () => {
    const before = isolated('Gentle');
    const isolation = { form: 'Gentle', at: time(AT), deniedBy: 'required-labels' } as const;
    const { incident } = look({ ...before, status: { ...before.status, isolation } }, {}, 5_000);
    expect(conditionOf(incident)).toBe('False/Denied since 5000');
    expect(findCondition(incident.status?.conditions, 'Isolated')?.message).toContain('required-labels');
    expect(incident.status?.isolation?.deniedBy).toBe('required-labels');
  });
});

describe('a look at a pod that is not in quarantine', () => {
  test.each<[string, DriftIncident, typeof POD | undefined]>([
    ['is gone', isolated(), undefined],
    ['is labelled only', isolated('LabelOnly'), POD],
    ['was never touched', anIncident(), POD],
  ])('says nothing when it %s', (_, incident, seen) => {
    const result = judged(incident, seen, () => VIEW, AT);
    expect(result).toEqual({ incident });
  });

  test('says that it was released, and what was last true, once it has its labels back', () => {
    const { incident } = look(isolated(), { enforcement: ENFORCED }, 5_000);
    const release = {
      name: 'Release',
      state: 'Succeeded',
      attempts: 1,
      reason: 'Released',
      message: '',
    } as const;
    const released = { ...incident, status: { ...incident.status, steps: [release] } };
    const seen = look(released, { enforcement: ENFORCED }, 9_000, { ...POD, labels: {} }).incident;
    expect(findCondition(seen.status?.conditions, 'Isolated')).toMatchObject({
      status: 'False',
      reason: 'Released',
      message: expect.stringMatching(
        /^the pod has its labels back; until then Isolated was True\/Enforced: /,
      ) as string,
    });
  });

  test('says that the label is gone, and no more that it is isolated', () => {
    const enforced = look(isolated(), { enforcement: ENFORCED }, 5_000).incident;
    const { incident } = look(enforced, { enforcement: ENFORCED }, 9_000, { ...POD, labels: {} });
    expect(conditionOf(incident)).toBe('False/Lifted since 9000');
    expect(look(incident, {}, 9_500, { ...POD, labels: {} }).incident).toBe(incident);
    const back = look(incident, { enforcement: ENFORCED }, 10_000).incident;
    expect(conditionOf(back)).toBe('Unknown/Pending since 10000');
  });
});
