// One incident that waits for a person, and what is shown of it: for the page of docs, and for tests.
import type { DriftIncident, DriftIncidentStatus } from '../../../src/api/incident.ts';
import type { Preview } from '../../../src/commands/answer/preview.ts';
import { touchesOf } from '../../../src/commands/answer/touches.ts';
import { aDetection, anIncident, DIGEST, T0 } from '../../support/builders.ts';

export const HASH = '3f1c9a'.padEnd(64, '0');
export const EXAMPLE_POD = 'web-7d4b9c6f5d-x2x8k';
export const EXAMPLE_NAME = `${EXAMPLE_POD}-0a1b2c3d4e-1`;
const IMAGE = 'registry.example/shop/web:1.2';

const condition = (type: string, is: `${'True' | 'False' | 'Unknown'}/${string}`, message: string) => {
  const [status = '', reason = ''] = is.split('/');
  return { type, status: status as 'True', reason, message, lastTransitionTime: T0 };
};

/** Waits for an approval: the last Ready copy of its workload, taken out already. */
export function waitingIncident(
  change: Partial<DriftIncidentStatus> = {},
  spec: Partial<DriftIncident['spec']> = {},
): DriftIncident {
  const base = anIncident();
  const asks = `a person has to approve, as no other copy of the workload is Ready: to evict this one would stop it: die-operator approve -n shop ${EXAMPLE_NAME}. Without an answer it counts as denied after 2026-11-23T00:00:00.000Z`;
  return {
    ...base,
    metadata: { ...base.metadata, name: EXAMPLE_NAME },
    spec: {
      ...base.spec,
      target: {
        ...base.spec.target,
        name: EXAMPLE_POD,
        uid: '0f9b0b8e-3f0a-4d8e-9a41-2f6f0c1f8f11',
        labels: { app: 'web', 'pod-template-hash': '7d4b9c6f5d' },
        workload: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-7d4b9c6f5d', uid: 'rs-uid' },
        containers: [{ name: 'web', image: IMAGE, imageID: `registry.example/shop/web@${DIGEST}` }],
      },
      trigger: {
        ...base.spec.trigger,
        detection: aDetection({
          rule: 'Drop and execute new binary in container',
          containerName: 'web',
          executable: '/tmp/miner',
        }).summary,
      },
      ...spec,
    },
    status: {
      phase: 'AwaitingApproval',
      plan: {
        mode: 'Enforce',
        form: 'Gentle',
        steps: ['Isolate', 'Capture', 'Evict', 'Verify'],
        message: 'It is the last Ready copy: it is isolated gently: a label is added, nothing is taken away.',
        hash: HASH,
        needs: ['LastReadyCopy'],
      },
      steps: (['Isolate', 'Capture'] as const).map((name) => ({
        name,
        state: 'Succeeded',
        attempts: 1,
        startedAt: T0,
        finishedAt: T0,
        reason: 'Done',
        message: name === 'Isolate' ? 'isolated gently, the deny policy is in place' : '12 files, 48.2 KiB',
      })),
      isolation: { form: 'Gentle', at: T0, networkPolicy: 'die-operator-quarantine' },
      conditions: [
        condition('Stalled', 'True/AwaitingApproval', asks),
        condition('Ready', 'False/AwaitingApproval', asks),
        condition('Approved', 'Unknown/AwaitingApproval', asks),
        condition('Isolated', 'True/Enforced', 'no path is open that is known of'),
      ],
      ...change,
    },
  };
}

/** What `approve` shows of it. */
export function approvalPreview(incident: DriftIncident = waitingIncident()): Preview {
  return {
    action: 'Approve',
    namespace: 'shop',
    name: incident.metadata.name,
    about: 'Critical "Drop and execute new binary in container" (Falco)',
    phase: 'AwaitingApproval',
    stands:
      'a person has to approve, as no other copy of the workload is Ready: to evict this one would stop it',
    plan: {
      hash: HASH,
      message: incident.status?.plan?.message ?? '',
      left: ['Evict', 'Verify'],
      needs: ['LastReadyCopy'],
    },
    touches: touchesOf(incident, 'Approve', { state: 'Unread', why: '' }),
    budget: { verdict: 'Allowed', message: 'no disruption budget is against the eviction now' },
    replacement: {
      by: 'ReplicaSet web-7d4b9c6f5d',
      images: [
        {
          container: 'web',
          image: IMAGE,
          pinned: false,
          note: `NOT PINNED: the tag may have moved since; the pod ran registry.example/shop/web@${DIGEST}`,
        },
      ],
      notes: [],
    },
    notes: [],
  };
}

/** The decision that it is asked for with. */
export const EXAMPLE_DECISION = {
  action: 'Approve',
  by: 'ann@example.com',
  reason: 'seen by the shop team, the other copy is up in 5 min',
  planHash: HASH,
  expiresAt: '2026-11-22T01:03:20.000Z',
} as const;

/** Three incidents, as a list has them. */
export function exampleList(): DriftIncident[] {
  const rest = (name: string, phase: DriftIncidentStatus['phase'], reason: string, message: string) => {
    const incident = waitingIncident({
      phase,
      conditions: [condition('Ready', `False/${reason}`, message)],
    });
    return { ...incident, metadata: { ...incident.metadata, name: `${name}-5b6c7d8e9f-1` } };
  };
  const done = 'the pod was evicted and its replacement is verified';
  return [
    rest('cart-0', 'Resolved', 'Resolved', done),
    rest(
      'api-6c9d8',
      'Quarantined',
      'Cooldown',
      'another pod of the workload was evicted; limits.cooldown is 15m',
    ),
    waitingIncident(),
  ];
}
