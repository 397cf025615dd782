// Evictions on a real API server: what a precondition on the version does there, and that one which comes late does
// nothing to a pod that was released.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL } from '../../src/api/names.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { createKubeClient } from '../../src/kube/http-client.ts';
import { DEPLOYMENTS, POD_DISRUPTION_BUDGETS, PODS } from '../../src/kube/resources.ts';
import { createUndiciTransport } from '../../src/kube/undici-transport.ts';
import type { RespondContext } from '../../src/respond/context.ts';
import { evict, type EvictionResult } from '../../src/respond/evict.ts';
import { anIncident } from '../support/builders.ts';
import { connectionFor } from '../support/cluster-access.ts';
import { interjecting, type EvictionCall, type Interjection } from '../support/interjection.ts';
import { imageTable } from '../support/pod-status.ts';
import { eventually, needsControllers, realApiTest } from '../support/real-api-test.ts';
import { isReady } from '../support/world.ts';

const IMAGE = 'registry.example/shop/web:1.4';
const LABELS = { app: 'web' };
const INCIDENT = 'web-1-abcdef0123-1';
const GRACE_SECONDS = 1;

interface Budget extends KubeObject {
  status?: { disruptionsAllowed?: number };
}

/** A quarantined pod of three, that keeps its labels, under a budget for one. */
interface Scene {
  pod: KubeObject;
  evict: (
    interject: Interjection,
    orDelete?: true,
  ) => Promise<{ result: EvictionResult; calls: EvictionCall[] }>;
  /** Writes to the pod as a person or controller does. */
  write: (path: string, value: unknown) => Promise<unknown>;
  release: () => Promise<unknown>;
  stored: () => Promise<KubeObject | undefined>;
  allowed: () => Promise<number | undefined>;
}

const test = realApiTest.extend(
  'scene',
  async ({ access, client, namespace, kubelet, skip }, { onCleanup }): Promise<Scene> => {
    needsControllers(access, skip);
    await kubelet({ images: imageTable(IMAGE) });
    const transport = createUndiciTransport(connectionFor(access, access.admin));
    onCleanup(() => transport.close());
    const selector = { matchLabels: LABELS };
    const containers = [{ name: 'web', image: IMAGE }];
    const budget = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'web' } };
    await client.create(
      POD_DISRUPTION_BUDGETS,
      { namespace },
      { ...budget, spec: { selector, maxUnavailable: 1 } },
    );
    await client.create(
      DEPLOYMENTS,
      { namespace },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web' },
        spec: { replicas: 3, selector, template: { metadata: { labels: LABELS }, spec: { containers } } },
      },
    );
    const pods = () =>
      client.list<KubeObject>(PODS, { namespace }).then(({ items }) => items.filter(isReady));
    const [first] = await eventually('three Ready pods', pods, ({ length }) => length === 3);
    const { name = '', uid = '', labels = {} } = first?.metadata ?? {};
    const at = { namespace, name };
    const write: Scene['write'] = (path, value) => client.jsonPatch(PODS, at, [{ op: 'add', path, value }]);
    await write('/metadata/annotations', { [INCIDENT_ANNOTATION]: INCIDENT });
    await write('/metadata/labels', { ...labels, [QUARANTINE_LABEL]: 'true' });
    const allowed = () =>
      client
        .get<Budget>(POD_DISRUPTION_BUDGETS, { namespace, name: 'web' })
        .then(({ status }) => status?.disruptionsAllowed);
    await eventually('the budget', allowed, (number) => number === 1);
    const pod = await client.get<KubeObject>(PODS, at);
    return {
      pod,
      write,
      allowed,
      release: () => write('/metadata/labels', labels),
      stored: async () =>
        (await client.list<KubeObject>(PODS, { namespace })).items.find(
          ({ metadata }) => metadata.uid === uid,
        ),
      evict: async (interject, orDelete) => {
        const { transport: wire, calls } = interjecting(transport, interject);
        const ours = createKubeClient({ transport: wire, clock: systemClock, random: Math.random });
        const context = { client: ours } as unknown as RespondContext;
        const call = { gracePeriodSeconds: GRACE_SECONDS, orDelete };
        return { result: await evict(context, incidentOf(pod), pod, call), calls };
      },
    };
  },
);

function incidentOf({ metadata: { namespace = '', name, uid } }: KubeObject): DriftIncident {
  const incident = anIncident();
  return {
    ...incident,
    spec: { ...incident.spec, target: { ...incident.spec.target, namespace, name, uid } },
  };
}

const isGoing = (pod: KubeObject | undefined) =>
  pod === undefined || pod.metadata.deletionTimestamp !== undefined;

describe('an eviction by version', () => {
  test('is taken', async ({ scene }) => {
    const { result, calls } = await scene.evict(() => undefined);
    expect(result).toMatchObject({ by: 'Eviction' });
    expect(calls).toEqual(['Read', 'Rehearsal', 'Eviction']);
    expect(isGoing(await scene.stored())).toBe(true);
  });

  test('that comes when the pod was released does nothing to it', async ({ scene }) => {
    const { result, calls } = await scene.evict((call) =>
      call === 'Eviction' ? scene.release() : undefined,
    );
    expect(result).toBe('Changed');
    expect(calls).toEqual(['Read', 'Rehearsal', 'Eviction', 'Read']);
    expect(isGoing(await scene.stored())).toBe(false);
  });

  test('is refused by the rehearsal already, which costs nothing, and tried on what the pod is now', async ({
    scene,
  }) => {
    const allowed: (number | undefined)[] = [];
    const { result, calls } = await scene.evict(async (call, time) => {
      if (call === 'Rehearsal' && time === 1) await scene.write('/metadata/annotations/note', 'changed');
      if (call === 'Eviction') allowed.push(await scene.allowed());
    });
    expect(result).toMatchObject({ by: 'Eviction' });
    expect(calls).toEqual(['Read', 'Rehearsal', 'Read', 'Rehearsal', 'Eviction']);
    expect(allowed).toEqual([1]);
  });

  test('is not held up by a pod that changes all the time', async ({ scene }) => {
    let count = 0;
    const { result } = await scene.evict((call) =>
      call === 'Rehearsal' ? scene.write('/metadata/annotations/note', String(count++)) : undefined,
    );
    expect(result).toMatchObject({ by: 'Eviction' });
    expect(isGoing(await scene.stored())).toBe(true);
  });
});
