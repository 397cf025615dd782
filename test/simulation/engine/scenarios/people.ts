// What people do in the middle of a response, at a moment that the history draws.
import { CLUSTER_DRIFT_POLICIES, DRIFT_POLICIES, NAMESPACES, PODS } from '../../../../src/kube/resources.ts';
import type { DriftPolicy } from '../../../../src/api/policy.ts';
import type { Scenario } from '../scenario.ts';
import { NAMESPACE, type Stage } from '../stage.ts';
import { addClusterPolicy, CLUSTER_POLICY } from './cluster-policy.ts';
import { ALL, rung } from './ladders.ts';

interface Interruption {
  name: string;
  about: string;
  ends: string[];
  /** Default: everything. */
  actions?: typeof ALL;
  /** Default: one policy in the namespace. */
  ask?: (stage: Stage) => void;
  act: (stage: Stage) => Promise<void> | void;
}

const INTERRUPTIONS: readonly Interruption[] = [
  {
    name: 'release',
    about: 'the incident is released half-way',
    ends: ['Released', 'Resolved'],
    act: (stage) => stage.release(),
  },
  {
    name: 'release-contained',
    about: 'a quarantine is released',
    actions: ['Label', 'Isolate', 'Capture'],
    ends: ['Released', 'Quarantined'],
    act: (stage) => stage.release(),
  },
  {
    name: 'release-again',
    about: 'the incident is released, and the same pod drifts again',
    actions: ['Label', 'Isolate'],
    ends: ['Released', 'Quarantined'],
    act: async (stage) => {
      stage.release();
      await stage.moment();
      const pod = stage.pods().find(({ metadata }) => metadata.uid === stage.alerts[0]?.pod);
      if (pod) await stage.alert(pod, 'Again');
    },
  },
  {
    name: 'release-edited',
    about: 'a quarantine is released whose labels somebody had edited',
    actions: ['Label', 'Isolate'],
    ends: ['Released', 'Quarantined'],
    act: async (stage) => {
      await stage.phase('Quarantined');
      // Only of a pod that lost its labels all are put back: from another one ours are taken away, and an edit stays.
      if (stage.incidents().some(({ status }) => status?.isolation?.form === 'Orphan'))
        stage.edit(PODS, stage.named(), ({ metadata }) => ({
          metadata: { ...metadata, labels: { ...metadata.labels, tier: 'back' } },
        }));
      stage.release();
    },
  },
  {
    name: 'delete-incident',
    about: 'the incident is deleted half-way',
    ends: ['Resolved', 'TargetGone'],
    act: (stage) => stage.deleteIncidents(),
  },
  {
    name: 'delete-quarantine',
    about: 'the incident of a quarantine is deleted',
    actions: ['Isolate'],
    ends: ['Quarantined'],
    act: (stage) => stage.deleteIncidents(),
  },
  {
    name: 'policy-to-audit',
    about: 'the policy is edited to Audit half-way',
    ends: ['Resolved', 'Audit', 'PolicyChanged', 'Recorded', 'TargetGone'],
    act: (stage) =>
      stage.edit(DRIFT_POLICIES, 'web', (policy) => ({
        spec: { ...(policy as DriftPolicy).spec, mode: 'Audit' },
      })),
  },
  {
    name: 'policy-deleted',
    about: 'the policy is deleted half-way',
    ends: ['Resolved', 'Audit', 'PolicyChanged', 'Recorded', 'TargetGone'],
    act: (stage) => stage.remove(DRIFT_POLICIES, 'web'),
  },
  {
    name: 'rung-narrowed',
    about: 'Evict is taken off the rung half-way',
    ends: ['Resolved', 'Quarantined', 'TargetGone'],
    act: (stage) =>
      stage.edit(DRIFT_POLICIES, 'web', (policy) => ({
        spec: { ...(policy as DriftPolicy).spec, ...rung(['Label', 'Isolate', 'Capture']) },
      })),
  },
  {
    name: 'grant-withdrawn',
    about: 'the cluster lets the namespace have no Enforce any more, half-way',
    ends: ['Resolved', 'Audit', 'PolicyChanged', 'Recorded', 'TargetGone'],
    act: (stage) => {
      stage.acted();
      addClusterPolicy(stage, { grants: {} });
    },
  },
  {
    name: 'cluster-policy',
    about: 'a policy of the cluster alone asks, and is edited to Audit half-way',
    ends: ['Resolved', 'Audit', 'PolicyChanged', 'Recorded', 'TargetGone'],
    ask: (stage) => addClusterPolicy(stage, rung()),
    act: (stage) =>
      stage.edit(CLUSTER_DRIFT_POLICIES, CLUSTER_POLICY, (policy) => ({
        spec: { ...(policy as DriftPolicy).spec, mode: 'Audit' },
      })),
  },
  {
    name: 'pod-deleted',
    about: 'somebody deletes the pod half-way',
    ends: ['Resolved', 'TargetGone'],
    act: (stage) => stage.remove(PODS, stage.named()),
  },
  {
    name: 'namespace-deleted',
    about: 'the namespace is deleted half-way',
    ends: ['Resolved', 'TargetGone'],
    act: (stage) => stage.remove(NAMESPACES, NAMESPACE),
  },
];

export const PEOPLE: readonly Scenario[] = INTERRUPTIONS.map(
  ({ name, about, ends, actions = ALL, ask, act }) => ({
    name,
    about,
    ends,
    hasMoment: true,
    setUp: async (stage) => {
      await stage.deployment(3, { tier: 'front' });
      if (ask) ask(stage);
      else stage.policy(rung(actions));
    },
    play: async (stage) => {
      const told = stage.alert(stage.pod(), 'First');
      await stage.moment();
      await act(stage);
      await told;
    },
  }),
);
