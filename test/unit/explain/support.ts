// Subjects for tests of explanations: the pod of test/support/builders.ts, with policies as authors write them.
import type { NamespaceFacts } from '../../../src/api/namespace.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import type { AnyPolicy, PolicyKind } from '../../../src/api/policy.ts';
import type { Explanation } from '../../../src/explain/explanation.ts';
import { explain } from '../../../src/explain/explain.ts';
import type { Alert, Question, StoredPolicy, Subject } from '../../../src/explain/subject.ts';
import { targetOf } from '../../../src/incidents/target.ts';
import { aDetection, aPod, NOW, T0 } from '../../support/builders.ts';

export const SHOP: NamespaceFacts = {
  name: 'shop',
  labels: { 'kubernetes.io/metadata.name': 'shop', team: 'shop' },
};

const EVERYTHING = [{ name: 'all', actions: ['Label', 'Isolate', 'Capture', 'Evict'] }];

/** A policy as stored; its name is its UID. */
export function stored(
  name: string,
  spec: Record<string, unknown> = {},
  kind: PolicyKind = 'DriftPolicy',
  namespace = 'shop',
): StoredPolicy {
  const metadata = {
    name,
    uid: `${kind}-${name}`,
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: T0,
  };
  const scoped = kind === 'DriftPolicy' ? { ...metadata, namespace } : metadata;
  const policy = { metadata: scoped, spec: { responses: EVERYTHING, match: {}, ...spec } };
  return { kind, policy: policy as unknown as AnyPolicy };
}

/** A ClusterDriftPolicy as stored. */
export function storedForCluster(name: string, spec: Record<string, unknown> = {}): StoredPolicy {
  return stored(name, spec, 'ClusterDriftPolicy');
}

export function aSubject(policies: readonly StoredPolicy[], change: Partial<Subject> = {}): Subject {
  const pod: PodFacts = change.pod ?? aPod();
  return {
    origin: 'Cluster',
    pod,
    target: targetOf(pod),
    space: SHOP,
    policies,
    others: {
      workload: { quarantinedOthers: 0, readyOthers: 2 },
      namespace: { quarantinedOthers: 0 },
    },
    paused: { state: 'Off' },
    protectedNamespaces: new Set(['kube-system']),
    at: NOW,
    ...change,
  };
}

export function anAlert(
  change: Partial<Alert['detection']['summary']> = {},
  more: Partial<Alert['detection']> = {},
): Alert {
  return { detection: { ...aDetection(change), ...more }, identified: null };
}

/** Explains {@link aSubject}. */
export function explained(
  policies: readonly StoredPolicy[],
  { subject = {}, ...question }: Question & { subject?: Partial<Subject> } = {},
): Explanation {
  return explain(aSubject(policies, subject), question);
}
