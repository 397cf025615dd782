// A program is dropped into a running container and started; the alert about it is answered by the operator's processes,
// each with the rights of its service account, until a clean pod has taken the place of this one.
import { readdir } from 'node:fs/promises';
import { describe, expect } from 'vitest';
import { isFinal, type DriftIncident } from '../../src/api/incident.ts';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { DRIFT_INCIDENTS, DRIFT_POLICIES, PODS } from '../../src/kube/resources.ts';
import { alertAbout } from '../support/alerts.ts';
import { aPolicy } from '../support/builders.ts';
import { Fleet, postTo } from '../support/fleet.ts';
import { install } from '../support/installed-test.ts';
import { kubectl } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';
import { createRunFolder } from '../support/run-folder.ts';
import { nodeTest, type RunningPod } from './support/node-test.ts';

/** Named after an applet: busybox is by its name what it is. */
const DROP =
  'cp /bin/busybox /tmp/sleep && chmod 755 /tmp/sleep && (setsid /tmp/sleep 900 </dev/null >/dev/null 2>&1 &)';
const RESOLVED_MS = 100_000;

const test = nodeTest
  .extend('installed', { scope: 'test' }, async ({ access, client }) => {
    await install(access, client, 'overlays/enforce');
    // Their image is not in the node's registry: the same program runs beside the cluster.
    await kubectl(access, '-n', SYSTEM_NAMESPACE, 'scale', 'deployment', '--all', '--replicas=0');
    return access;
  })
  .extend('fleet', ({ installed }, { onCleanup }): Fleet => {
    const run = createRunFolder();
    const fleet = new Fleet(installed, run);
    onCleanup(async () => {
      await fleet.end();
      await run.remove();
    });
    return fleet;
  });

describe('a program dropped into one of three pods', () => {
  test('is answered with evidence and a clean pod', async ({
    client,
    namespace,
    deploy,
    exec,
    fleet,
    images,
  }) => {
    const namespaces = [namespace];
    const [receiver] = await Promise.all([
      fleet.start({ name: `${namespace}-receiver`, role: 'receiver', namespaces }),
      fleet.start({ name: `${namespace}-responder`, role: 'responder', namespaces }),
    ]);
    const { apiVersion, kind, spec } = aPolicy();
    await client.create(DRIFT_POLICIES, { namespace }, { apiVersion, kind, metadata: { name: 'web' }, spec });
    const pods = await deploy('web', 3);
    const [suspect] = pods;
    if (suspect === undefined) throw new Error('there is no pod');
    await exec(suspect, 'sh', '-c', DROP);
    expect(await exec(suspect, 'ps')).toContain('/tmp/sleep 900');

    const fields = { 'proc.exepath': '/tmp/sleep', 'proc.name': 'sleep' };
    const { status } = await postTo(
      receiver,
      alertAbout(suspect, { time: new Date().toISOString(), fields }),
    );
    expect(status).toBe(202);

    const incidents = async () => (await client.list<DriftIncident>(DRIFT_INCIDENTS, { namespace })).items;
    const [incident] = await eventually(
      'the incident is over',
      incidents,
      ([first]) => first !== undefined && isFinal(first),
      RESOLVED_MS,
    );
    expect(incident?.spec.target).toMatchObject({ name: suspect.metadata.name, uid: suspect.metadata.uid });
    expect(incident?.status).toMatchObject({
      phase: 'Resolved',
      plan: { steps: ['Isolate', 'Capture', 'Evict', 'Verify'] },
      evidence: { problems: [] },
      replacement: { images: [{ imageID: images.peer, proof: 'Pinned' }] },
    });
    expect(await readdir(incident?.status?.evidence?.location ?? '')).toContain('manifest.json');

    const after = (await client.list<RunningPod>(PODS, { namespace })).items;
    const names = after.map(({ metadata }) => metadata.name);
    expect(names).not.toContain(suspect.metadata.name);
    expect(names).toHaveLength(3);
    expect(names).toContain(incident?.status?.replacement?.name);
  });
});
