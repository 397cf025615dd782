// Protection: which pods are never touched, and that nothing a pod says of itself protects it.
import { describe, expect, test } from 'vitest';
import { CAPTURE_NAMESPACE, SYSTEM_NAMESPACE } from '../../../src/api/names.ts';
import { podFacts } from '../../../src/api/pod.ts';
import { protectionOf } from '../../../src/decide/protect.ts';
import { CREATED, pod } from './builders.ts';

const LISTED = new Set(['kube-system']);

describe('protects', () => {
  test.each([SYSTEM_NAMESPACE, CAPTURE_NAMESPACE])(
    'our own namespace %s, whatever the settings',
    (namespace) => {
      const protection = protectionOf(pod({ namespace }), new Set());
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
    expect(protectionOf(pod(), new Set())).toBeUndefined();
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
