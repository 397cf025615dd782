// Whether the containers of a pod that is being deleted have ended is believed only of what a kubelet says at the end.
import { describe, expect, test } from 'vitest';
import { podFacts } from '../../../src/api/pod.ts';

const RUNS = { running: {} };
const ENDED = { terminated: { exitCode: 137 } };
const WAITS = { waiting: { reason: 'CrashLoopBackOff' } };

function going(status: object, metadata: object = { deletionGracePeriodSeconds: 30 }) {
  return podFacts({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: 'shop',
      name: 'web-1',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '2026-11-21T00:00:00Z',
      deletionTimestamp: '2026-11-22T00:00:00Z',
      ...metadata,
    },
    spec: { containers: [{ name: 'web' }, { name: 'log' }] },
    status,
  }).going;
}

const both = (web: object, log: object) => [
  { name: 'web', state: web },
  { name: 'log', state: log },
];

describe('a pod that is being deleted', () => {
  test.each<[string, object, boolean | undefined]>([
    ['all ended', { phase: 'Failed', containerStatuses: both(ENDED, ENDED) }, true],
    ['one never started', { phase: 'Failed', containerStatuses: both(ENDED, WAITS) }, true],
    ['one runs', { phase: 'Running', containerStatuses: both(ENDED, RUNS) }, false],
    [
      'its node is lost: the phase is over, the containers are as they were',
      { phase: 'Failed', containerStatuses: both(RUNS, ENDED) },
      false,
    ],
    [
      'all ended, but may start again',
      { phase: 'Running', containerStatuses: both(ENDED, WAITS) },
      undefined,
    ],
    [
      'nothing is said of one',
      { phase: 'Failed', containerStatuses: [{ name: 'web', state: ENDED }] },
      undefined,
    ],
    ['the state of one is not told', { phase: 'Failed', containerStatuses: both(ENDED, {}) }, undefined],
    ['nothing is said at all', { phase: 'Failed' }, undefined],
    ['there is no status', {}, undefined],
    [
      'a sidecar runs',
      {
        phase: 'Failed',
        containerStatuses: both(ENDED, ENDED),
        initContainerStatuses: [{ name: 's', state: RUNS }],
      },
      false,
    ],
    [
      'a container for debugging runs',
      {
        phase: 'Failed',
        containerStatuses: both(ENDED, ENDED),
        ephemeralContainerStatuses: [{ name: 'd', state: RUNS }],
      },
      false,
    ],
  ])('of which %s', (_, status, ended) => expect(going(status)?.containersEnded).toBe(ended));

  test('has its grace, and some of what holds it, cut', () => {
    const finalizers = Array.from({ length: 20 }, (_, n) => `example.com/${n}${'x'.repeat(300)}`);
    const facts = going({}, { deletionGracePeriodSeconds: 7, finalizers });
    expect(facts?.graceSeconds).toBe(7);
    expect(facts?.finalizers).toHaveLength(8);
    expect(facts?.finalizers?.every((name) => name.length === 128)).toBe(true);
  });

  test('is the only one of which this is kept', () => {
    expect(going({}, { deletionTimestamp: undefined })).toBeUndefined();
  });
});
