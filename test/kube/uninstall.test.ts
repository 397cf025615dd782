// `die-operator uninstall` on a real API server with the real controllers: what an operator left that was killed is listed
// and taken back, and nothing else is touched. DIE_PRINT=1 prints what a person sees.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import {
  INCIDENT_ANNOTATION,
  QUARANTINE_LABEL,
  QUARANTINE_LIST,
  QUARANTINE_POLICY,
  SEVERITY_LABEL,
  SYSTEM_NAMESPACE,
} from '../../src/api/names.ts';
import { isAlreadyExists } from '../../src/kube/errors.ts';
import { CONFIG_MAPS, DRIFT_INCIDENTS, LEASES, NETWORK_POLICIES, PODS } from '../../src/kube/resources.ts';
import { make, POD_SPEC } from '../support/owner-world.ts';
import { abandoned, holdLease, uninstallTest as test, type Report } from '../support/uninstall-test.ts';
import type { World } from '../support/world.ts';

afterEach(() => {
  process.exitCode = undefined;
});

const kinds = (report: Report) => report.left.map(({ kind, by }) => `${kind} ${by}`).toSorted();

async function namesOf(world: World, resource: typeof PODS): Promise<string[]> {
  return (await world.list(resource)).map(({ metadata }) => metadata.name);
}

describe('after an operator that was killed', () => {
  test('lists what it left, takes it back byte for byte, and is at its end', async ({ world, person }) => {
    const { victim, incident } = await abandoned(world);
    // Its Lease is still there, and nobody renews it.
    await holdLease(world, person.leaseName, 2);
    const before = await person.report();
    expect(before.code).toBe(1);
    expect(kinds(before.report)).toEqual([
      'ConfigMap Clear',
      'DriftIncident Clear',
      'NetworkPolicy Clear',
      'Pod Clear',
    ]);
    expect(before.report.left[0]?.message).toBe(
      `is quarantined; DriftIncident ${incident.metadata.name} puts it back as it was, byte for byte`,
    );
    if (process.env['DIE_PRINT']) process.stdout.write(`\n${(await person.run()).out}`);

    const { out, err, code } = await person.run('--clear', '--yes');
    if (process.env['DIE_PRINT']) process.stdout.write(`\n${out}${err}`);
    expect(code).toBe(0);
    expect(out).not.toContain('FAILED');
    expect(out).toMatch(/nothing is left\n$/);

    const pod = await world.until('its ReplicaSet has two pods again, with this one', async () => {
      const pods = await world.list(PODS);
      const same = pods.find(({ metadata }) => metadata.uid === victim.metadata.uid);
      return pods.length === 2 && same?.metadata.ownerReferences ? same : undefined;
    });
    expect(JSON.stringify(pod.metadata.labels)).toBe(JSON.stringify(victim.metadata.labels));
    expect(pod.metadata.annotations ?? {}).toEqual(victim.metadata.annotations ?? {});
    expect(pod.metadata.ownerReferences).toEqual(victim.metadata.ownerReferences);
    const [ended] = await world.list<DriftIncident>(DRIFT_INCIDENTS);
    expect(ended?.metadata.finalizers ?? []).toEqual([]);
    expect(ended?.spec.decision).toMatchObject({ action: 'Release', by: expect.stringMatching(/^remover-/) });
    expect(await namesOf(world, NETWORK_POLICIES)).not.toContain(QUARANTINE_POLICY);
    expect(await namesOf(world, CONFIG_MAPS)).not.toContain(QUARANTINE_LIST);

    const again = await person.report('--clear', '--yes');
    expect(again).toMatchObject({ code: 0, err: '', report: { left: [], cleared: [] } });
  });

  test('an operator that comes back ends the incident, and isolates nothing', async ({ world, person }) => {
    const { victim } = await abandoned(world);
    expect((await person.run('--clear', '--yes')).code).toBe(0);
    const operator = await world.operator();
    await world.incident('that is over', (i) => i.status?.phase === 'Released');
    expect(operator.writes.filter(({ path }) => path.includes('/pods/'))).toEqual([]);
    const labels = (await world.pod(victim.metadata.name))?.metadata.labels;
    expect(labels).toEqual(victim.metadata.labels);
  });

  test('a run that died before its ReplicaSet had settled is taken up by the next', async ({
    world,
    person,
  }) => {
    const { victim, incident } = await abandoned(world);
    const at = { namespace: world.namespace, name: incident.metadata.name };
    const decision = { action: 'Release', by: 'ann', reason: 'as the run that died had written' };
    await world.client.jsonPatch(DRIFT_INCIDENTS, at, [
      { op: 'add', path: '/spec/decision', value: decision },
    ]);
    const { metadata } = (await world.pod(victim.metadata.name)) ?? victim;
    const labels = { ...victim.metadata.labels };
    const cost = '/metadata/annotations/controller.kubernetes.io~1pod-deletion-cost';
    await world.client.jsonPatch(PODS, { namespace: world.namespace, name: metadata.name }, [
      { op: 'add', path: '/metadata/labels', value: labels },
      { op: 'add', path: cost, value: '2147483647' },
    ]);
    const { report, code } = await person.report('--clear', '--yes');
    expect({ code, left: report.left }).toEqual({ code: 0, left: [] });
    const pod = await world.pod(victim.metadata.name);
    expect(pod?.metadata.annotations ?? {}).toEqual(victim.metadata.annotations ?? {});
    expect(pod?.metadata.labels).toEqual(victim.metadata.labels);
  });

  test('the program itself waits until the Lease has run out, and clears', async ({ world, person }) => {
    const { victim } = await abandoned(world);
    await holdLease(world, person.leaseName, 2);
    const program = join(import.meta.dirname, '../../bin/die-operator.js');
    const args = [program, 'uninstall', ...person.args, '--clear', '--yes'];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(stdout).toMatch(/nothing is left\n$/);
    expect((await world.pod(victim.metadata.name))?.metadata.labels).toEqual(victim.metadata.labels);
  });

  test('an incident that is being deleted lets go, and its pod lives', async ({ world, person }) => {
    const { victim, incident } = await abandoned(world);
    const { name, uid } = incident.metadata;
    await world.client.delete(DRIFT_INCIDENTS, { namespace: world.namespace, name }, uid);
    const { code } = await person.run('--clear', '--yes');
    expect(code).toBe(0);
    expect(await namesOf(world, DRIFT_INCIDENTS)).toEqual([]);
    expect((await world.pod(victim.metadata.name))?.metadata.uid).toBe(victim.metadata.uid);
  });
});

/** Changes the Lease again and again. */
async function renew(world: World, name: string, signal: AbortSignal): Promise<void> {
  const at = { namespace: SYSTEM_NAMESPACE, name };
  for (let value = 1; !signal.aborted; value++) {
    await world.client.jsonPatch(LEASES, at, [{ op: 'add', path: '/spec/leaseTransitions', value }]);
    await world.parts.tick();
  }
}

describe('refuses', () => {
  test('while somebody renews the Lease, and changes nothing', async ({ world, person }) => {
    const { victim } = await abandoned(world);
    await holdLease(world, person.leaseName, 5);
    const over = new AbortController();
    const renewing = renew(world, person.leaseName, over.signal);
    const before = await world.pod(victim.metadata.name);
    const { err, code } = await person.run('--clear', '--yes');
    over.abort();
    await renewing;
    expect(code).toBe(2);
    expect(err).toContain('responder responder-1 leads, and would undo this: kubectl scale deployment');
    const after = await world.pod(victim.metadata.name);
    expect(after?.metadata.resourceVersion).toBe(before?.metadata.resourceVersion);
  });

  test('without a word from a person', async ({ world, person }) => {
    const { victim } = await abandoned(world);
    const { err, code } = await person.run('--clear');
    expect(code).toBe(2);
    expect(err).toMatch(/^die-operator: this is the cluster at https:\/\/\S+\n/);
    expect(err).toContain('not confirmed');
    expect((await world.pod(victim.metadata.name))?.metadata.labels).toHaveProperty([QUARANTINE_LABEL]);
  });
});

describe('leaves alone, and lists,', () => {
  test('a later pod of the name, whatever is written on it', async ({ world, person }) => {
    const { victim, incident } = await abandoned(world);
    const { namespace } = world;
    const { name, uid } = victim.metadata;
    await world.client.delete(PODS, { namespace, name }, uid, { gracePeriodSeconds: 0 });
    const labels = { [QUARANTINE_LABEL]: 'true', mine: 'yes' };
    const annotations = { [INCIDENT_ANNOTATION]: incident.metadata.name };
    const other = await world.until('another pod of the name', () =>
      make(world, PODS, { metadata: { name, labels, annotations }, spec: POD_SPEC }).catch(
        (error: unknown) => {
          if (!isAlreadyExists(error)) throw error;
          return undefined;
        },
      ),
    );
    const { report, code } = await person.report('--clear', '--yes');
    expect(code).toBe(1);
    const pod = await world.pod(name);
    expect(pod?.metadata).toMatchObject({ uid: other.metadata.uid, labels, annotations });
    expect(report.left).toMatchObject([
      { kind: 'Pod', name, by: 'Person', cure: `delete it: kubectl delete pod ${name} -n ${namespace}` },
      { kind: 'NetworkPolicy', by: 'Person' },
      { kind: 'ConfigMap', by: 'Person' },
    ]);
    const [kept] = await world.list<DriftIncident>(DRIFT_INCIDENTS);
    expect(kept?.metadata.finalizers ?? []).toEqual([]);
  });

  test('a stray that nothing tells of, with its deny policy, while the others are released', async ({
    world,
    person,
  }) => {
    const { victim } = await abandoned(world);
    const labels = { app: 'other', [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'error' };
    await make(world, PODS, { metadata: { name: 'stray', labels }, spec: POD_SPEC });
    const { report, code } = await person.report('--clear', '--yes');
    expect(code).toBe(1);
    expect((await world.pod('stray'))?.metadata.labels).toEqual(labels);
    expect(report.cleared?.map(({ kind, done }) => `${kind} ${done}`)).toEqual([
      'Pod true',
      'DriftIncident true',
    ]);
    expect(kinds(report)).toEqual(['ConfigMap Person', 'NetworkPolicy Person', 'Pod Person']);
    expect(report.left[0]).toMatchObject({ name: 'stray', message: expect.stringContaining('by hand') });
    expect((await world.pod(victim.metadata.name))?.metadata.labels).toEqual(victim.metadata.labels);
  });
});
