// The verbs by which people answer incidents, as a program with a kubeconfig, beside the admission policy of config/default:
// who has only the role of config/roles can answer, and who lacks a verb hears which.
// DIE_PRINT=1 prints what is shown.
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { API_VERSION } from '../../src/api/names.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { isForbidden } from '../../src/kube/errors.ts';
import { DRIFT_INCIDENTS, type Resource } from '../../src/kube/resources.ts';
import { anIncident } from '../support/builders.ts';
import { kubeconfigFor } from '../support/cluster-access.ts';
import { installedTest } from '../support/installed-test.ts';
import { apply, CONFIG, kubectl } from '../support/manifests.ts';
import { runProgram } from '../support/printed.ts';
import { eventually } from '../support/real-api-test.ts';

const rbac = (kind: string, plural: string): Resource => ({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural,
  kind,
  namespaced: true,
});
const NAME = 'web-1-abcdef0123-1';
const HASH = 'b'.repeat(64);
const INCIDENTS = { apiGroups: ['die-operator.dev'], resources: ['driftincidents'] };

interface Scene {
  client: KubeClient;
  namespace: string;
  /** Somebody with that ClusterRole, or with a role of these verbs on incidents; runs a verb on the incident. */
  person: (rights: string | string[]) => Promise<{ user: string; kubeconfig: string; run: Run }>;
}
type Run = (verb: string, ...args: string[]) => Promise<{ out: string; err: string; code: number }>;

const installed = installedTest.extend('ready', { scope: 'file' }, async ({ plane }): Promise<boolean> => {
  if (plane?.access.kubectl === undefined) return false;
  await apply(plane.access, 'overlays/enforce');
  await kubectl(plane.access, 'apply', '--server-side', '-k', `${CONFIG}/roles`);
  return true;
});

const test = installed.extend('scene', async ({ ready, access, client, namespace }): Promise<Scene> => {
  if (!ready) throw new Error('die-operator is not installed');
  await waiting(client, namespace);
  await eventually('the admission policy is in force', () => forge({ client, namespace }), isForbidden);
  const person: Scene['person'] = async (rights) => {
    const user = `ann-${randomBytes(4).toString('hex')}`;
    await giveRights(client, namespace, user, rights);
    const kubeconfig = await kubeconfigFor(access, { user, groups: [] });
    const run: Run = async (verb, ...args) => {
      const said = await runProgram(verb, NAME, '-n', namespace, '--kubeconfig', kubeconfig, ...args);
      process.exitCode = undefined;
      if (process.env['DIE_PRINT'])
        process.stdout.write(`$ ${verb} ${args.join(' ')}\n${said.out}${said.err}\n`);
      return said;
    };
    await eventually(
      'the rights are in force',
      () => run('show'),
      ({ code }) => code === 0,
    );
    return { user, kubeconfig, run };
  };
  return { client, namespace, person };
});

/** A decision in the name of somebody else. */
function forge({ client, namespace }: Pick<Scene, 'client' | 'namespace'>): Promise<unknown> {
  const value = { action: 'Hold', by: 'nobody', reason: 'forged' };
  const patch = [{ op: 'add', path: '/spec/decision', value }] as const;
  const sent = client.jsonPatch(DRIFT_INCIDENTS, { namespace, name: NAME }, patch, { dryRun: true });
  return sent.catch((error: unknown) => error);
}

/** An incident that waits for an approval. */
async function waiting(client: KubeClient, namespace: string): Promise<void> {
  const { spec } = anIncident();
  await client.create(
    DRIFT_INCIDENTS,
    { namespace },
    {
      apiVersion: API_VERSION,
      kind: 'DriftIncident',
      metadata: { name: NAME },
      spec: { ...spec, target: { ...spec.target, namespace } },
    },
  );
  const lastTransitionTime = new Date().toISOString();
  const message = 'a person has to approve';
  const condition = { reason: 'AwaitingApproval', message, lastTransitionTime };
  const status = {
    phase: 'AwaitingApproval',
    plan: {
      mode: 'Enforce',
      steps: ['Isolate', 'Evict', 'Verify'],
      message: 'all of it',
      hash: HASH,
      needs: ['Always'],
    },
    conditions: [
      { type: 'Ready', status: 'False', ...condition },
      { type: 'Approved', status: 'Unknown', ...condition },
    ],
  };
  await client.jsonPatch(DRIFT_INCIDENTS, { namespace, name: NAME, subresource: 'status' }, [
    { op: 'add', path: '/status', value: status },
  ]);
}

async function giveRights(
  client: KubeClient,
  namespace: string,
  user: string,
  rights: string | string[],
): Promise<void> {
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  if (typeof rights !== 'string')
    await client.create<KubeObject>(
      rbac('Role', 'roles'),
      { namespace },
      { apiVersion, kind: 'Role', metadata: { name: user }, rules: [{ ...INCIDENTS, verbs: rights }] },
    );
  const roleRef = {
    apiGroup: rbac('', '').group,
    ...(typeof rights === 'string' ? { kind: 'ClusterRole', name: rights } : { kind: 'Role', name: user }),
  };
  await client.create<KubeObject>(
    rbac('RoleBinding', 'rolebindings'),
    { namespace },
    {
      apiVersion,
      kind: 'RoleBinding',
      metadata: { name: user },
      roleRef,
      subjects: [{ kind: 'User', apiGroup: roleRef.apiGroup, name: user }],
    },
  );
}

const decisionOf = async ({ client, namespace }: Scene) =>
  (await client.get<DriftIncident>(DRIFT_INCIDENTS, { namespace, name: NAME })).spec.decision;

const YES = ['--reason', 'looked at it', '--yes', '--wait', '0s'];

describe('who has the role of config/roles and no other right', () => {
  test(
    'lists, shows, holds, resumes, approves, denies and releases',
    { timeout: 120_000 },
    async ({ scene }) => {
      const { user, run } = await scene.person('die-operator-incident-responder');
      const before = Date.now();
      const approved = await run('approve', ...YES, '--expires', '2h');
      expect(approved).toMatchObject({ code: 0, err: '' });
      expect(approved.out).toContain('you may not get pods in namespace');
      expect(approved.out).toContain('you may not create pods/eviction in namespace');
      expect(approved.out).toContain('you may not get replicasets.apps in namespace');
      const decision = await decisionOf(scene);
      expect(decision).toMatchObject({ action: 'Approve', by: user, planHash: HASH, reason: 'looked at it' });
      const ends = Date.parse(decision?.expiresAt ?? '');
      expect(Math.abs(ends - before - 2 * 3_600_000)).toBeLessThan(60_000);
      for (const [verb, action] of [
        ['deny', 'Deny'],
        ['hold', 'Hold'],
        ['resume', 'Resume'],
        ['release', 'Release'],
      ] as const) {
        expect(await run(verb, ...YES)).toMatchObject({ code: 0, err: '' });
        expect(await decisionOf(scene)).toEqual({ action, by: user, reason: 'looked at it' });
      }
    },
  );

  test('is not asked where there is no terminal, and nothing is written', async ({ scene }) => {
    const { run } = await scene.person('die-operator-incident-responder');
    const said = await run('hold', '--reason', 'looked at it');
    expect(said.code).toBe(1);
    expect(said.err).toContain('there is no terminal to ask on');
    expect(await decisionOf(scene)).toBeUndefined();
  });
});

describe('who lacks a verb hears which', () => {
  test.for<[string, string[], string[]]>([
    ['approve', ['get', 'patch', 'hold'], ['approve']],
    ['deny', ['get', 'patch', 'hold', 'release'], ['approve']],
    ['hold', ['get', 'patch', 'approve'], ['hold']],
    ['release', ['get', 'patch', 'approve', 'hold'], ['release']],
    ['hold', ['get', 'hold'], ['patch']],
    ['release', ['get'], ['patch', 'release']],
  ])('%s with %j', async ([verb, rights, missing], { scene }) => {
    const { user, run } = await scene.person(rights);
    const refused = await eventually(
      'the refusal',
      () => run(verb, ...YES),
      ({ err }) => err.includes('may not'),
    );
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toContain(
      `${user} may not ${missing.join(' and ')} driftincidents.die-operator.dev in namespace`,
    );
    expect(refused.err).toContain(`--clusterrole=die-operator-incident-responder --user=${user}`);
    expect(await decisionOf(scene)).toBeUndefined();
  });

  test('also who may only read', async ({ scene }) => {
    const { run } = await scene.person('die-operator-incident-viewer');
    const said = await run('release', ...YES);
    expect(said).toMatchObject({ code: 1, out: '' });
    expect(said.err).toContain('may not patch and release');
  });
});
