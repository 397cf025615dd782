// An eviction reaches the pod for which it was decided, as it was then, or does nothing: also if it comes late.
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL, SEVERITY_LABEL } from '../../../src/api/names.ts';
import { classify } from '../../../src/controller/errors.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { POD_DISRUPTION_BUDGETS, PODS } from '../../../src/kube/resources.ts';
import type { RespondContext } from '../../../src/respond/context.ts';
import { evict } from '../../../src/respond/evict.ts';
import { anIncident } from '../../support/builders.ts';
import { interjecting, type EvictionCall, type Interjection } from '../../support/interjection.ts';
import { at, createLab, newPod, seededRandom, type Lab } from '../embedded/harness.ts';

const NAME = 'web-1';
const MARKS = {
  labels: { app: 'web', [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' },
  annotations: { [INCIDENT_ANNOTATION]: 'web-1-abcdef0123-1' },
};
const GRACE_SECONDS = 5;

/** A quarantined pod that runs, and an incident of it. */
interface Scene {
  lab: Lab;
  pod: KubeObject;
  /** Evicts, with something happening before its requests. */
  run: (
    interject?: Interjection,
    orDelete?: true,
  ) => Promise<{
    result: unknown;
    calls: EvictionCall[];
    preconditions: unknown[];
  }>;
  /** What a person or controller does to the pod. */
  change: (change: (pod: KubeObject) => object) => Promise<void>;
  stored: () => KubeObject | undefined;
}

async function scene(metadata: object = MARKS): Promise<Scene> {
  const lab = createLab();
  lab.cluster.start();
  await lab.call('POST', at('pods'), newPod(NAME, { metadata }));
  await lab.clock.advance(5_000);
  const pod = lab.pod(NAME);
  if (!pod) throw new Error('there is no pod');
  const { cluster, clock } = lab;
  return {
    lab,
    pod,
    stored: () => lab.pod(NAME),
    change: async (change) =>
      cluster.api.update(PODS, { namespace: 'shop', name: NAME }, 'object', (now) => ({
        ...now,
        ...change(now),
      })),
    run: async (interject = () => undefined, orDelete) => {
      const { transport, calls, bodies } = interjecting(cluster.transport, interject);
      const client = createKubeClient({ transport, clock, random: seededRandom(1) });
      const context = { client } as unknown as RespondContext;
      const call = { gracePeriodSeconds: GRACE_SECONDS, orDelete };
      const result = await evict(context, incidentOf(pod), pod, call).catch((error: unknown) => error);
      const asked = bodies as { deleteOptions: { preconditions: unknown } }[];
      return { result, calls, preconditions: asked.map(({ deleteOptions }) => deleteOptions.preconditions) };
    },
  };
}

function incidentOf(pod: KubeObject): DriftIncident {
  const incident = anIncident();
  const target = { ...incident.spec.target, namespace: 'shop', name: NAME, uid: pod.metadata.uid };
  return { ...incident, spec: { ...incident.spec, target } };
}

const isGoing = (pod: KubeObject | undefined) => pod?.metadata.deletionTimestamp !== undefined;

/** Changes of a pod that mean nothing for its eviction, a new one each time. */
const annotated = (value: string) => (pod: KubeObject) => ({
  metadata: { ...pod.metadata, annotations: { ...pod.metadata.annotations, 'example.dev/note': value } },
});
const released = (pod: KubeObject) => ({
  metadata: { ...pod.metadata, labels: { app: 'web' }, annotations: {} },
});

describe('an eviction', () => {
  test('is rehearsed, and asked for the very version that was read', async () => {
    const { run, pod, stored } = await scene();
    const { result, calls, preconditions } = await run();
    expect(result).toEqual({ by: 'Eviction', byVersion: true });
    expect(calls).toEqual(['Read', 'Rehearsal', 'Eviction']);
    const { uid, resourceVersion } = pod.metadata;
    expect(preconditions).toEqual([{ uid, resourceVersion }]);
    expect(stored()?.metadata.deletionGracePeriodSeconds).toBe(GRACE_SECONDS);
  });

  test('of a pod whose status changed since it was decided goes on', async () => {
    const { run, change, stored } = await scene();
    await change(annotated('since'));
    expect((await run()).result).toMatchObject({ by: 'Eviction' });
    expect(isGoing(stored())).toBe(true);
  });

  test.each<EvictionCall>(['Rehearsal', 'Eviction'])(
    'that meets a pod which changed just before the %s is tried on what it is now',
    async (before) => {
      const { run, change, stored } = await scene();
      const { result } = await run((call, time) =>
        call === before && time === 1 ? change(annotated('now')) : undefined,
      );
      expect(result).toMatchObject({ by: 'Eviction' });
      expect(isGoing(stored())).toBe(true);
    },
  );

  test('cannot be held up by a pod that changes all the time', async () => {
    const { run, change, stored, pod } = await scene();
    let count = 0;
    const { result, preconditions } = await run((call) =>
      call === 'Rehearsal' ? change(annotated(String(count++))) : undefined,
    );
    // Somebody may have begun to delete it between the last read and the call.
    expect(result).toEqual({ by: 'Eviction', byVersion: false });
    expect(preconditions).toEqual([{ uid: pod.metadata.uid }]);
    expect(isGoing(stored())).toBe(true);
    expect(count).toBe(4);
  });
});

describe('nothing happens to a pod that', () => {
  test.each<EvictionCall>(['Read', 'Rehearsal', 'Eviction'])('is released before the %s', async (before) => {
    const { run, change, stored } = await scene();
    const { result, calls } = await run((call) => (call === before ? change(released) : undefined));
    expect(result).toBe('Changed');
    expect(isGoing(stored())).toBe(false);
    expect(calls.at(-1)).toBe('Read');
  });

  test.each<[string, (pod: KubeObject) => object]>([
    ['lost the quarantine label', ({ metadata }) => ({ metadata: { ...metadata, labels: { app: 'web' } } })],
    [
      'belongs to another incident by now',
      ({ metadata }) => ({
        metadata: { ...metadata, annotations: { [INCIDENT_ANNOTATION]: 'web-1-abcdef0123-2' } },
      }),
    ],
  ])('%s', async (_, change) => {
    const made = await scene();
    await made.change(change);
    const { result, calls } = await made.run();
    expect(result).toBe('Changed');
    expect(calls).toEqual(['Read']);
    expect(isGoing(made.stored())).toBe(false);
  });

  test('is being deleted by somebody else already: whose grace holds', async () => {
    const { run, lab, stored } = await scene();
    await lab.call('DELETE', at('pods', NAME), { gracePeriodSeconds: 60 });
    expect((await run()).result).toBe('Changed');
    expect(stored()?.metadata.deletionGracePeriodSeconds).toBe(60);
  });

  test.each<EvictionCall>(['Read', 'Rehearsal', 'Eviction'])(
    'has its name but is another one since the %s',
    async (before) => {
      const { run, lab, stored } = await scene();
      const { result } = await run(async (call) => {
        if (call !== before) return;
        await lab.call('DELETE', at('pods', NAME), { gracePeriodSeconds: 0 });
        await lab.call('POST', at('pods'), newPod(NAME, { metadata: MARKS }));
      });
      expect(result).toBe('Gone');
      expect(stored()).toBeDefined();
      expect(isGoing(stored())).toBe(false);
    },
  );
});

test.each<EvictionCall>(['Read', 'Rehearsal', 'Eviction'])(
  'a pod that is deleted before the %s is gone',
  async (before) => {
    const { run, lab } = await scene();
    const { result } = await run((call) =>
      call === before ? lab.call('DELETE', at('pods', NAME), { gracePeriodSeconds: 0 }) : undefined,
    );
    expect(result).toBe('Gone');
  },
);

/** The same with two more pods, under a budget. */
async function budgeted(minAvailable: number): Promise<Scene> {
  const made = await scene();
  const selector = { matchLabels: { app: 'web' } };
  const budget = { metadata: { name: 'web' }, spec: { selector, minAvailable } };
  await made.lab.call('POST', at('poddisruptionbudgets', undefined, '/apis/policy/v1'), budget);
  await made.lab.call('POST', at('pods'), newPod('web-2'));
  await made.lab.call('POST', at('pods'), newPod('web-3'));
  await made.lab.clock.advance(5_000);
  return made;
}

describe('a disruption budget', () => {
  test('that allows none is an error that says so', async () => {
    const { run, stored } = await budgeted(3);
    const { result, calls } = await run();
    expect(classify(result)).toMatchObject({ kind: 'waiting', reason: 'DisruptionBudget' });
    expect(calls).toEqual(['Read', 'Rehearsal']);
    expect(isGoing(stored())).toBe(false);
  });

  test('is used up once at most by calls that the pod escaped', async () => {
    const { run, change, lab } = await budgeted(0);
    // Its controller would give back what was used up without an eviction.
    lab.cluster.stop();
    let count = 0;
    const { result, calls } = await run((call) =>
      call === 'Eviction' ? change(annotated(String(count++))) : undefined,
    );
    expect(result).toMatchObject({ by: 'Eviction' });
    expect(calls.filter((call) => call === 'Eviction')).toHaveLength(2);
    const budget = lab.cluster.api.get(POD_DISRUPTION_BUDGETS, { namespace: 'shop', name: 'web' });
    expect(budget).toMatchObject({ status: { disruptionsAllowed: 1 } });
  });
});

describe('a pod that may be deleted past its budget', () => {
  const twoBudgets = async () => {
    const made = await budgeted(0);
    const budget = {
      metadata: { name: 'more' },
      spec: { selector: { matchLabels: { app: 'web' } }, minAvailable: 0 },
    };
    await made.lab.call('POST', at('poddisruptionbudgets', undefined, '/apis/policy/v1'), budget);
    return made;
  };

  test.each([
    ['allows none', () => budgeted(3)],
    ['is one of two', twoBudgets],
  ])('is deleted in the version that was read, with the grace, where its budget %s', async (_, make) => {
    const { run, stored } = await make();
    const { result, calls } = await run(undefined, true);
    expect(result).toEqual({ by: 'Delete', byVersion: true });
    expect(calls).toEqual(['Read', 'Rehearsal', 'Deletion']);
    expect(stored()?.metadata.deletionGracePeriodSeconds).toBe(GRACE_SECONDS);
  });

  test('is evicted as any other where the budget allows it by now', async () => {
    const { run } = await budgeted(0);
    const { result, calls } = await run(undefined, true);
    expect(result).toMatchObject({ by: 'Eviction' });
    expect(calls).not.toContain('Deletion');
  });

  test('is not deleted while the status of the budget is older than the budget', async () => {
    const { run, lab, stored } = await budgeted(0);
    lab.cluster.stop();
    const name = { namespace: 'shop', name: 'web' };
    lab.cluster.api.update(POD_DISRUPTION_BUDGETS, name, 'object', (budget) => ({
      ...budget,
      spec: { ...(budget['spec'] as object), minAvailable: 2 },
    }));
    const { result, calls } = await run(undefined, true);
    expect(classify(result)).toMatchObject({ kind: 'waiting', reason: 'BudgetStale', afterMs: 10_000 });
    expect(calls).not.toContain('Deletion');
    expect(isGoing(stored())).toBe(false);
  });

  test.each([
    ['is released', (made: Scene) => made.change(released)],
    [
      'is deleted by somebody else',
      ({ lab }: Scene) => lab.call('DELETE', at('pods', NAME), { gracePeriodSeconds: 60 }),
    ],
  ])('is left alone if it %s just before', async (_, happens) => {
    const made = await budgeted(3);
    const { result } = await made.run(
      async (call) => void (call === 'Deletion' && (await happens(made))),
      true,
    );
    expect(result).toBe('Changed');
    expect(made.stored()?.metadata.deletionGracePeriodSeconds).not.toBe(GRACE_SECONDS);
  });

  test('cannot be kept by changing it all the time', async () => {
    const { run, change, stored } = await budgeted(3);
    let count = 0;
    const { result } = await run(
      (call) => (call === 'Deletion' ? change(annotated(String(count++))) : undefined),
      true,
    );
    expect(result).toEqual({ by: 'Delete', byVersion: false });
    expect(isGoing(stored())).toBe(true);
  });
});
