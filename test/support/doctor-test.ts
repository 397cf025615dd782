// `doctorTest`: `die-operator doctor` against an installation, and the findings of one of its checks.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findingsOf } from '../../src/commands/doctor.ts';
import type { Finding } from '../../src/commands/doctor/check.ts';
import {
  CAPTURE_NAMESPACE,
  ENFORCEMENT_CONFIGMAP,
  HELPERS_CONFIGMAP,
  INTAKE_CONFIGMAP,
  SYSTEM_NAMESPACE,
} from '../../src/api/names.ts';
import { CONFIG_MAPS, DRIFT_POLICIES, NETWORK_POLICIES } from '../../src/kube/resources.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { createUndiciTransport } from '../../src/kube/undici-transport.ts';
import { denyPolicy } from '../../src/respond/deny-policy.ts';
import { aPolicy } from './builders.ts';
import { connectionFor } from './cluster-access.ts';
import { IMAGE } from './doctor-page.ts';
import { install, installedTest } from './installed-test.ts';
import { kubectl, renderWith } from './manifests.ts';

const never = new AbortController().signal;

/**
 * Fixtures: `doctor`, which looks; `isolating`, a node with a pod that a policy in Enforce would isolate; `helpers`, which are
 * installed, with what is known of that node.
 */
export const doctorTest = installedTest
  .extend('transport', ({ access }, { onCleanup }) => {
    const transport = createUndiciTransport(connectionFor(access, access.admin));
    onCleanup(() => transport.close());
    return transport;
  })
  .extend('doctor', ({ transport }) => {
    return (change: object = {}, clock = systemClock) =>
      findingsOf(transport, change, never, { clock, random: Math.random });
  })
  .extend('isolating', async ({ access, client, namespace, world }) => {
    await install(access, client, 'overlays/enforce');
    const [pod] = await world.deployment(2);
    const responses = [{ name: 'contain', minSeverity: 'Warning', actions: ['Label', 'Isolate'] }];
    const { apiVersion, kind, spec } = aPolicy({ mode: 'Enforce', responses });
    const policy = { apiVersion, kind, metadata: { name: 'web' }, spec };
    await client.create(DRIFT_POLICIES, { namespace }, policy);
    await client.create(NETWORK_POLICIES, { namespace }, denyPolicy(namespace));
    const { nodeName } = (pod?.['spec'] ?? {}) as { nodeName?: string };
    if (nodeName === undefined) throw new Error('the pod has no node');
    return nodeName;
  })
  .extend('helpers', async ({ access, client, isolating: node }) => {
    const folder = await mkdtemp(join(tmpdir(), 'die-operator-doctor-'));
    const items = await renderWith(access, 'overlays/enforce', 'components/helpers');
    await writeFile(join(folder, 'all.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await kubectl(access, 'apply', '--server-side', '--force-conflicts', '-f', join(folder, 'all.json'));
    await rm(folder, { recursive: true });
    const proof = { verdict: 'Enforced', at: new Date().toISOString(), tookMs: 120, establishedCut: true };
    const change = (at: { namespace: string; name: string }, data: Record<string, string>) =>
      client.jsonPatch(CONFIG_MAPS, at, [{ op: 'add', path: '/data', value: data }]);
    await change(
      { namespace: CAPTURE_NAMESPACE, name: HELPERS_CONFIGMAP },
      { image: IMAGE, profiles: 'canary' },
    );
    const record = { namespace: SYSTEM_NAMESPACE, name: ENFORCEMENT_CONFIGMAP };
    const know = (verdict: string) => change(record, { [node]: JSON.stringify({ ...proof, verdict }) });
    await know('Enforced');
    const now = new Date().toISOString();
    const heard = { lastAlertTimestamp: now, lastTestTimestamp: now };
    const canary = { lastCanarySentTimestamp: now, lastCanaryAnswered: now };
    await change({ namespace: SYSTEM_NAMESPACE, name: INTAKE_CONFIGMAP }, { ...heard, ...canary });
    return { node, know };
  });

/** Those of a check. */
export const of = (findings: readonly Finding[], check: string) =>
  findings.filter((one) => one.check === check);
/** {@link of}, as states. */
export const states = (findings: readonly Finding[], check: string) =>
  of(findings, check).map(({ state }) => state);
