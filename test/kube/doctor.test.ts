// `die-operator doctor` against a real API server: what it says of an installation, and of each thing that is missing there.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { asText, command } from '../../src/commands/doctor.ts';
import type { Finding } from '../../src/commands/doctor/check.ts';
import { QUARANTINE_POLICY, SWITCH_CONFIGMAP, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import {
  CLUSTER_DRIFT_POLICIES,
  CONFIG_MAPS,
  NETWORK_POLICIES,
  type Resource,
} from '../../src/kube/resources.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { aPolicy } from '../support/builders.ts';
import { kubeconfigFor } from '../support/cluster-access.ts';
import { apply, kubectl } from '../support/manifests.ts';
import { asOnPage, readDoctorPage } from '../support/doctor-page.ts';
import { doctorTest as test, of, states } from '../support/doctor-test.ts';
import { printedBy } from '../support/printed.ts';
import { eventually } from '../support/real-api-test.ts';

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
      'alerts: ok',
      'alerts: ok',
      'alerts: ok',
      'decisions: ok',
      'pause: ok',
      'limits: ok',
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

    const printed = asOnPage(asText(findings), { node: helpers.node, namespace, folder });
    const { page, shown } = await readDoctorPage();
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

  test('tells of an admission policy on decisions that is not there, or denies nothing', async ({
    access,
    doctor,
    isolating,
  }) => {
    expect(isolating && states(await doctor(), 'decisions')).toEqual(['ok']);
    const binding = 'validatingadmissionpolicybinding/die-operator-decisions';
    await kubectl(
      access,
      'patch',
      binding,
      '--type',
      'merge',
      '-p',
      '{"spec":{"validationActions":["Audit"]}}',
    );
    expect(states(await doctor(), 'decisions')).toEqual(['wrong']);
    await kubectl(access, 'delete', 'validatingadmissionpolicy', 'die-operator-decisions');
    const [finding] = of(await doctor(), 'decisions');
    expect(finding).toMatchObject({ state: 'wrong', cure: expect.stringContaining('config/default') });
    expect(finding?.message).toContain('there is no admission policy die-operator-decisions');
    await kubectl(access, 'delete', 'validatingadmissionpolicy', 'die-operator-breaker');
    expect(states(await doctor(), 'decisions')).toEqual(['wrong', 'wrong']);
    await apply(access, 'overlays/enforce');
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
