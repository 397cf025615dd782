// The deny policy of a namespace under the hands of others, and as policies that need it come and go.
import { QUARANTINE_POLICY } from '../../../../src/api/names.ts';
import { DRIFT_POLICIES, NETWORK_POLICIES } from '../../../../src/kube/resources.ts';
import { drawsFor } from '../draws.ts';
import type { Scenario } from '../scenario.ts';
import { NAMESPACE, type Stage } from '../stage.ts';
import { rung } from './ladders.ts';

/** A deny policy that nothing needs goes after half a minute. */
const GRACE_MS = 30_000;
/** Everything is open. */
const OPENED = { podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] };

const isThere = ({ cluster }: Stage) =>
  cluster.api.get(NETWORK_POLICIES, { namespace: NAMESPACE, name: QUARANTINE_POLICY }) !== undefined;

const TOUCHED: readonly { name: string; about: string; act: (stage: Stage) => void }[] = [
  {
    name: 'deny-policy-edited',
    about: 'somebody opens the deny policy half-way',
    act: (stage) => stage.edit(NETWORK_POLICIES, QUARANTINE_POLICY, () => ({ spec: OPENED })),
  },
  {
    name: 'deny-policy-deleted',
    about: 'somebody deletes the deny policy half-way',
    act: (stage) => stage.remove(NETWORK_POLICIES, QUARANTINE_POLICY),
  },
];

export const DENY_POLICY: readonly Scenario[] = [
  ...TOUCHED.map(({ name, about, act }): Scenario => ({
    name,
    about,
    ends: ['Quarantined'],
    hasMoment: true,
    setUp: async (stage) => {
      await stage.deployment(3);
      stage.policy(rung(['Isolate']));
    },
    play: async (stage) => {
      const told = stage.alert(stage.pod(), 'First');
      await stage.moment();
      act(stage);
      await told;
    },
  })),
  {
    name: 'deny-policy-outlives',
    about:
      'the policy is deleted while a pod is in quarantine, somebody deletes the deny policy, and it is released',
    ends: ['Released'],
    setUp: async (stage) => {
      await stage.deployment(3);
      stage.policy(rung(['Isolate']));
    },
    play: async (stage) => {
      await stage.alert(stage.pod(), 'First');
      await stage.phase('Quarantined');
      stage.remove(DRIFT_POLICIES, 'web');
      await stage.clock.sleep(2 * GRACE_MS);
      stage.remove(NETWORK_POLICIES, QUARANTINE_POLICY);
      await stage.clock.sleep(2 * GRACE_MS);
      stage.release();
    },
  },
  {
    name: 'policy-comes-and-goes',
    about: 'a policy goes, and comes again just when the deny policy is to be removed; then all is released',
    ends: ['Released'],
    setUp: async (stage) => {
      await stage.deployment(3);
    },
    play: async (stage) => {
      const draws = drawsFor(stage.history.seed, 'return');
      stage.policy(rung(['Isolate']));
      await stage.until(() => isThere(stage));
      stage.remove(DRIFT_POLICIES, 'web');
      await stage.clock.sleep(GRACE_MS - 200 + Math.floor(draws() * 400));
      stage.policy(rung(['Isolate']));
      // A receiver that does not know of it yet has nothing to open.
      await stage.clock.sleep(Math.floor(draws() * 300));
      await stage.alert(stage.pod(), 'First');
      await stage.phase('Quarantined');
      stage.release();
      stage.remove(DRIFT_POLICIES, 'web');
    },
  },
];
