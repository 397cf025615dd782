// A release against answers of the API server: owners that nobody else puts back, what is lent and taken back, and a
// StatefulSet that is made to look again.
import { describe, expect, test } from 'vitest';
import type { DriftIncident, Target } from '../../../src/api/incident.ts';
import type { KubeObject, OwnerReference } from '../../../src/api/meta.ts';
import {
  DELETION_COST_ANNOTATION,
  INCIDENT_ANNOTATION,
  QUARANTINE_LABEL,
  TOUCHED_ANNOTATION,
} from '../../../src/api/names.ts';
import { WaitingError } from '../../../src/controller/outcome.ts';
import { KEPT_COST } from '../../../src/decide/marks.ts';
import type { JsonPatchOp } from '../../../src/kube/client.ts';
import { statusError } from '../../../src/kube/errors.ts';
import type { Resource } from '../../../src/kube/resources.ts';
import type { RespondContext } from '../../../src/respond/context.ts';
import { release } from '../../../src/respond/release.ts';
import { settle, touch } from '../../../src/respond/settle.ts';
import { anIncident, NOW, T0 } from '../../support/builders.ts';

const OWNER: OwnerReference = {
  apiVersion: 'batch/v1',
  kind: 'Job',
  name: 'owner',
  uid: 'owner-uid',
  controller: true,
  blockOwnerDeletion: true,
};
const MARK = { [INCIDENT_ANNOTATION]: 'web-1-abcdef0123-1' };

interface Sent {
  kind: string;
  ops: readonly JsonPatchOp[];
}

/** A client that finds these objects by kind, and refuses patches as told. */
function scene(
  objects: Record<string, object | 403> = {},
  refuse: (ops: readonly JsonPatchOp[]) => string | undefined = () => undefined,
) {
  const sent: Sent[] = [];
  const client = {
    get: async ({ kind }: Resource) => {
      const found = objects[kind];
      if (typeof found === 'object') return found;
      throw statusError(`get ${kind}`, answer(found ?? 404, 'no'));
    },
    jsonPatch: async ({ kind }: Resource, _: object, ops: readonly JsonPatchOp[]) => {
      sent.push({ kind, ops });
      const message = refuse(ops);
      if (message !== undefined) throw statusError(`patch ${kind}`, answer(403, message));
      return {};
    },
  };
  const context = { client, clock: { now: () => NOW } } as unknown as RespondContext;
  return { context, sent };
}

function answer(status: number, message: string) {
  const reason = status === 404 ? 'NotFound' : 'Forbidden';
  return { status, body: { kind: 'Status', status: 'Failure', message, reason, code: status } };
}

function incidentOf({ kind, apiVersion }: Pick<OwnerReference, 'kind' | 'apiVersion'>): DriftIncident {
  const incident = anIncident({ status: { isolation: { form: 'Orphan', at: T0 } } });
  const { name, uid } = OWNER;
  const target: Target = {
    ...incident.spec.target,
    workload: { apiVersion, kind, name, uid },
    ownerReferences: [{ ...OWNER, apiVersion, kind }],
  };
  return { ...incident, spec: { ...incident.spec, target } };
}

function pod(change: Partial<KubeObject['metadata']> = {}): KubeObject {
  return {
    metadata: {
      name: 'web-1',
      namespace: 'shop',
      uid: 'pod-uid-1',
      resourceVersion: '1',
      creationTimestamp: T0,
      labels: { [QUARANTINE_LABEL]: 'true' },
      annotations: MARK,
      ...change,
    },
  };
}

function owned(uid: string, rest: object = {}): object {
  return { metadata: { uid, name: 'owner' }, ...rest };
}

function ownersIn({ ops }: Sent): unknown {
  return ops.flatMap((one) =>
    one.op === 'add' && one.path === '/metadata/ownerReferences' ? [one.value] : [],
  )[0];
}

const JOB = incidentOf(OWNER);
const FLEET = incidentOf({ apiVersion: 'example.com/v1', kind: 'Fleet' });
const SET = incidentOf({ apiVersion: 'apps/v1', kind: 'ReplicaSet' });
const ENDED = { status: { conditions: [{ type: 'Complete', status: 'True' }] } };

describe('the owner of a released orphan', () => {
  test.each<[string, DriftIncident, Record<string, object | 403>, unknown, RegExp]>([
    [
      'is put back for one that nobody knows',
      FLEET,
      {},
      FLEET.spec.target.ownerReferences,
      /as they were before/,
    ],
    ['is left to a Job that is active', JOB, { Job: owned('owner-uid') }, undefined, /as they were before/],
    [
      'is put back for a Job that has ended',
      JOB,
      { Job: owned('owner-uid', ENDED) },
      [OWNER],
      /as they were before/,
    ],
    ['stays away where the Job is gone', JOB, {}, undefined, /Job is gone/],
    ['stays away where another Job has the name', JOB, { Job: owned('x', ENDED) }, undefined, /Job is gone/],
    ['stays away where the Job cannot be read', JOB, { Job: 403 }, undefined, /cannot be read/],
    ['is left to its ReplicaSet', SET, {}, undefined, /as they were before/],
  ])('%s', async (...[, incident, objects, owners, message]) => {
    const { context, sent } = scene(objects);
    expect(await release(context, incident, pod())).toMatch(message);
    expect(sent).toHaveLength(1);
    expect(ownersIn(sent[0] as Sent)).toEqual(owners);
  });

  test('is not put back twice', async () => {
    const { context, sent } = scene();
    await release(context, FLEET, pod({ ownerReferences: [OWNER] }));
    expect(ownersIn(sent[0] as Sent)).toBeUndefined();
  });

  test('comes back without blocking its deletion where admission refuses that, and this is said', async () => {
    const words =
      "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on";
    const { context, sent } = scene({}, (ops) =>
      JSON.stringify(ops).includes('blockOwnerDeletion') ? `pods "web-1" is forbidden: ${words}` : undefined,
    );
    const message = await release(context, FLEET, pod());
    expect(message).toContain('without blockOwnerDeletion');
    const [owner] = ownersIn(sent[1] as Sent) as OwnerReference[];
    expect(owner).toMatchObject({ uid: 'owner-uid', controller: true });
    expect(owner).not.toHaveProperty('blockOwnerDeletion');
  });

  test('is no reason to try again where the release is refused for another', async () => {
    const { context, sent } = scene({}, () => 'admission webhook "x" denied the request: no');
    await expect(release(context, FLEET, pod())).rejects.toThrow(/denied the request/);
    expect(sent).toHaveLength(1);
  });
});

describe('what a release lent to a pod', () => {
  const lent = (owner?: OwnerReference) =>
    pod({
      labels: {},
      annotations: { ...MARK, [DELETION_COST_ANNOTATION]: KEPT_COST },
      ...(owner && { ownerReferences: [owner] }),
    });
  const set = (replicas: number, wanted = 2) => ({
    ReplicaSet: owned('owner-uid', { spec: { replicas: wanted }, status: { replicas } }),
  });

  test.each<[string, Record<string, object | 403>, OwnerReference | undefined]>([
    ['its ReplicaSet has not adopted it', set(2), undefined],
    ['its ReplicaSet has one too many', set(3), OWNER],
    ['its ReplicaSet cannot be read', { ReplicaSet: 403 }, OWNER],
  ])('stays while %s, unless the time is over', async (_, objects, owner) => {
    const { context, sent } = scene(objects);
    await expect(settle(context, SET, lent(owner), false)).rejects.toThrow(WaitingError);
    expect(sent).toEqual([]);
    expect(await settle(context, SET, lent(owner), true)).toContain('did not take it back in time');
    expect(sent).toHaveLength(1);
  });

  test.each<[string, Record<string, object>]>([
    ['it has its number', set(2)],
    ['it wants more', set(2, 3)],
    ['it is gone', {}],
    ['another one has its name', { ReplicaSet: owned('another', { spec: {} }) }],
    [
      'it is being deleted',
      { ReplicaSet: { metadata: { uid: 'owner-uid', deletionTimestamp: T0 }, spec: {} } },
    ],
  ])('goes when %s', async (_, objects) => {
    const { context, sent } = scene(objects);
    expect(await settle(context, SET, lent(OWNER), false)).toBe('nothing of die-operator is left on the pod');
    const paths = sent[0]?.ops.filter(({ op }) => op === 'remove').map(({ path }) => path);
    expect(paths).toHaveLength(2);
  });
});

describe('a StatefulSet', () => {
  const DB = incidentOf({ apiVersion: 'apps/v1', kind: 'StatefulSet' });

  test.each([
    ['with annotations', { note: 'x' }],
    ['without', undefined],
  ])('%s is touched by one annotation, tested by its UID', async (_, annotations) => {
    const { context, sent } = scene({ StatefulSet: { metadata: { uid: 'owner-uid', annotations } } });
    expect(await touch(context, DB)).toContain('StatefulSet shop/owner');
    expect(sent[0]?.ops[0]).toEqual({ op: 'test', path: '/metadata/uid', value: 'owner-uid' });
    expect(JSON.stringify(sent[0]?.ops)).toContain(new Date(NOW).toISOString());
    expect(JSON.stringify(sent[0]?.ops)).toContain(TOUCHED_ANNOTATION.split('/')[1]);
  });

  test.each<[string, Record<string, object>]>([
    ['is gone', {}],
    ['is another one by now', { StatefulSet: owned('another') }],
    ['has started the pod anew', { StatefulSet: owned('owner-uid'), Pod: pod({ uid: 'new' }) }],
  ])('that %s is left alone', async (words, objects) => {
    const { context, sent } = scene(objects);
    expect(await touch(context, DB)).toContain(words);
    expect(sent).toEqual([]);
  });
});
