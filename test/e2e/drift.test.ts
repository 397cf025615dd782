// A program is dropped into a running container and started; the alert about it reaches the operator's pods, as config/
// installs them, and is answered until a clean pod has taken the place of this one.
import { describe, expect } from 'vitest';
import { isFinal, type DriftIncident } from '../../src/api/incident.ts';
import { PAUSED_KEY, SWITCH_CONFIGMAP, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { DRIFT_INCIDENTS, DRIFT_POLICIES, PODS } from '../../src/kube/resources.ts';
import { alertAbout } from '../support/alerts.ts';
import { aPolicy } from '../support/builders.ts';
import { kubectl } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';
import type { RunningPod } from './support/node-test.ts';
import { operatorTest } from './support/operator-test.ts';

/** Named after an applet: busybox is by its name what it is. */
const DROP =
  'cp /bin/busybox /tmp/sleep && chmod 755 /tmp/sleep && (setsid /tmp/sleep 900 </dev/null >/dev/null 2>&1 &)';
const RESOLVED_MS = 100_000;
/** With the installation, on a busy machine. */
const TIMEOUT = { timeout: 300_000 };
const INTAKE_ANSWER = { status: 202, body: { outcome: 'Opened' } };

const test = operatorTest
  .extend('incident', ({ client, namespace }) => {
    return async (what: string, pleases: (incident: DriftIncident) => boolean): Promise<DriftIncident> => {
      const incidents = async () => (await client.list<DriftIncident>(DRIFT_INCIDENTS, { namespace })).items;
      const isThere = ([first]: DriftIncident[]) => first !== undefined && pleases(first);
      const [incident] = await eventually(what, incidents, isThere, RESOLVED_MS);
      if (incident === undefined) throw new Error('there is no incident');
      return incident;
    };
  })
  .extend('drifted', async ({ client, namespace, deploy, exec }): Promise<RunningPod> => {
    const { apiVersion, kind, spec } = aPolicy();
    await client.create(DRIFT_POLICIES, { namespace }, { apiVersion, kind, metadata: { name: 'web' }, spec });
    const [suspect] = await deploy('web', 3);
    if (suspect === undefined) throw new Error('there is no pod');
    await exec(suspect, 'sh', '-c', DROP);
    expect(await exec(suspect, 'ps')).toContain('/tmp/sleep 900');
    return suspect;
  })
  .extend('pause', ({ access }, { onCleanup }) => {
    const map = ['-n', SYSTEM_NAMESPACE, 'configmap', SWITCH_CONFIGMAP] as const;
    const resume = () => kubectl(access, 'delete', ...map, '--ignore-not-found');
    onCleanup(async () => void (await resume()));
    const pause = () => kubectl(access, 'create', ...map, `--from-literal=${PAUSED_KEY}=true`);
    return { pause, resume };
  });

function alertOn(pod: RunningPod): object {
  const fields = { 'proc.exepath': '/tmp/sleep', 'proc.name': 'sleep' };
  return alertAbout(pod, { time: new Date().toISOString(), fields });
}

describe('a program dropped into one of three pods', () => {
  test(
    'is answered with evidence and a clean pod',
    TIMEOUT,
    async ({ client, namespace, images, operator, drifted, incident }) => {
      expect(await operator.post(alertOn(drifted))).toMatchObject(INTAKE_ANSWER);

      const { spec, status } = await incident('it is over', isFinal);
      expect(spec.target).toMatchObject({ name: drifted.metadata.name, uid: drifted.metadata.uid });
      expect(status).toMatchObject({
        phase: 'Resolved',
        plan: { steps: ['Isolate', 'Capture', 'Evict', 'Verify'] },
        evidence: { problems: [] },
        replacement: { images: [{ imageID: images.peer, proof: 'Pinned' }] },
      });

      const after = (await client.list<RunningPod>(PODS, { namespace })).items;
      const names = after.map(({ metadata }) => metadata.name);
      expect(names).not.toContain(drifted.metadata.name);
      expect(names).toHaveLength(3);
      expect(names).toContain(status?.replacement?.name);

      const { location = '', manifestSha256 = '' } = status?.evidence ?? {};
      const [responder] = await operator.pods('responder');
      if (responder === undefined) throw new Error('there is no responder');
      const verified = await operator.program(
        responder,
        'evidence',
        'verify',
        location,
        '--sha256',
        manifestSha256,
      );
      expect(verified).toContain('whole');
    },
  );

  test(
    'is answered to the end when the responder is replaced midway',
    TIMEOUT,
    async ({ access, operator, drifted, incident, pause }) => {
      await pause.pause();
      expect(await operator.post(alertOn(drifted))).toMatchObject(INTAKE_ANSWER);
      const { status } = await incident('the pause holds it', (now) => now.status?.phase === 'Quarantined');
      expect(status?.conditions).toContainEqual(expect.objectContaining({ reason: 'Paused' }));

      const [responder] = await operator.pods('responder');
      await kubectl(access, '-n', SYSTEM_NAMESPACE, 'delete', 'pod', responder?.metadata.name ?? '');
      await pause.resume();
      const after = await incident('it is over', isFinal);
      expect(after.status).toMatchObject({ phase: 'Resolved' });
      expect(after.status?.steps?.filter(({ name }) => name === 'Isolate')).toEqual(
        status?.steps?.filter(({ name }) => name === 'Isolate'),
      );
    },
  );
});
