// What a ClusterDriftPolicy grants beyond collectors, by the operator's pods on a real node: an eviction that waits until the
// drift is confirmed, and commands in a pod that nobody else gets into.
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { CLUSTER_DRIFT_POLICIES, DRIFT_INCIDENTS, DRIFT_POLICIES } from '../../src/kube/resources.ts';
import { alertAbout } from '../support/alerts.ts';
import { aPolicy } from '../support/builders.ts';
import { kubectl } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';
import { applyComponent, removeComponent } from './support/components.ts';
import { restartResponder } from './support/installation.ts';
import type { RunningPod } from './support/node-test.ts';
import { plantedTest } from './support/planted-test.ts';

const PATIENCE_MS = 300_000;
const ENDED_MS = 150_000;
const CONTAIN = { name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate', 'Capture'] };
const PROTECTION = 'components/quarantine-protection';

const test = plantedTest
  .extend('policies', ({ client, namespace, operator, helpers }, { onCleanup }) => {
    const removed: (() => Promise<void>)[] = [];
    onCleanup(async () => void (await Promise.all(removed.map((remove) => remove()))));
    return async (changes: object, grants: object): Promise<void> => {
      expect([operator.receiverUrl, helpers]).toHaveLength(2);
      const { apiVersion, kind, spec } = aPolicy(changes);
      await client.create(
        DRIFT_POLICIES,
        { namespace },
        { apiVersion, kind, metadata: { name: 'web' }, spec },
      );
      const name = `grants-${namespace}`;
      const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
      const granting = { namespaceSelector, grants: { enforce: true, ...grants } };
      const body = { apiVersion, kind: 'ClusterDriftPolicy', metadata: { name }, spec: granting };
      const made = await client.create<KubeObject>(CLUSTER_DRIFT_POLICIES, {}, body);
      removed.push(() => client.delete(CLUSTER_DRIFT_POLICIES, { name }, made.metadata.uid));
    };
  })
  .extend('incidentOf', ({ client, namespace }) => {
    return async (pod: RunningPod, what: string, holds: (incident: DriftIncident) => boolean) => {
      const all = async () => (await client.list<DriftIncident>(DRIFT_INCIDENTS, { namespace })).items;
      const find = (found: DriftIncident[]) =>
        found.find((one) => one.spec.target.uid === pod.metadata.uid && holds(one));
      const incident = find(await eventually(what, all, (found) => find(found) !== undefined, ENDED_MS));
      if (incident === undefined) throw new Error('there is no incident');
      return incident;
    };
  })
  .extend('closed', async ({ access }, { onCleanup }): Promise<string> => {
    onCleanup(async () => {
      await removeComponent(access, PROTECTION);
      await removeComponent(access, 'components/exec-evidence');
    });
    await applyComponent(access, PROTECTION);
    await applyComponent(access, 'components/exec-evidence');
    await restartResponder(access);
    return PROTECTION;
  });

describe('an eviction that is to be confirmed', () => {
  test(
    'comes for a program that was dropped, and not for one of the image',
    { timeout: PATIENCE_MS },
    async ({ policies, deploy, exec, operator, incidentOf }) => {
      const replace = { name: 'replace', minSeverity: 'Warning', confirmed: true, actions: ['Evict'] };
      await policies({ responses: [CONTAIN, replace] }, { collectors: ['Filesystem'] });
      const [dropped, clean] = await deploy('web', 4);
      if (dropped === undefined || clean === undefined) throw new Error('a pod is missing');
      await exec(dropped, 'sh', '-c', 'cp /bin/busybox /tmp/sleep');
      const alert = (pod: RunningPod, path: string) =>
        operator.post(alertAbout(pod, { time: new Date().toISOString(), fields: { 'proc.exepath': path } }));
      await alert(dropped, '/tmp/sleep');
      await alert(clean, '/bin/busybox');
      const over = await incidentOf(dropped, 'it is resolved', ({ status }) => status?.phase === 'Resolved');
      expect(over.status?.confirmation).toMatchObject({
        state: 'Confirmed',
        path: '/tmp/sleep',
        kind: 'Added',
      });
      const kept = await incidentOf(
        clean,
        'it waits',
        ({ status }) => findCondition(status?.conditions, 'Ready')?.reason === 'NotConfirmed',
      );
      expect(kept.status?.confirmation).toMatchObject({ state: 'NotConfirmed' });
      expect(await exec(clean, 'echo', 'it runs')).toBe('it runs\n');
    },
  );
});

describe('a command in a quarantined pod', () => {
  test(
    'is run by the operator, kept as of low trust, and by nobody else',
    { timeout: PATIENCE_MS },
    async ({ access, closed, policies, deploy, operator, incidentOf, namespace }) => {
      expect(closed).toBe(PROTECTION);
      const command = { container: 'peer', command: ['sh', '-c', 'echo said; echo why >&2'] };
      await policies({ responses: [CONTAIN], evidence: { exec: [command] } }, { exec: true });
      const [suspect] = await deploy('web', 2);
      if (suspect === undefined) throw new Error('there is no pod');
      await operator.post(alertAbout(suspect, { time: new Date().toISOString() }));
      const { status } = await incidentOf(
        suspect,
        'it has evidence',
        (one) => one.status?.evidence !== undefined,
      );
      expect(status?.evidence?.problems).toEqual([]);
      const [responder] = await operator.pods('responder');
      const location = status?.evidence?.location ?? '';
      const read = (path: string) => {
        const script = "process.stdout.write(require('node:fs').readFileSync(process.argv[1]))";
        const args = [
          'exec',
          responder?.metadata.name ?? '',
          '--',
          'node',
          '-e',
          script,
          join(location, path),
        ];
        return kubectl(access, '-n', SYSTEM_NAMESPACE, ...args);
      };
      const { files } = JSON.parse(await read('manifest.json')) as {
        files: { path: string; trust?: string }[];
      };
      const said = files.filter(({ path }) => path.startsWith('exec/'));
      expect(said.map(({ trust }) => trust)).toEqual(said.map(() => 'low'));
      expect(await Promise.all(said.map(({ path }) => read(path)))).toEqual(
        expect.arrayContaining(['said\n', 'why\n']),
      );
      const binding = ['create', 'rolebinding', 'dev', '--clusterrole=admin', '--user=dev'];
      await kubectl(access, '-n', namespace, ...binding);
      const dev = ['--as=dev', '--as-group=system:authenticated', '-n', namespace];
      const { name } = suspect.metadata;
      const attempt = kubectl(access, ...dev, 'exec', name, '--', 'echo', 'ok').catch(String);
      expect(await attempt).toContain(`pod ${name} is quarantined: exec`);
    },
  );
});
