// Writes that a real API server refuses or that others contest, and an operator that stops and starts again.
// Each test names the row of the table in docs/decisions/0001 that it answers.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ResourceEvent } from '@dot-i/k8s-operator';
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import { GROUP, VERSION } from '../../src/api/names.ts';
import { metaOf, type ResourceMeta } from '../../src/controller/resource-event.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { isConflict, isNotFound, isTestFailure, isUnavailable } from '../../src/kube/errors.ts';
import { DRIFT_INCIDENTS } from '../../src/kube/resources.ts';
import { anIncident, T0 } from '../support/builders.ts';
import { answersWith, configMaps, countOf, fireTest as test } from '../support/fire-test.ts';
import { call } from '../support/cluster-access.ts';
import { eventually } from '../support/real-api-test.ts';

const NAME = 'web-1-0123456789-1';
const PATCH = /^PATCH /;
const FINALIZER = 'example.dev/under-fire';
const report = { count: 1, firstSeen: T0, lastSeen: T0, highestSeverity: 'Critical', detections: [] };

/** An incident of that namespace, as the verbs name it. */
async function createIncident(client: KubeClient, namespace: string): Promise<LibraryMeta> {
  const { apiVersion, kind, spec } = anIncident();
  const body = { apiVersion, kind, metadata: { name: NAME }, spec };
  const made = await client.create<DriftIncident & { [field: string]: unknown }>(
    DRIFT_INCIDENTS,
    { namespace },
    body,
  );
  return metaOf(DRIFT_INCIDENTS, made);
}

/** What the verbs take: the library's description, which ours is too. */
type LibraryMeta = ResourceMeta & ResourceEvent['meta'];

const incidentOf = (client: KubeClient, namespace: string) =>
  client.get<DriftIncident & { [field: string]: unknown }>(DRIFT_INCIDENTS, { namespace, name: NAME });

describe('a write of the status', () => {
  // Row "status write 409/500": logged, and `null` for every outcome.
  test('for an older version is refused, and says that somebody else was first', async ({
    fire,
    client,
    namespace,
  }) => {
    const operator = await fire.operator();
    const meta = await createIncident(client, namespace);
    const newer = await operator.setResourceStatus(meta, { phase: 'Responding', reports: {} });
    const refused = await operator
      .setResourceStatus(meta, { phase: 'Failed', reports: {} })
      .catch((error: unknown) => error);
    expect(isTestFailure(refused)).toBe(true);
    expect((await incidentOf(client, namespace)).status?.phase).toBe('Responding');
    expect(Number(newer.resourceVersion)).toBeGreaterThan(Number(meta.resourceVersion));
  });

  // Row "status write 409/500", and read in the library: a patch with a version conflicts whenever the object moved.
  test('by several writers at once keeps what each of them wrote', async ({ fire, client, namespace }) => {
    const operator = await fire.operator();
    const meta = await createIncident(client, namespace);
    const writers = ['r1', 'r2', 'r3', 'r4', 'r5'];
    await Promise.all(
      writers.map((key) => operator.patchResourceStatus(meta, { reports: { [key]: report } })),
    );
    const { status } = await incidentOf(client, namespace);
    expect(Object.keys(status?.reports ?? {}).toSorted()).toEqual(writers);
    expect(countOf(fire.requests, PATCH)).toBeGreaterThan(writers.length);
  });

  test('that meets a 409 is tried on the newest version if it is a patch, else passed on', async ({
    fire,
    client,
    namespace,
  }) => {
    const operator = await fire.operator();
    const meta = await createIncident(client, namespace);
    fire.strikes.push(answersWith(409, 'Conflict', PATCH, 2));
    await expect(operator.setResourceStatus(meta, { reports: {} })).rejects.toSatisfy(isConflict);
    await operator.patchResourceStatus(meta, { phase: 'Responding' });
    expect((await incidentOf(client, namespace)).status?.phase).toBe('Responding');
  });

  test('that meets a 500 rejects with it, since nobody knows whether it was carried out', async ({
    fire,
    client,
    namespace,
  }) => {
    const operator = await fire.operator();
    const meta = await createIncident(client, namespace);
    fire.strikes.push(answersWith(500, 'InternalError', PATCH, 2));
    for (const verb of ['setResourceStatus', 'patchResourceStatus'] as const)
      await expect(operator[verb](meta, { reports: {} })).rejects.toSatisfy(isUnavailable);
    expect(countOf(fire.requests, PATCH)).toBe(2);
  });
});

describe('a finalizer', () => {
  // Row "adding/removing the finalizer fails": swallowed, and `true`, that is, nothing more to do.
  test('that cannot be set or removed is an error, and the next try completes it', async ({
    fire,
    client,
    namespace,
  }) => {
    const operator = await fire.operator();
    const { uid } = await createIncident(client, namespace);
    const released: string[] = [];
    const release = async ({ meta }: ResourceEvent) => {
      released.push(meta.name);
      if (released.length === 1) throw new Error('what it guards is still there');
    };
    fire.strikes.push(answersWith(500, 'InternalError', PATCH));
    await operator.start();
    const onEvent = async (event: ResourceEvent) =>
      void (await operator.handleResourceFinalizer(event, FINALIZER, release));
    await operator.watchResource(GROUP, VERSION, 'driftincidents', onEvent, namespace);
    const finalizers = async () => (await incidentOf(client, namespace)).metadata.finalizers ?? [];
    await eventually('the finalizer', finalizers, (list) => list.includes(FINALIZER));
    await client.delete(DRIFT_INCIDENTS, { namespace, name: NAME }, uid);
    const isGone = () => incidentOf(client, namespace).then(() => false, isNotFound);
    await eventually('the deletion', isGone, (gone) => gone);
    expect(released).toEqual([NAME, NAME]);
    const warnings = fire.log.filter(({ level }) => level === 'warn').map(({ message }) => message);
    expect(warnings).toContainEqual(expect.stringContaining('500 InternalError'));
    expect(warnings).toContainEqual(expect.stringContaining('what it guards is still there'));
  });

  // Read in the library: the whole list is written without a version, so that finalizers of others are lost.
  test('of somebody else, set at the same moment, is kept', async ({ fire, client, namespace }) => {
    const operator = await fire.operator();
    const meta = await createIncident(client, namespace);
    const object = await incidentOf(client, namespace);
    const event = { type: 'ADDED', meta, object } as unknown as ResourceEvent;
    const theirs = { op: 'add', path: '/metadata/finalizers', value: ['example.dev/theirs'] } as const;
    await client.jsonPatch(DRIFT_INCIDENTS, { namespace, name: NAME }, [theirs]);
    expect(await operator.handleResourceFinalizer(event, FINALIZER, async () => {})).toBe(true);
    const { metadata } = await incidentOf(client, namespace);
    expect(metadata.finalizers).toEqual(['example.dev/theirs', FINALIZER]);
    const none = { op: 'remove', path: '/metadata/finalizers' } as const;
    await client.jsonPatch(DRIFT_INCIDENTS, { namespace, name: NAME }, [none]);
  });
});

describe('an operator', () => {
  // Rows "`stop()`" and "CRD already registered": the process ends at the stop, and start() throws the second time.
  test('stops without ending the process, and starts again with its definition registered', async ({
    access,
    fire,
    client,
    namespace,
  }) => {
    const plural = `widgets${namespace.replaceAll('-', '')}`;
    const file = join(access.folder, `${plural}.yaml`);
    await writeFile(file, widgetDefinition(plural));
    const told: string[] = [];
    const onEvent = async ({ type, meta }: ResourceEvent) => void told.push(`${type} ${meta.name}`);
    const part = { name: 'a part', start: untilAborted };
    const operator = await fire.operator(part);
    const maps = configMaps(client, namespace);
    for (const name of ['first', 'second']) {
      await operator.start();
      const { versions, ...definition } = await operator.registerCustomResourceDefinition(file);
      expect(definition).toEqual({ group: 'example.dev', plural });
      expect(versions.map((version) => version.name)).toEqual(['v1']);
      await operator.watchResource('', 'v1', 'configmaps', onEvent, namespace);
      await maps.create(name);
      await eventually(
        name,
        async () => told.includes(`ADDED ${name}`),
        (is) => is,
      );
      operator.stop();
      await operator.finished();
    }
    expect(fire.log.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.example.dev`;
    expect(await call(access, { method: 'DELETE', path })).toMatchObject({ status: 200 });
  });
});

const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

/** JSON is YAML. */
function widgetDefinition(plural: string): string {
  const schema = { openAPIV3Schema: { type: 'object' } };
  return JSON.stringify({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.example.dev` },
    spec: {
      group: 'example.dev',
      names: { plural, kind: `W${plural}` },
      scope: 'Namespaced',
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  });
}
