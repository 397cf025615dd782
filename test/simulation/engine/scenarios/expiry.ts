// Quarantines that expire: the policy asks for no eviction but then.
import { DRIFT_POLICIES } from '../../../../src/kube/resources.ts';
import type { Action, DriftPolicy } from '../../../../src/api/policy.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { rung } from './ladders.ts';

const EXPIRES = { ttl: '1m', onExpiry: 'Evict', onDrain: 'CaptureThenAllow' } as const;
/** Until the quarantine is over, and something more. */
const HOLD_MS = 90_000;

interface Expiry {
  name: string;
  about: string;
  actions: Action[];
  ends: string[];
  before?: (stage: Stage) => void;
}

const EXPIRIES: readonly Expiry[] = [
  {
    name: 'expires',
    about: 'a quarantine with complete evidence expires, and the pod is evicted',
    actions: ['Isolate', 'Capture'],
    // Where a disk fails, evidence is not complete.
    ends: ['Resolved', 'QuarantineExpired'],
  },
  {
    name: 'expires-without-evidence',
    about: 'a quarantine without evidence expires, and people are told',
    actions: ['Isolate'],
    ends: ['QuarantineExpired'],
  },
  {
    name: 'expires-in-audit',
    about: 'the policy is edited to Audit, and then the quarantine expires',
    actions: ['Isolate', 'Capture'],
    ends: ['QuarantineExpired', 'Audit', 'Recorded'],
    before: (stage) =>
      stage.edit(DRIFT_POLICIES, 'web', (policy) => ({
        spec: { ...(policy as DriftPolicy).spec, mode: 'Audit' },
      })),
  },
];

export const EXPIRING: readonly Scenario[] = EXPIRIES.map(({ name, about, actions, ends, before }) => ({
  name,
  about,
  ends,
  setUp: async (stage) => {
    await stage.deployment(3);
    stage.policy({ ...rung(actions), isolation: EXPIRES });
  },
  play: async (stage) => {
    await stage.alert(stage.pod(), 'First');
    await stage.phase('Quarantined');
    await stage.clock.sleep(HOLD_MS / 6);
    before?.(stage);
    await stage.clock.sleep(HOLD_MS);
    stage.acted();
  },
}));
