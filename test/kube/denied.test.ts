// What becomes of an isolation whose relabel an admission policy refuses, as those that demand labels do, and of its release.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { QUARANTINE_LABEL, SEVERITY_LABEL } from '../../src/api/names.ts';
import { PODS } from '../../src/kube/resources.ts';
import { call, type ClusterAccess } from '../support/cluster-access.ts';
import { decideRelease, drift, ISOLATE, ownerTest, read, resting } from '../support/owner-world.ts';
import type { World } from '../support/world.ts';

const ADMISSION = '/apis/admissionregistration.k8s.io/v1';
const KINDS = [
  ['validatingadmissionpolicies', 'ValidatingAdmissionPolicy'],
  ['validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding'],
] as const;

/** `demanded`: puts up a policy that refuses pods of the world without the label `app`, and takes it down again. */
const test = ownerTest.extend('demand', ({ access, namespace }, { onCleanup }) => {
  const name = `labels-${namespace}`;
  onCleanup(async () => {
    for (const [plural] of KINDS)
      await call(access, { method: 'DELETE', path: `${ADMISSION}/${plural}/${name}` });
  });
  return async (world: World, reason: 'Forbidden' | undefined): Promise<string> => {
    const rule = { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['UPDATE'] };
    await post(access, 0, name, {
      failurePolicy: 'Fail',
      matchConstraints: { resourceRules: [rule] },
      validations: [
        {
          expression: "'app' in object.metadata.?labels.orValue({})",
          message: 'every pod needs the label app',
          ...(reason && { reason }),
        },
      ],
    });
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': world.namespace } };
    await post(access, 1, name, {
      policyName: name,
      validationActions: ['Deny'],
      matchResources: { namespaceSelector },
    });
    return name;
  };
});

async function post(access: ClusterAccess, kind: 0 | 1, name: string, spec: object): Promise<void> {
  const [plural, of] = KINDS[kind];
  const body = { apiVersion: 'admissionregistration.k8s.io/v1', kind: of, metadata: { name }, spec };
  expect(await call(access, { method: 'POST', path: `${ADMISSION}/${plural}`, body })).toMatchObject({
    status: 201,
  });
}

/** The API server takes a moment to obey a new policy. */
async function enforced(world: World, { metadata: { name } }: KubeObject): Promise<void> {
  const at = { namespace: world.namespace, name };
  const patch = [{ op: 'remove', path: '/metadata/labels' }] as const;
  await world.until('the policy refuses', async () => {
    try {
      await world.client.jsonPatch(PODS, at, [...patch], { dryRun: true });
      return undefined;
    } catch {
      return true;
    }
  });
}

describe('an admission policy that demands labels', () => {
  test.for([
    ['as by default', undefined],
    ['as forbidden', 'Forbidden'],
  ] as const)(
    'that refuses %s leaves the gentle form, at once, and is named',
    async (given, { world, demand }) => {
      const [, reason] = given;
      const [victim] = await world.deployment(2);
      if (!victim) throw new Error('there is no pod');
      const policy = await demand(world, reason);
      await enforced(world, victim);
      const operator = await drift(world, victim, ISOLATE);
      const incident = await resting(world, 'Quarantined');
      expect(incident.status?.isolation).toMatchObject({ form: 'Gentle', deniedBy: policy });
      const step = incident.status?.steps?.find(({ name }) => name === 'Isolate');
      expect(step).toMatchObject({ state: 'Succeeded', attempts: 1 });
      expect(step?.message).toContain(`${policy} refused to take the labels away`);
      expect(step?.message).toContain('every pod needs the label app');

      const patches = operator.writes.filter(
        ({ method, path }) => method === 'PATCH' && path.includes('/pods/'),
      );
      expect(patches.map(({ status }) => status)).toEqual([reason ? 403 : 422, 200]);
      const { labels, ownerReferences } = victim.metadata;
      const pod = await read(world, PODS, victim.metadata.name);
      expect(pod.metadata).toMatchObject({ uid: victim.metadata.uid, ownerReferences });
      expect(pod.metadata.labels).toEqual({
        ...labels,
        [QUARANTINE_LABEL]: 'true',
        [SEVERITY_LABEL]: 'critical',
      });

      await decideRelease(world, incident);
      await world.incident(
        'released',
        (i) => i.status?.phase === 'Released' && !i.metadata.finalizers?.length,
      );
      const released = await read(world, PODS, victim.metadata.name);
      expect(marksOf(released)).toBe(marksOf(victim));
    },
  );
});

function marksOf({ metadata: { labels, annotations = {}, ownerReferences } }: KubeObject): string {
  return JSON.stringify({ labels, annotations, ownerReferences });
}
