// Protection: which pods are never touched, and that nothing a pod says of itself protects it.
import { describe, expect, test } from 'vitest';
import { CAPTURE_NAMESPACE, SYSTEM_NAMESPACE } from '../../../src/api/names.ts';
import { podFacts, type PodFacts } from '../../../src/api/pod.ts';
import type { ClusterDriftPolicy, PolicyKind, Unprotect } from '../../../src/api/policy.ts';
import { compilePolicy } from '../../../src/decide/policies.ts';
import {
  compileUnprotect,
  exemptionOf,
  isClosed,
  openUntil,
  protectionOf,
  type ProtectionRules,
} from '../../../src/decide/protect.ts';
import { rulebookFor } from '../../../src/decide/rulebook.ts';
import { validateSpec } from '../../../src/decide/validate.ts';
import { CREATED, pod } from './builders.ts';

const rules = (namespaces: string[], exemptions: ProtectionRules['exemptions'] = []): ProtectionRules => ({
  namespaces: new Set(namespaces),
  exemptions,
  now: NOW,
});
const NOW = Date.parse('2026-03-01T12:00:00Z');
const LISTED = rules(['kube-system']);

describe('protects', () => {
  test.each([SYSTEM_NAMESPACE, CAPTURE_NAMESPACE])(
    'our own namespace %s, whatever the settings',
    (namespace) => {
      const protection = protectionOf(pod({ namespace }), rules([]));
      expect(protection).toEqual({
        reason: 'Namespace',
        message: `namespace ${namespace} is protected, as it is die-operator’s own: look at pod web-1 yourself`,
      });
      expect(protectionOf(pod({ namespace }), LISTED)).toEqual(protection);
    },
  );

  test('namespaces of the settings', () => {
    expect(protectionOf(pod({ namespace: 'kube-system' }), LISTED)).toEqual({
      reason: 'Namespace',
      message:
        'namespace kube-system is protected, as the settings of die-operator list it: look at pod web-1 yourself',
    });
  });

  test('mirror pods, and says where they can be changed', () => {
    expect(protectionOf(pod({ mirror: true }), LISTED)).toEqual({
      reason: 'MirrorPod',
      message:
        'shop/web-1 mirrors a static pod, which only its node can change: change its manifest on node node-a',
    });
    const { nodeName: _, ...nowhere } = pod({ mirror: true });
    expect(protectionOf(nowhere, LISTED)?.message).toContain('on node (unknown)');
  });
});

describe('does not protect', () => {
  test('other pods', () => {
    expect(protectionOf(pod(), LISTED)).toBeUndefined();
    expect(protectionOf(pod(), rules([]))).toBeUndefined();
  });

  test.each(['kube-system-2', 'xkube-system', 'Kube-System', `${SYSTEM_NAMESPACE}-x`, ''])(
    'the namespace %j, which only looks like one',
    (namespace) => expect(protectionOf(pod({ namespace }), LISTED)).toBeUndefined(),
  );

  test('pods that say so in labels or annotations', () => {
    const attacker = podFacts({
      metadata: {
        name: 'web-1',
        namespace: 'shop',
        uid: 'uid-1',
        resourceVersion: '1',
        creationTimestamp: CREATED,
        labels: {
          'die-operator.dev/protected': 'true',
          'kubernetes.io/config.mirror': 'x',
          'app.kubernetes.io/managed-by': 'die-operator',
          namespace: 'kube-system',
        },
        annotations: { 'die-operator.dev/protected': 'true', 'kubernetes.io/config.hash': 'x' },
      },
    });
    expect(protectionOf(attacker, LISTED)).toBeUndefined();
  });
});

const ADDONS = {
  name: 'addons',
  namespace: 'kube-system',
  podSelector: { matchLabels: { app: 'web' } },
  critical: false,
  reason: 'the team of addons asked for it',
};
const inSystem = (change: Partial<PodFacts> = {}) => pod({ namespace: 'kube-system', ...change });
const named = (change: Partial<Unprotect>, mode: 'Audit' | 'Enforce' = 'Enforce') =>
  compileUnprotect('platform', mode, { ...ADDONS, ...change });
const excepted = (change: Partial<Unprotect> = {}, mode: 'Audit' | 'Enforce' = 'Enforce') =>
  rules(['kube-system'], [named(change, mode)]);

describe('an exception of a policy', () => {
  test('lets a pod be touched that it is about, and says which one it is', () => {
    expect(protectionOf(inSystem(), excepted())).toBeUndefined();
    expect(exemptionOf(inSystem(), excepted())).toMatchObject({ policy: 'platform', name: 'addons' });
  });

  test('is not needed elsewhere', () => {
    expect(exemptionOf(pod(), excepted())).toBeUndefined();
  });

  test.each<[string, Partial<PodFacts>, Partial<Unprotect>, 'Audit' | 'Enforce', string]>([
    [
      'that has ended',
      {},
      { expires: '2026-03-01T12:00:00Z' },
      'Enforce',
      'ended at 2026-03-01T12:00:00.000Z',
    ],
    [
      'with an end that cannot be read',
      {},
      { expires: 'soon' },
      'Enforce',
      'ended at a time that cannot be read',
    ],
    ['for other pods', { labels: { app: 'dns' } }, {}, 'Enforce', 'does not match the pod'],
    ['for other images', {}, { images: ['dns:*'] }, 'Enforce', 'does not match the pod'],
    ['of a policy in Audit', {}, {}, 'Audit', 'does not count, as its policy is in Audit'],
    ['without critical pods', { critical: true }, {}, 'Enforce', 'leaves out pods of critical priority'],
  ])('%s leaves the pod protected, and says why', (...[, change, unprotect, mode, why]) => {
    const now = excepted(unprotect, mode);
    expect(protectionOf(inSystem(change), now)?.message).toBe(
      `namespace kube-system is protected, as the settings of die-operator list it, and exception addons of ClusterDriftPolicy platform ${why}: look at pod web-1 yourself`,
    );
    expect(exemptionOf(inSystem(change), now)).toBeUndefined();
  });

  test('that names them lets critical pods be touched', () => {
    expect(protectionOf(inSystem({ critical: true }), excepted({ critical: true }))).toBeUndefined();
  });

  test('for another namespace says nothing here', () => {
    const both = rules(['kube-system', 'kube-public'], [named({ namespace: 'kube-public' })]);
    expect(protectionOf(inSystem(), both)?.message).not.toContain('exception');
  });

  test.each([
    ['die-operator’s own pods', { namespace: SYSTEM_NAMESPACE }],
    ['its helper pods', { namespace: CAPTURE_NAMESPACE }],
    ['mirror pods', { namespace: 'kube-system', mirror: true }],
  ])('never lets %s be touched', (_, change) => {
    const one = named({ namespace: change.namespace, critical: true });
    expect(protectionOf(pod(change), rules([change.namespace], [one]))).toBeDefined();
  });

  test('of several is one that lasts the longest, and no message lists more than three', () => {
    const until = (expires: string, name: string) => named({ expires, name });
    const several = [
      until('2026-04-01T00:00:00Z', 'a'),
      until('2026-05-01T00:00:00Z', 'b'),
      named({ critical: true, expires: '2026-03-02T00:00:00Z' }),
    ];
    expect(exemptionOf(inSystem(), rules(['kube-system'], several))?.name).toBe('b');
    const ended = ['a', 'b', 'c', 'd', 'e'].map((name) => until('2026-01-01T00:00:00Z', name));
    const message = protectionOf(inSystem(), rules(['kube-system'], ended))?.message;
    expect(message).toContain('exception c of');
    expect(message).toContain(', 2 more do not apply either:');
  });

  test('opens its namespace until it ends', () => {
    const ends = '2026-04-01T00:00:00Z';
    expect(isClosed('kube-system', excepted())).toBe(false);
    expect(openUntil('kube-system', excepted())).toBe(Infinity);
    expect(openUntil('kube-system', excepted({ expires: ends }))).toBe(Date.parse(ends));
    expect(isClosed('kube-system', excepted({ expires: '2026-02-01T00:00:00Z' }))).toBe(true);
    expect(isClosed('kube-system', excepted({}, 'Audit'))).toBe(true);
    expect(isClosed('kube-public', rules(['kube-public'], [named({})]))).toBe(true);
    expect(isClosed(SYSTEM_NAMESPACE, rules([]))).toBe(true);
    expect(isClosed('shop', LISTED)).toBe(false);
  });
});

describe('a priority class', () => {
  const withClass = (priorityClassName: string, namespace = 'shop') =>
    podFacts({
      metadata: { name: 'web-1', namespace, uid: 'uid-1', resourceVersion: '1', creationTimestamp: CREATED },
      spec: { priorityClassName },
    });

  test.each(['system-node-critical', 'system-cluster-critical'])('%s is critical', (name) => {
    expect(withClass(name).critical).toBe(true);
    expect(withClass(`${name}-not`).critical).toBeUndefined();
  });

  test('protects nobody outside of protected namespaces', () => {
    expect(protectionOf(withClass('system-node-critical'), LISTED)).toBeUndefined();
  });
});

describe('exceptions in a policy', () => {
  const spec = (unprotect: object, kind: PolicyKind = 'ClusterDriftPolicy') =>
    validateSpec({ responses: [{ name: 'all', actions: ['Evict'] }], unprotect }, kind);
  const { podSelector: _selector, ...wide } = ADDONS;

  test('are valid', () => {
    expect(spec([ADDONS, { ...wide, name: 'dns' }])).toMatchObject({ valid: true });
  });

  test('may be named by no policy of a namespace', () => {
    expect(spec([ADDONS], 'DriftPolicy')).toMatchObject({
      valid: false,
      problems: [{ path: 'spec.unprotect' }],
    });
  });

  test.each([
    [
      'our namespace',
      [{ ...ADDONS, namespace: SYSTEM_NAMESPACE }],
      'spec.unprotect[0].namespace',
      /die-operator’s own/,
    ],
    ['that of helpers', [{ ...ADDONS, namespace: CAPTURE_NAMESPACE }], 'spec.unprotect[0].namespace', /own/],
    ['a name twice', [ADDONS, ADDONS], 'spec.unprotect[1].name', /already the name/],
    [
      'a wrong selector',
      [{ ...ADDONS, podSelector: { matchLabels: { '/': 'x' } } }],
      'spec.unprotect[0].podSelector.matchLabels["/"]',
      /./,
    ],
    ['a wrong pattern', [{ ...ADDONS, images: [' x'] }], 'spec.unprotect[0].images[0]', /never match/],
    ['no reason', [{ ...ADDONS, reason: '' }], 'spec.unprotect[0].reason', /./],
  ])('are refused with %s', (_, unprotect, path, message) => {
    const told = { path, message: expect.stringMatching(message) as unknown };
    expect(spec(unprotect)).toMatchObject({ valid: false, problems: [told] });
  });

  test('count where their policy selects the namespace and is accepted', () => {
    const space = { name: 'kube-system', labels: { 'kubernetes.io/metadata.name': 'kube-system' } };
    const stored = (namespaceSelector?: object) => {
      const compilation = compilePolicy(
        {
          metadata: { name: 'platform', uid: 'p', resourceVersion: '1', creationTimestamp: CREATED },
          spec: {
            mode: 'Enforce',
            responses: [{ name: 'all', actions: ['Evict'] }],
            unprotect: [ADDONS, { ...ADDONS, name: 'else', namespace: 'kube-public' }],
            ...(namespaceSelector && { namespaceSelector }),
          },
        } as unknown as ClusterDriftPolicy,
        'ClusterDriftPolicy',
      );
      return compilation.accepted ? [compilation.policy] : [];
    };
    expect(rulebookFor(space, [], stored()).exemptions).toMatchObject([{ name: 'addons', enforced: true }]);
    expect(rulebookFor(space, [], stored({ matchLabels: { team: 'x' } })).exemptions).toEqual([]);
  });
});
