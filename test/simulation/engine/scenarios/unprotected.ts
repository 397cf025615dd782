// Pods of a namespace that the settings protect, and exceptions that may let them be touched.
import { PODS } from '../../../../src/kube/resources.ts';
import { PINNED } from '../../../support/world.ts';
import type { Scenario } from '../scenario.ts';
import { NAMESPACE, type Stage } from '../stage.ts';
import { addClusterPolicy } from './cluster-policy.ts';
import { ALL, rung } from './ladders.ts';

const CRITICAL = 'dns';
const EXCEPTION = {
  name: 'addons',
  namespace: NAMESPACE,
  podSelector: { matchLabels: { app: 'web' } },
  reason: 'asked for by the platform team',
};

interface Given {
  mode?: 'Audit' | 'Enforce';
  exceptions?: readonly object[];
}

/** The namespace is protected, and its own policy would have everything done. */
async function protectedSpace(stage: Stage, given: Given): Promise<void> {
  const { mode = 'Enforce', exceptions: unprotect = [EXCEPTION] } = given;
  stage.protectedNamespaces.push(NAMESPACE);
  await stage.deployment(3);
  const metadata = { name: CRITICAL, namespace: NAMESPACE, labels: { app: 'web' } };
  const containers = [{ name: 'web', image: PINNED }];
  const spec = { priorityClassName: 'system-cluster-critical', containers };
  stage.cluster.api.create(PODS, NAMESPACE, { metadata, spec });
  await stage.settlePods(4);
  addClusterPolicy(stage, { mode, responses: [{ name: 'note', actions: ['Label'] }], unprotect });
  stage.policy(rung(ALL));
}

const critical = (stage: Stage) => {
  const found = stage.pods().find(({ metadata }) => metadata.name === CRITICAL);
  if (!found) throw new Error('the critical pod is not there');
  return found;
};
const other = (stage: Stage) => stage.pod(1);

const protects = (name: string, about: string, given: Given): Scenario => ({
  name,
  about,
  ends: [],
  setUp: (stage) => protectedSpace(stage, given),
  play: (stage) => stage.alert(other(stage), 'First', { harmless: true }),
});

export const UNPROTECTED: readonly Scenario[] = [
  {
    name: 'unprotected',
    about:
      'a pod of a protected namespace that an exception names is evicted, a critical one beside it is left',
    ends: ['Resolved'],
    setUp: (stage) => protectedSpace(stage, {}),
    play: async (stage) => {
      const told = stage.alert(other(stage), 'First');
      await Promise.all([told, stage.alert(critical(stage), 'Second', { harmless: true })]);
    },
  },
  protects('unprotected-ended', 'the exception ended long ago', {
    exceptions: [{ ...EXCEPTION, expires: '2001-01-01T00:00:00Z' }],
  }),
  protects('unprotected-audit', 'the policy with the exception is in Audit', { mode: 'Audit' }),
  protects('unprotected-refused', 'the policy with the exception asks for more than may be had', {
    exceptions: [EXCEPTION, { ...EXCEPTION, name: 'own', namespace: 'die-operator-system' }],
  }),
];
