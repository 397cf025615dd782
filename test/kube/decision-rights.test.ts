// Who may decide about an incident, and who may write what into it: the admission policy of config/default, request by
// request, on a real API server.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { API_VERSION, FINALIZER, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { decideRelease, whoAmI } from '../../src/commands/uninstall/decide-release.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { DRIFT_INCIDENTS, type Resource } from '../../src/kube/resources.ts';
import { anIncident } from '../support/builders.ts';
import {
  call,
  certificateFor,
  tokenFor,
  type ClusterAccess,
  type Credential,
  type PlainAnswer,
} from '../support/cluster-access.ts';
import { installedTest } from '../support/installed-test.ts';
import { apply, CONFIG, kubectl } from '../support/manifests.ts';
import { eventually } from '../support/real-api-test.ts';

const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1' };
const ROLES: Resource = { ...RBAC, plural: 'roles', kind: 'Role', namespaced: true };
const ROLE_BINDINGS: Resource = { ...RBAC, plural: 'rolebindings', kind: 'RoleBinding', namespaced: true };
const NAME = 'web-1';
const HASH = 'a'.repeat(64);

// ann has the role of config/roles; hal may hold; pat may patch; ten may do everything in the namespace.
const PEOPLE = ['ann', 'hal', 'pat', 'ten'] as const;
type Who = (typeof PEOPLE)[number] | 'admin' | 'receiver' | 'responder';
type Does = (who: Who, request: Partial<Request>) => Promise<PlainAnswer>;
interface Request {
  method: string;
  path: string;
  body: object;
}

const installed = installedTest.extend('ready', { scope: 'file' }, async ({ plane }): Promise<boolean> => {
  if (plane?.access.kubectl === undefined) return false;
  await apply(plane.access, 'overlays/enforce');
  await kubectl(plane.access, 'apply', '--server-side', '-k', `${CONFIG}/roles`);
  return true;
});

const test = installed.extend('does', async ({ ready, access, client, namespace }): Promise<Does> => {
  if (!ready) throw new Error('die-operator is not installed');
  await giveRights(client, namespace);
  const { spec } = anIncident();
  const body = {
    apiVersion: API_VERSION,
    kind: 'DriftIncident',
    metadata: { name: NAME, finalizers: [FINALIZER] },
    spec: { ...spec, target: { ...spec.target, namespace } },
  };
  await client.create(DRIFT_INCIDENTS, { namespace }, body);
  const credentials = new Map<Who, Promise<Credential>>();
  const does: Does = async (who, { method = 'PATCH', path = `driftincidents/${NAME}`, body: sent }) => {
    const as = credentials.get(who) ?? credentialOf(access, who);
    credentials.set(who, as);
    return call(access, {
      method,
      path: `/apis/${API_VERSION}/namespaces/${namespace}/${path}?dryRun=All`,
      ...(sent && { body: sent }),
      ...(method === 'PATCH' && { contentType: 'application/merge-patch+json' }),
      as: await as,
    });
  };
  await eventually('the policy is in force', () => does('pat', deciding('pat', 'Hold')), isDenied);
  for (const who of ['ann', 'hal', 'ten'] as const) {
    const allowed = ({ status }: PlainAnswer) => status === 200;
    await eventually(`the rights of ${who}`, () => does(who, deciding(who, 'Hold')), allowed);
  }
  return does;
});

function credentialOf(access: ClusterAccess, who: Who): Promise<Credential> {
  if (who === 'admin') return Promise.resolve(access.admin);
  return who === 'receiver' || who === 'responder'
    ? tokenFor(access, SYSTEM_NAMESPACE, who).then((token) => ({ token }))
    : certificateFor(access, { user: who, groups: [] });
}

async function giveRights(client: KubeClient, namespace: string): Promise<void> {
  const incidents = { apiGroups: ['die-operator.dev'], resources: ['driftincidents'] };
  const patch = { ...incidents, verbs: ['get', 'patch', 'update'] };
  await role(client, namespace, 'patches', [patch]);
  await role(client, namespace, 'holds', [patch, { ...incidents, verbs: ['hold'] }]);
  const bindTo = (user: string, kind: string, name: string) =>
    bind({ client, namespace }, user, { kind, name });
  await bindTo('ann', 'ClusterRole', 'die-operator-incident-responder');
  await bindTo('hal', 'Role', 'holds');
  await bindTo('pat', 'Role', 'patches');
  await bindTo('ten', 'ClusterRole', 'cluster-admin');
}

async function role(client: KubeClient, namespace: string, name: string, rules: object[]): Promise<void> {
  const body = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name }, rules };
  await client.create<KubeObject>(ROLES, { namespace }, body);
}

async function bind(
  { client, namespace }: { client: KubeClient; namespace: string },
  user: string,
  to: { kind: string; name: string },
): Promise<void> {
  await client.create<KubeObject>(
    ROLE_BINDINGS,
    { namespace },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: user },
      roleRef: { apiGroup: RBAC.group, ...to },
      subjects: [{ kind: 'User', apiGroup: RBAC.group, name: user }],
    },
  );
}

function deciding(by: string, action: string): Partial<Request> {
  const planHash = action === 'Approve' ? { planHash: HASH } : {};
  return { body: { spec: { decision: { action, by, reason: 'looked at it', ...planHash } } } };
}

/** Whether the policy denied it, and not RBAC. */
function isDenied({ status, body }: PlainAnswer): boolean {
  const { message = '', reason } = body as { message?: string; reason?: string };
  return status === 403 && reason === 'Forbidden' && message.includes("'die-operator-decisions'");
}

function messageOf({ body }: PlainAnswer): string {
  return (body as { message?: string }).message ?? '';
}

const ACTIONS = ['Approve', 'Deny', 'Hold', 'Resume', 'Release'] as const;
const MAY: Readonly<Record<Who, readonly (typeof ACTIONS)[number][]>> = {
  ann: ACTIONS,
  hal: ['Hold', 'Resume'],
  pat: [],
  // Who may do everything in a namespace may decide there.
  ten: ACTIONS,
  admin: ACTIONS,
  receiver: [],
  responder: [],
};
const USERS: Readonly<Partial<Record<Who, string>>> = {
  receiver: `system:serviceaccount:${SYSTEM_NAMESPACE}:receiver`,
  responder: `system:serviceaccount:${SYSTEM_NAMESPACE}:responder`,
};

describe('a decision', () => {
  test('is taken from whom has its verb, in their own name', { timeout: 120_000 }, async ({ does }) => {
    const allowed: Record<string, string[]> = {};
    const refusals = new Set<number>();
    for (const who of Object.keys(MAY) as Who[]) {
      allowed[who] = [];
      for (const action of ACTIONS) {
        const answer = await does(who, deciding(USERS[who] ?? who, action));
        if (answer.status === 200) allowed[who].push(action);
        // The receiver may not patch an incident by RBAC already.
        else refusals.add(answer.status);
      }
    }
    expect(allowed).toEqual(MAY);
    expect([...refusals]).toEqual([403]);
  });

  test('is refused in the name of another, and says what is missing', async ({ does }) => {
    const forged = await does('ann', deciding('bob', 'Approve'));
    expect(isDenied(forged)).toBe(true);
    expect(messageOf(forged)).toContain('spec.decision.by has to be you: ann');
    const lacking = await does('hal', deciding('hal', 'Release'));
    expect(isDenied(lacking)).toBe(true);
    expect(messageOf(lacking)).toContain('needs the verb release on driftincidents.die-operator.dev');
    const own = await does('responder', deciding(USERS.responder ?? '', 'Approve'));
    expect(messageOf(own)).toContain('the accounts of die-operator may not write spec.decision');
  });

  test('that denies is lifted by nobody who may only hold', async ({ does, client, namespace }) => {
    await client.jsonPatch(DRIFT_INCIDENTS, { namespace, name: NAME }, [
      { op: 'add', path: '/spec/decision', value: { action: 'Deny', by: 'admin', reason: 'x' } },
    ]);
    for (const action of ['Resume', 'Hold']) {
      const lifted = await does('hal', deciding('hal', action));
      expect(isDenied(lifted)).toBe(true);
      expect(messageOf(lifted)).toContain('a Deny is lifted by');
      expect((await does('ann', deciding('ann', action))).status).toBe(200);
    }
  });

  test('is not taken back, but may stand while other things are changed', async ({
    does,
    client,
    namespace,
  }) => {
    await client.jsonPatch(DRIFT_INCIDENTS, { namespace, name: NAME }, [
      { op: 'add', path: '/spec/decision', value: { action: 'Hold', by: 'admin', reason: 'x' } },
    ]);
    const back = await does('ann', { body: { spec: { decision: null } } });
    expect(isDenied(back)).toBe(true);
    expect(await does('pat', { body: { metadata: { labels: { team: 'a' } } } })).toMatchObject({
      status: 200,
    });
    // Nor may somebody change the reason that another one gave.
    expect(isDenied(await does('ann', { body: { spec: { decision: { reason: 'y' } } } }))).toBe(true);
  });
});

test('die-operator uninstall may release in the name of who runs it', async ({ does, client, namespace }) => {
  expect(does).toBeDefined();
  const incident = await client.get<DriftIncident>(DRIFT_INCIDENTS, { namespace, name: NAME });
  const released = await decideRelease(client, incident, await whoAmI(client));
  expect(released.spec.decision).toMatchObject({ action: 'Release', by: 'admin' });
});

describe('what of an incident is not a decision', () => {
  const metadata = (change: object) => ({ body: { metadata: change } });
  const status = (body: object) => ({ path: `driftincidents/${NAME}/status`, body: { status: body } });
  const report = {
    count: 1,
    firstSeen: '2026-11-22T00:00:00Z',
    lastSeen: '2026-11-22T00:00:00Z',
    highestSeverity: 'Critical',
    detections: [],
  };

  test.for<[Who, string, Partial<Request>, boolean]>([
    ['responder', 'takes its finalizer off', metadata({ finalizers: null }), true],
    ['admin', 'takes the finalizer off', metadata({ finalizers: null }), true],
    ['ann', 'takes the finalizer off', metadata({ finalizers: null }), false],
    ['ten', 'takes the finalizer off', metadata({ finalizers: null }), false],
    ['ann', 'adds a finalizer of her own', metadata({ finalizers: [FINALIZER, 'example.com/x'] }), true],
    ['responder', 'labels it', metadata({ labels: { a: 'b' } }), false],
    ['responder', 'annotates it', metadata({ annotations: { a: 'b' } }), false],
    ['responder', 'writes the status', status({ phase: 'Responding' }), true],
    ['receiver', 'reports', status({ reports: { one: report } }), true],
    ['receiver', 'makes up a plan', status({ plan: { mode: 'Audit', steps: [], message: '' } }), false],
    ['receiver', 'ends it', status({ phase: 'Resolved' }), false],
    ['ten', 'writes the status', status({ phase: 'Resolved' }), false],
    ['admin', 'writes the status', status({ phase: 'Resolved' }), true],
  ])('%s %s', async ([who, , request, allowed], { does }) => {
    const answer = await does(who, request);
    expect({ denied: isDenied(answer), status: answer.status }).toEqual(
      allowed ? { denied: false, status: 200 } : { denied: true, status: 403 },
    );
  });

  test('a part of the status that is there is not taken away by the receiver', async ({
    does,
    client,
    namespace,
  }) => {
    await client.jsonPatch(DRIFT_INCIDENTS, { namespace, name: NAME, subresource: 'status' }, [
      { op: 'add', path: '/status/phase', value: 'Responding' },
    ]);
    expect(isDenied(await does('receiver', status({ phase: null })))).toBe(true);
    expect(isDenied(await does('receiver', status({ reports: { one: report } })))).toBe(false);
  });

  const opening = (change: object = {}) => {
    const { spec } = anIncident();
    const body = {
      apiVersion: API_VERSION,
      kind: 'DriftIncident',
      metadata: { name: 'another' },
      spec: { ...spec, ...change },
    };
    return { method: 'POST', path: 'driftincidents', body };
  };
  const decision = { action: 'Release', by: USERS.receiver, reason: 'x' };

  test.for<[Who, string, Partial<Request>, number]>([
    ['receiver', 'opens one', opening(), 201],
    ['admin', 'opens one', opening(), 201],
    ['ten', 'opens one', opening(), 403],
    ['receiver', 'opens one that is decided', opening({ decision }), 403],
    ['admin', 'opens one that is decided', opening({ decision: { ...decision, by: 'admin' } }), 403],
  ])('%s %s', async ([who, , request, expected], { does }) => {
    const answer = await does(who, request);
    expect({ status: answer.status, denied: isDenied(answer) }).toEqual({
      status: expected,
      denied: expected === 403,
    });
  });
});
