// What a policy asks of nodes against a real API server: as the responder's account, without helper pods, with those that may not
// read nodes, and with all that config/components has for it.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import { CAPTURE_NAMESPACE, HELPERS_CONFIGMAP } from '../../src/api/names.ts';
import type { ClusterDriftPolicy, Condition } from '../../src/api/policy.ts';
import { CLUSTER_DRIFT_POLICIES, CONFIG_MAPS } from '../../src/kube/resources.ts';
import type { ClusterAccess } from '../support/cluster-access.ts';
import { installedTest as test, refused } from '../support/installed-test.ts';
import { CONFIG, kubectl, type Component } from '../support/manifests.ts';
import type { World } from '../support/world.ts';

const PATIENCE_MS = 240_000;
const IMAGE = `registry.example/die-operator@sha256:${'a'.repeat(64)}`;
const SPEC = {
  mode: 'Enforce',
  comparison: { interval: '10m' },
  evidence: { collectors: ['Processes'] },
  responses: [
    { name: 'keep', actions: ['Label', 'Capture'] },
    { name: 'replace', minSeverity: 'Critical', confirmed: true, actions: ['Evict'] },
  ],
};
const NOT_CARRIED_OUT =
  'Not carried out: confirmed; comparison. Evidence has gaps without evidence.collectors Processes.';

async function add(access: ClusterAccess, component: Component): Promise<void> {
  const folder = join(CONFIG, component);
  const files = (await readdir(folder)).filter((name) => name !== 'kustomization.yaml');
  const named = files.toSorted((a, b) => Number(b === 'namespace.yaml') - Number(a === 'namespace.yaml'));
  const args = named.flatMap((name) => ['-f', join(folder, name)]);
  await kubectl(access, 'apply', '--server-side', '--force-conflicts', ...args);
}

/** Changes the policy, again each time that it was judged, until its Ready pleases: answers are shared for some seconds. */
async function readyAfterChange(
  { client, until }: Pick<World, 'client'> & { until: World['until'] },
  name: string,
  pleases: (ready: Condition) => boolean,
): Promise<Condition> {
  const last: Condition[] = [];
  const look = async () => {
    const { metadata, status } = await client.get<ClusterDriftPolicy>(CLUSTER_DRIFT_POLICIES, { name });
    if (status?.observedGeneration !== metadata.generation) return undefined;
    const ready = findCondition(status?.conditions, 'Ready');
    if (!ready || ready.reason === 'Preparing') return undefined;
    last.splice(0, 1, ready);
    if (pleases(ready)) return ready;
    const value = `generation-${metadata.generation}`;
    await client.jsonPatch(CLUSTER_DRIFT_POLICIES, { name }, [
      { op: 'replace', path: '/spec/responses/0/name', value },
    ]);
    return undefined;
  };
  return until('Ready is as it should be', look).catch((error: unknown) => {
    throw new Error(`it was last ${JSON.stringify(last)}`, { cause: error });
  });
}

describe('a policy that asks for comparisons, confirmations and evidence of the node', () => {
  test(
    'is not Ready until helper pods may do that, and says what to apply; nor any more once they may not',
    { timeout: PATIENCE_MS },
    async ({ access, client, flow, world }) => {
      const result = await flow('asks of nodes', 'overlays/enforce', async () => {
        const { metadata, status } = await world.clusterPolicy(SPEC);
        const ready = findCondition(status?.conditions, 'Ready');
        expect(ready).toMatchObject({ status: 'False', reason: 'CaptureUnavailable' });
        expect(ready?.message).toBe(
          `${NOT_CARRIED_OUT} die-operator lacks configmaps get, pods create in namespace die-operator-capture, and helpers.die-operator.dev run: apply config/components/helpers with the profile capture. die-operator lacks driftincidents.die-operator.dev create: apply config/components/comparison. This is noticed within 5 minutes.`,
        );

        const parts = { client, until: world.until.bind(world) };
        const becomes = (pleases: (ready: Condition) => boolean) =>
          readyAfterChange(parts, metadata.name, pleases);
        const allow = (profiles: string) =>
          client.jsonPatch(CONFIG_MAPS, { namespace: CAPTURE_NAMESPACE, name: HELPERS_CONFIGMAP }, [
            { op: 'add', path: '/data', value: { image: IMAGE, profiles } },
          ]);
        await add(access, 'components/helpers');
        await becomes(({ message }) => message.includes('image must be named by digest'));
        await allow('canary');
        await becomes(({ message }) => message.includes('Add capture to profiles of ConfigMap'));
        await add(access, 'components/comparison');
        const asked = await becomes(({ message }) => !message.includes('config/components/comparison'));
        expect(asked).toMatchObject({
          status: 'False',
          reason: 'CaptureUnavailable',
          message: `${NOT_CARRIED_OUT} Add capture to profiles of ConfigMap die-operator-capture/die-operator-helpers. This is noticed within 5 minutes.`,
        });

        await allow('canary, capture');
        expect(await becomes(({ status: is }) => is === 'True')).toMatchObject({ reason: 'Enforcing' });
        await allow('canary');
        expect(await becomes(({ status: is }) => is === 'False')).toMatchObject({
          reason: 'CaptureUnavailable',
        });
      });
      // What may not be read is not tried.
      expect(refused(result)).toEqual([]);
    },
  );
});
