// The pause switch is one for the whole cluster: this file runs when no other one does (vitest.config.ts).
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import { PAUSED_KEY, SWITCH_CONFIGMAP, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { isAlreadyExists } from '../../src/kube/errors.ts';
import { CONFIG_MAPS, NAMESPACES } from '../../src/kube/resources.ts';
import { flowTest as test } from '../support/flow-test.ts';
import type { World } from '../support/world.ts';

describe('the pause switch', () => {
  test('stops the eviction, not the isolation, and lets go when it is off', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy();
    const at = await setSwitch(world, 'true');
    try {
      await operator.post(world.alert(victim));
      const paused = await world.incident(
        'that is paused',
        (i) => findCondition(i.status?.conditions, 'Ready')?.reason === 'Paused',
      );
      expect(paused.status?.isolation?.form).toBe('Orphan');
      expect(operator.writes.some(({ path }) => path.includes('/eviction'))).toBe(false);
    } finally {
      await world.client.delete(
        CONFIG_MAPS,
        { namespace: SYSTEM_NAMESPACE, name: SWITCH_CONFIGMAP },
        at.metadata.uid,
      );
    }
    await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
  });

  test('lets go of a pod whose evidence is lost meanwhile only when it is captured once more', async ({
    world,
  }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy();
    const at = await setSwitch(world, 'true');
    try {
      await operator.post(world.alert(victim));
      const { metadata } = await world.incident('with evidence', (i) => i.status?.evidence !== undefined);
      operator.evidence.lose(metadata.uid);
    } finally {
      await world.client.delete(
        CONFIG_MAPS,
        { namespace: SYSTEM_NAMESPACE, name: SWITCH_CONFIGMAP },
        at.metadata.uid,
      );
    }
    const { metadata, status } = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(status?.evidence).toMatchObject({ round: 2, missing: [] });
    expect(status?.evidence).not.toHaveProperty('lostAt');
    expect(operator.evidence.manifest(metadata.uid)?.incident.round).toBe(2);
    expect(findCondition(status?.conditions, 'EvidenceComplete')?.status).toBe('True');
  });
});

async function setSwitch({ client }: World, value: string): Promise<KubeObject> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE } };
  await client.create(NAMESPACES, {}, namespace).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
  const metadata = { name: SWITCH_CONFIGMAP, namespace: SYSTEM_NAMESPACE };
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [PAUSED_KEY]: value } };
  return client.create(CONFIG_MAPS, { namespace: SYSTEM_NAMESPACE }, body);
}
