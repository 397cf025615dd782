// `die-operator doctor` against a real API server: what it says of an installation, and of each thing that is missing there.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { asText, command, findingsOf } from '../../src/commands/doctor.ts';
import type { Finding } from '../../src/commands/doctor/check.ts';
import {
  CAPTURE_NAMESPACE,
  ENFORCEMENT_CONFIGMAP,
  HELPERS_CONFIGMAP,
  QUARANTINE_POLICY,
  SWITCH_CONFIGMAP,
  SYSTEM_NAMESPACE,
} from '../../src/api/names.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import {
  CLUSTER_DRIFT_POLICIES,
  CONFIG_MAPS,
  DRIFT_POLICIES,
  NETWORK_POLICIES,
  type Resource,
} from '../../src/kube/resources.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { createUndiciTransport } from '../../src/kube/undici-transport.ts';
import { denyPolicy } from '../../src/respond/deny-policy.ts';
import { aPolicy } from '../support/builders.ts';
import { connectionFor, kubeconfigFor } from '../support/cluster-access.ts';
import { install, installedTest } from '../support/installed-test.ts';
import { kubectl, renderWith } from '../support/manifests.ts';
import { printedBy } from '../support/printed.ts';
import { eventually } from '../support/real-api-test.ts';

const IMAGE = `registry.example/die-operator@sha256:${'a'.repeat(64)}`;
const never = new AbortController().signal;

const test = installedTest
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
    return { node, know };
  });

const of = (findings: readonly Finding[], check: string) => findings.filter((one) => one.check === check);
const states = (findings: readonly Finding[], check: string) => of(findings, check).map(({ state }) => state);

describe('doctor', () => {
  test('finds nothing wrong with an installation in which everything is in place', async ({
    doctor,
    helpers,
    namespace,
    folder,
  }) => {
    const findings = await doctor({ evidenceDir: folder });
    expect(findings.filter(({ state }) => state === 'wrong')).toEqual([]);
    const told = findings.map(({ check, state }) => `${check}: ${state}`);
    expect(told.filter((line) => !line.startsWith('nodes: '))).toEqual([
      'api-server: ok',
      'api-server: ok',
      'kinds: ok',
      'kinds: ok',
      'kinds: ok',
      'rights: ok',
      'rights: ok',
      'pause: ok',
      'evidence: ok',
      'deny-policies: ok',
      'admission: ok',
      // The component for it is not installed here.
      'protection: warning',
      'network: ok',
      'helpers: ok',
    ]);
    expect(of(findings, 'nodes')).toContainEqual(
      expect.objectContaining({
        state: 'ok',
        message: expect.stringContaining(`node ${helpers.node} enforces NetworkPolicies (tested at `),
      }),
    );
    expect(of(findings, 'deny-policies')[0]?.message).toBe(`namespace ${namespace} has its deny policy`);

    const printed = asText(findings)
      .replaceAll(helpers.node, 'node-1')
      .replaceAll(namespace, 'shop')
      .replaceAll(folder, '/var/lib/die-operator/evidence')
      .replace(/shop\/web-\S+/, 'shop/web-7d4b9c6f5-x2x1q')
      .replace(/tested at [^)]*/, 'tested at 2026-11-23T05:41:52.651Z')
      .replace(/Kubernetes v\S+/, 'Kubernetes v1.36.3')
      .replaceAll('a'.repeat(64), '<64 hex digits>');
    const page = await readFile(join(import.meta.dirname, '../../docs/doctor.md'), 'utf8');
    const [, example = ''] = /^```text\n([\s\S]*?)^```$/m.exec(page) ?? [];
    const shown = example.split('\n').slice(0, -2);
    expect(shown.length).toBeGreaterThan(findings.length - 2);
    // The last one counts, and there may be a second node.
    for (const line of shown) expect(printed).toContain(`${line}\n`);
    for (const { check } of findings) expect(page).toContain(`| \`${check}\` |`);
  });

  test('says what is missing where nothing is configured, and how to mend it', async ({
    doctor,
    isolating: node,
    client,
    namespace,
  }) => {
    const { metadata } = await client.get<KubeObject>(NETWORK_POLICIES, {
      namespace,
      name: QUARANTINE_POLICY,
    });
    await client.delete(NETWORK_POLICIES, { namespace, name: QUARANTINE_POLICY }, metadata.uid);
    const findings = await doctor();
    expect(of(findings, 'deny-policies')).toMatchObject([
      { state: 'wrong', message: `namespace ${namespace} has no NetworkPolicy die-operator-quarantine` },
    ]);
    expect(states(findings, 'evidence')).toEqual(['skipped']);
    expect(of(findings, 'nodes')).toContainEqual(
      expect.objectContaining({ state: 'warning', message: expect.stringContaining(node) }),
    );
    for (const { state, cure } of findings)
      expect(cure !== undefined).toBe(state === 'wrong' || state === 'warning');
  });

  test('names an admission rule that refuses to isolate', async ({
    doctor,
    isolating: _node,
    client,
    namespace,
    access,
  }) => {
    const admission = (plural: string, kind: string): Resource => ({
      group: 'admissionregistration.k8s.io',
      version: 'v1',
      plural,
      kind,
      namespaced: false,
    });
    const name = `labels-${namespace}`;
    const make = (plural: string, kind: string, spec: object) =>
      client.create(
        admission(plural, kind),
        {},
        { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name }, spec },
      );
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
    const pods = { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['UPDATE'] };
    await make('validatingadmissionpolicies', 'ValidatingAdmissionPolicy', {
      failurePolicy: 'Fail',
      matchConstraints: { namespaceSelector, resourceRules: [pods] },
      validations: [
        { expression: "'app' in object.metadata.?labels.orValue({})", message: 'keep the label app' },
      ],
    });
    await make('validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding', {
      policyName: name,
      validationActions: ['Deny'],
    });
    const found = await eventually(
      'the rule is in force',
      async () => of(await doctor(), 'admission'),
      ([finding]) => finding?.state === 'wrong',
    );
    await kubectl(access, 'delete', 'validatingadmissionpolicy,validatingadmissionpolicybinding', name);
    expect(found[0]?.message).toContain('keep the label app');
    expect(found[0]?.cure).toContain('let the account die-operator-system/responder off that rule');
  });

  test('tells of a pause, of a node that does not enforce, and of a clock that is wrong', async ({
    doctor,
    helpers,
    client,
  }) => {
    await helpers.know('Unenforced');
    const at = { namespace: SYSTEM_NAMESPACE, name: SWITCH_CONFIGMAP };
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: at, data: { paused: 'true' } };
    const { metadata } = await client.create<KubeObject>(CONFIG_MAPS, { namespace: at.namespace }, map);
    const late = { ...systemClock, now: () => systemClock.now() - 60_000 };
    const findings = await doctor({}, late);
    await client.delete(CONFIG_MAPS, at, metadata.uid);
    expect(states(findings, 'pause')).toEqual(['warning']);
    expect(of(findings, 'api-server')[1]).toMatchObject({
      state: 'wrong',
      message: expect.stringMatching(/^this clock is (59|60) s behind that of the API server$/),
    });
    expect(of(findings, 'nodes')).toContainEqual(
      expect.objectContaining({
        state: 'wrong',
        message: expect.stringContaining(`node ${helpers.node} does not enforce NetworkPolicies`),
      }),
    );
  });

  test('warns of a policy that asks of nodes what helper pods may not do', async ({
    doctor,
    helpers: _helpers,
    client,
    namespace,
  }) => {
    const { apiVersion, spec } = aPolicy({ comparison: { interval: '1h' } });
    const name = `compare-${namespace}`;
    const policy = { apiVersion, kind: CLUSTER_DRIFT_POLICIES.kind, metadata: { name }, spec };
    const { metadata } = await client.create<KubeObject>(CLUSTER_DRIFT_POLICIES, {}, policy);
    const findings = await doctor();
    await client.delete(CLUSTER_DRIFT_POLICIES, { name }, metadata.uid);
    expect(of(findings, 'helpers')).toMatchObject([
      { state: 'ok' },
      {
        state: 'warning',
        message: expect.stringMatching(
          `^ClusterDriftPolicy ${name} asks .* comparison\\. Add capture to profiles .* config/components/comparison\\.`,
        ),
      },
    ]);
  });

  test('asks about the current user where nothing else is allowed, and skips what it may not see', async ({
    access,
    isolating: _node,
  }) => {
    const kubeconfig = await kubeconfigFor(access, { user: 'nobody-in-particular' });
    const doctor = command();
    const { out } = await printedBy(() => doctor.parseAsync(['--kubeconfig', kubeconfig], { from: 'user' }));
    expect(process.exitCode).toBe(1);
    process.exitCode = 0;
    expect(out).toContain('as the user of this command, who may not ask about the account');
    expect(out).toContain('wrong    policies       policies cannot be read');
    expect(out).toMatch(/^skipped {2}kinds {10}not allowed to look: /m);
    expect(out.trimEnd().split('\n').at(-1)).toMatch(/^1 wrong, 2 warnings, \d+ skipped, \d+ ok$/);
  });

  test('prints JSON, and ends with 2 where there is no API server', async ({
    access,
    folder,
    isolating: _node,
  }) => {
    const kubeconfig = access.adminKubeconfig;
    const run = (...args: string[]) =>
      printedBy(() => command().parseAsync(args, { from: 'user' })).finally(() => {});
    const { out } = await run('--kubeconfig', kubeconfig, '-o', 'json');
    const { findings } = JSON.parse(out) as { findings: Finding[] };
    expect(states(findings, 'kinds')).toEqual(['ok', 'ok', 'ok']);

    const nowhere = join(folder, 'nowhere.kubeconfig');
    const cluster = { server: 'https://127.0.0.1:1', 'insecure-skip-tls-verify': true };
    const config = {
      clusters: [{ name: 'a', cluster }],
      users: [{ name: 'a', user: {} }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      'current-context': 'a',
    };
    await writeFile(nowhere, JSON.stringify(config));
    const { err } = await run('--kubeconfig', nowhere);
    expect(process.exitCode).toBe(2);
    process.exitCode = 0;
    expect(err).toMatch(/^die-operator: cannot get \/version: /);
  });
});
