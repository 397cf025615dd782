// Detectors besides Falco on a real node: an image whose tag was moved, a container that was added, and alerts of Microsoft
// Defender in each form, as a person would meet them.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { DriftIncident } from '../../src/api/incident.ts';
import { SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import type { DriftPolicy } from '../../src/api/policy.ts';
import { VERIFICATION_RULES } from '../../src/detect/verification.ts';
import { DEPLOYMENTS, DRIFT_INCIDENTS, DRIFT_POLICIES, PODS } from '../../src/kube/resources.ts';
import { CLUSTER } from '../support/defender-alerts.ts';
import { kubectl } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';
import { applyComponent, removeComponent } from './support/components.ts';
import { REGISTRY } from './support/node-config.ts';
import { isReady, type RunningPod } from './support/node-test.ts';
import { tableTest } from './support/table.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/die-operator.js');
const FORMS = join(import.meta.dirname, '../fixtures/defender');
const COMPONENT = 'components/verification';
const TIMEOUT = { timeout: 300_000 };
const VERIFIES = {
  responses: [{ name: 'note', minSeverity: 'Notice', actions: ['Label'] }],
  verification: { interval: '1m' },
};

const test = tableTest
  .extend('verification', async ({ access, operator }, { onCleanup }) => {
    expect(operator.receiverUrl).toContain('https:');
    onCleanup(() => removeComponent(access, COMPONENT));
    await applyComponent(access, COMPONENT);
    return COMPONENT;
  })
  // What `verify-images` prints for this namespace, and its exit code.
  .extend('verifyImages', ({ access, namespace }) => async (...options: string[]) => {
    const args = ['verify-images', '-n', namespace, '--kubeconfig', access.adminKubeconfig, ...options];
    const run = promisify(execFile)(process.execPath, [PROGRAM, ...args]);
    const ended = run.then(({ stdout: text }) => ({ stdout: text, code: 0 }));
    const { stdout, code } = await ended.catch((error: unknown) => error as { stdout: string; code: number });
    if (process.env['DIE_PRINT'] === '1') process.stdout.write(`${stdout}\nexit code ${code}\n`);
    return { stdout, code };
  })
  .extend(
    'verifiedIs',
    ({ client, namespace }) =>
      (reason: string) =>
        eventually(
          `Verified ${reason}`,
          async () => {
            const { status } = await client.get<DriftPolicy>(DRIFT_POLICIES, { namespace, name: 'web' });
            return findCondition(status?.conditions, 'Verified');
          },
          (condition) => condition?.reason === reason,
          120_000,
        ),
  );

describe('a tag that was moved', () => {
  test(
    'is found by the pods of one ReplicaSet, without any registry being asked, and told by verify-images',
    TIMEOUT,
    async ({
      verification,
      policy,
      start,
      incidentOf,
      verifiedIs,
      verifyImages,
      node,
      images,
      client,
      namespace,
    }) => {
      const tag = `${REGISTRY}/peer:${namespace}`;
      const platform = `linux/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
      const crane = (...args: string[]) => node.run('crane', ...args, '--platform', platform);
      await crane('copy', images.peer, tag);
      expect(verification).toBe(COMPONENT);
      await policy(VERIFIES);
      const containers = [{ name: 'peer', image: tag, imagePullPolicy: 'Always' }];
      const spec = {
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { terminationGracePeriodSeconds: 1, containers },
        },
      };
      await start({ kind: 'Deployment', name: 'web', replicas: 2, spec });
      await verifiedIs('MutableTag');
      expect(await verifyImages()).toMatchObject({ code: 0, stdout: expect.stringContaining('MutableTag') });

      await crane('mutate', tag, '--env', 'MOVED=1', '--set-platform', platform, '-t', tag);
      const before = (await client.list<RunningPod>(PODS, { namespace })).items.map(
        ({ metadata }) => metadata.uid,
      );
      const where = { namespace, name: 'web' };
      await client.jsonPatch(DEPLOYMENTS, where, [{ op: 'replace', path: '/spec/replicas', value: 3 }]);
      const list = async () => (await client.list<RunningPod>(PODS, { namespace })).items;
      const pods = await eventually(
        'three Ready pods',
        list,
        (all) => all.filter(isReady).length === 3,
        60_000,
      );
      const late = pods.find(({ metadata }) => !before.includes(metadata.uid));
      if (!late) throw new Error('there is no third pod');
      const incident = await incidentOf(late, 'it is open', () => true);
      expect(incident.spec.trigger.detection).toMatchObject({
        source: 'Digest',
        rule: VERIFICATION_RULES.image,
        severity: 'Error',
      });
      expect((await verifiedIs('Unapproved'))?.status).toBe('False');
      const told = await verifyImages();
      expect(told.code).toBe(1);
      expect(told.stdout).toContain(late.metadata.name);
    },
  );
});

describe('a container for debugging', () => {
  test(
    'is found beside those of the template',
    TIMEOUT,
    async ({
      verification,
      policy,
      start,
      incidentOf,
      verifiedIs,
      verifyImages,
      images,
      access,
      namespace,
    }) => {
      expect(verification).toBe(COMPONENT);
      await policy(VERIFIES);
      const podOf = await start({ kind: 'Deployment', name: 'web', replicas: 2 });
      const pod = podOf('web');
      const debug = [
        'debug',
        pod.metadata.name,
        `--image=${images.peer}`,
        '--container=visitor',
        '--profile=general',
      ];
      await kubectl(access, '-n', namespace, ...debug);
      const incident = await incidentOf(pod, 'it is open', () => true);
      expect(incident.spec.trigger.detection).toMatchObject({
        source: 'Configuration',
        rule: VERIFICATION_RULES.container,
        message: expect.stringContaining('visitor'),
      });
      await verifiedIs('ConfigurationDrift');
      expect(await verifyImages()).toMatchObject({ code: 1, stdout: expect.stringContaining('visitor') });
    },
  );
});

/** A form of the constructed alert, about this pod, told now; each form as an alert of its own. */
function formOf(file: string, { metadata: { name, namespace = '' } }: RunningPod): object {
  const text = readFileSync(join(FORMS, file), 'utf8');
  const now = new Date().toISOString();
  return JSON.parse(
    text
      .replaceAll('2026-11-21T23:50:00.1234567', now.slice(0, -1))
      .replaceAll('2516543210987654321', file.replaceAll(/\W/g, ''))
      // Some are JSON in a text.
      .replaceAll(/("[Nn]ame(?:\\)?":\s?\\?")cart-0/g, `$1${name}`)
      .replaceAll(/("[Nn]ame(?:\\)?":\s?\\?")shop(\\?")/g, `$1${namespace}$2`),
  ) as object;
}

describe('an alert of Microsoft Defender', () => {
  test(
    'is taken in each form, opens one incident of its pod, and touches nothing before a person approves',
    TIMEOUT,
    async ({ access, operator, policy, start, answer, client, namespace }) => {
      const env = `DIE_DEFENDER_CLUSTER_RESOURCE_ID=${CLUSTER}`;
      const receiver = ['-n', SYSTEM_NAMESPACE];
      await kubectl(access, ...receiver, 'set', 'env', 'deployment/receiver', env);
      await kubectl(access, ...receiver, 'rollout', 'status', 'deployment/receiver', '--timeout=90s');
      await operator.pods('receiver');
      await policy({ approval: { requiredFor: [] } });
      const podOf = await start({ kind: 'Deployment', name: 'web', replicas: 3 });
      const pod = podOf('web');
      const forms = readdirSync(FORMS).filter((file) => file !== 'rest-container-id.json');
      const outcomes: unknown[] = [];
      for (const file of forms) {
        const { status, body } = await operator.post(formOf(file, pod), '/v1/defender');
        const told = (body['outcomes'] as unknown[] | undefined) ?? [body];
        outcomes.push([file, status, ...told.map((one) => (one as { outcome?: string }).outcome)]);
      }
      process.stdout.write(`defender: ${JSON.stringify(outcomes)}\n`);
      expect(outcomes.flat()).toContain('Opened');
      for (const [, status, ...told] of outcomes as [string, number, ...string[]][]) {
        expect(status).toBe(202);
        expect(told).toContainEqual(expect.stringMatching(/^(Opened|Reported)$/));
      }
      const list = async () => (await client.list<DriftIncident>(DRIFT_INCIDENTS, { namespace })).items;
      const [asks, ...more] = await eventually(
        'it asks',
        list,
        (all) => all[0]?.status?.phase === 'AwaitingApproval',
        60_000,
      );
      expect(more).toEqual([]);
      expect(asks?.status?.plan?.needs).toEqual(['WeakIdentity']);
      const { name } = pod.metadata;
      const { metadata } = await client.get<RunningPod>(PODS, { namespace, name });
      expect(metadata.labels).toEqual(pod.metadata.labels);
      if (asks) await answer('approve', asks);
      await eventually('it is over', list, (all) => all[0]?.status?.phase === 'Resolved', 120_000);
    },
  );
});
