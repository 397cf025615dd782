// Whole responses where the quarantine is protected, with the rights of config/overlays/enforce and of the component: the
// operator itself keeps the lists, nothing is forbidden to it, and others are kept out while it holds a pod.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import { QUARANTINE_LIST } from '../../src/api/names.ts';
import { DRIFT_INCIDENTS } from '../../src/kube/resources.ts';
import { readClusterList, readNamespaceList } from '../../src/respond/quarantine-list.ts';
import { refused } from '../support/installed-test.ts';
import { denier, isDenied, protectedTest as test } from '../support/protected-test.ts';
import { dry, eviction } from '../support/quarantine-requests.ts';

const CONTAIN = { responses: [{ name: 'contain', actions: ['Label', 'Isolate', 'Capture'] }] };

describe('a response where the quarantine is protected', () => {
  test('lists the pod before it isolates it, keeps others out, lets a drain in after the evidence, and cleans up', async ({
    flow,
    world,
    does,
    client,
    namespace,
  }) => {
    const result = await flow('protected', 'overlays/enforce', async ({ receiver }) => {
      const victim = await world.victim(3);
      const { name, uid } = victim.metadata;
      await world.policy(CONTAIN);
      await receiver.post(world.alert(victim));
      const incident = await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
      const exec = await does('dev', { method: 'GET', path: `pods/${name}/exec?command=id&stdout=true` });
      expect([isDenied(exec), denier(exec)]).toEqual([true, 'access']);
      const remove = await does('dev', {
        method: 'PATCH',
        path: dry(`pods/${name}`),
        contentType: 'application/merge-patch+json',
        body: { metadata: { labels: { 'die-operator.dev/quarantine': null } } },
      });
      expect([isDenied(remove), denier(remove)]).toEqual([true, 'label']);

      await world.until('a drain may take it', async () =>
        (await readNamespaceList(client, namespace))[name] === `Drainable ${uid}` ? true : undefined,
      );
      const kinds = async () => {
        const { status } = await client.get<DriftIncident>(DRIFT_INCIDENTS, {
          namespace,
          name: incident.metadata.name,
        });
        return status?.isolation?.paths?.map(({ kind }) => kind);
      };
      expect(await kinds()).not.toContain('Exec');
      await world.until('the API server knows', async () =>
        (await does('dev', eviction(name))).status === 201 ? true : undefined,
      );
      expect(await readClusterList(client)).toEqual({ [uid]: `${namespace}/${name}` });

      await client.jsonPatch(DRIFT_INCIDENTS, { namespace, name: incident.metadata.name }, [
        {
          op: 'add',
          path: '/spec/decision',
          value: { action: 'Release', by: 'admin', reason: 'a false alarm' },
        },
      ]);
      await world.incident('that is released', (i) => i.status?.phase === 'Released');
      await world.until('the lists are empty', async () => {
        const lists = { ...(await readNamespaceList(client, namespace)), ...(await readClusterList(client)) };
        return Object.keys(lists).length === 0 ? true : undefined;
      });
    });
    expect(refused(result)).toEqual([]);
    const writes = result.calls.map(({ verb, resource, name }) => `${verb} ${resource} ${name}`);
    const listed = writes.findIndex((write) => write.includes(` configmaps ${QUARANTINE_LIST}`));
    const patched = writes.findIndex((write) => write.startsWith('patch pods '));
    expect(listed).toBeGreaterThanOrEqual(0);
    expect(patched).toBeGreaterThan(listed);
  });

  test('evicts and replaces the pod as everywhere', async ({ flow, world, client, namespace }) => {
    const result = await flow('protected eviction', 'overlays/enforce', async ({ receiver }) => {
      const victim = await world.victim(3);
      await world.policy();
      await receiver.post(world.alert(victim));
      await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
      await world.until('the list is empty', async () =>
        Object.keys(await readNamespaceList(client, namespace)).length === 0 ? true : undefined,
      );
    });
    expect(refused(result)).toEqual([]);
  });
});
