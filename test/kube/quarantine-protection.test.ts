// Who may do what to a quarantine that config/components/quarantine-protection protects, request by request, on a real API
// server.
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL } from '../../src/api/names.ts';
import { listEntry } from '../../src/decide/quarantine-list.ts';
import { CONFIG_MAPS, DEPLOYMENTS, NETWORK_POLICIES, PODS } from '../../src/kube/resources.ts';
import type { PlainAnswer } from '../support/cluster-access.ts';
import { denyPolicy } from '../../src/respond/deny-policy.ts';
import { kubectl } from '../support/manifests.ts';
import { denier, isDenied, protectedTest, type Does, type Who } from '../support/protected-test.ts';
import {
  ALLOWED,
  DENIED,
  dry,
  eviction,
  labels,
  OWNER,
  podOf,
  type Try,
} from '../support/quarantine-requests.ts';
import { eventually } from '../support/real-api-test.ts';

const LABELLED = { [QUARANTINE_LABEL]: 'true' };

const test = protectedTest.extend(
  'scene',
  { auto: true },
  async ({ client, namespace, quarantine, does }) => {
    for (const name of ['held', 'free', 'drainable', 'listed-before'])
      await client.create(PODS, { namespace }, podOf(name));
    await client.create(NETWORK_POLICIES, { namespace }, denyPolicy(namespace));
    for (const name of ['listed-before', 'held']) await quarantine(name, 'Held');
    await quarantine('drainable', 'Drainable');
    await client.jsonPatch(PODS, { namespace, name: 'held' }, [
      { op: 'add', path: '/metadata/annotations', value: { [INCIDENT_ANNOTATION]: 'held-1' } },
    ]);
    await client.jsonPatch(CONFIG_MAPS, { namespace, name: 'die-operator-quarantined' }, [
      { op: 'add', path: '/data/listed-before', value: listEntry('Drainable', 'another-uid') },
    ]);
    await eventually('the list is known', () => does('dev', eviction('held')), isDenied);
    await eventually(
      'all of it',
      () => does('dev', eviction('drainable')),
      ({ status }) => status === 201,
    );
  },
);

/** A dry run that would succeed; a connection that gets beyond admission: nobody answers there. */
function isAllowed({ status }: PlainAnswer, path: string): boolean {
  return path.includes('dryRun=All') ? status < 300 : status !== 403;
}

/** What did not go through, with the answers. */
async function refusals(
  does: Does,
  who: Who,
  rows: readonly (readonly [string, Try, ...unknown[]])[],
): Promise<unknown[]> {
  const refused: unknown[] = [];
  for (const [what, request] of rows) {
    const answer = await does(who, request);
    if (!isAllowed(answer, request.path)) refused.push([what, answer]);
  }
  return refused;
}

describe('a protected quarantine', () => {
  test.for<Who>(['dev', 'kubelet', 'addon'])(
    'is closed to %s, whatever RBAC allows in the namespace',
    async (who, { does }) => {
      const outcomes: unknown[] = [];
      for (const [what, request, , allowed = []] of DENIED) {
        const answer = await does(who, request);
        const expected = (allowed as readonly Who[]).includes(who) && isAllowed(answer, request.path);
        outcomes.push([what, expected ? 'allowed' : (denier(answer) ?? answer)]);
      }
      const wanted = DENIED.map(([what, , policy, allowed = []]) => [
        what,
        (allowed as readonly Who[]).includes(who) ? 'allowed' : policy,
      ]);
      expect(outcomes).toEqual(wanted);
    },
  );

  test.for<Who>(['investigator', 'admin'])('is open to %s', async (who, { does }) => {
    expect(await refusals(does, who, DENIED)).toEqual([]);
  });

  test.for<Who>(['dev', 'kubelet', 'addon', 'investigator'])(
    'hinders %s in nothing else',
    async (who, { does, client, namespace }) => {
      // Its owner is not there, so the garbage collector deletes it, which it may; the finalizer keeps it for the test.
      const metadata = { labels: LABELLED, finalizers: ['example.com/keep'], ownerReferences: [OWNER] };
      const owned = podOf('owned', metadata);
      await client.create(PODS, { namespace }, owned);
      expect(await refusals(does, who, ALLOWED)).toEqual([]);
      await client.jsonPatch(PODS, { namespace, name: 'owned' }, [
        { op: 'remove', path: '/metadata/finalizers' },
      ]);
    },
  );

  test('is set, lifted and ended by the responder', async ({ does }) => {
    const on = labels('pods/free', { [QUARANTINE_LABEL]: 'true' });
    const off = labels('pods/held', { [QUARANTINE_LABEL]: null });
    const requests: Try[] = [on, off, eviction('held'), { method: 'DELETE', path: dry('pods/held') }];
    const answers = await Promise.all(requests.map((request) => does('responder', request)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 201, 200]);
  });

  test('says who may, and why the eviction has to wait', async ({ does }) => {
    const { body } = await does('dev', eviction('held'));
    expect(body).toMatchObject({
      reason: 'Forbidden',
      code: 403,
      message: expect.stringContaining(
        'pod held is quarantined: eviction is only for die-operator and who may manage quarantines.die-operator.dev until its evidence is kept',
      ),
    });
  });

  test('loses no pod to a deletion of many', async ({ does, client, namespace }) => {
    expect(denier(await does('dev', { method: 'DELETE', path: 'pods?gracePeriodSeconds=0' }))).toBe(
      'deletion',
    );
    const left = (await client.list<KubeObject>(PODS, { namespace })).items.map(
      ({ metadata }) => metadata.name,
    );
    expect(left).toContain('held');
  });

  test('needs no list to freeze the pod', async ({ does, client, namespace }) => {
    await client.create(PODS, { namespace }, podOf('alone', { labels: LABELLED }));
    const request = labels('pods/alone', { [QUARANTINE_LABEL]: null });
    expect(denier(await does('dev', request))).toBe('label');
  });

  test('is not set by a template: the controller gets the refusal', async ({ client, namespace, access }) => {
    const own = { app: 'web', [QUARANTINE_LABEL]: 'true' };
    const spec = {
      replicas: 1,
      selector: { matchLabels: { app: 'web' } },
      template: { ...podOf('x'), metadata: { labels: own } },
    };
    const { apiVersion: _v, kind: _k, ...template } = spec.template;
    const body = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { ...spec, template },
    };
    await client.create(DEPLOYMENTS, { namespace }, body);
    const events = () =>
      kubectl(access, 'get', 'events', '-n', namespace, '-o', 'jsonpath={.items[*].message}');
    await eventually('the refusal', events, (text) => text.includes("'die-operator-quarantine-label'"));
    expect((await client.list(PODS, { namespace, labelSelector: 'app=web' })).items).toEqual([]);
  });
});

describe('the admission policies', () => {
  test('pass the type check of the API server, and refuse with Forbidden', async ({ access }) => {
    const own = ['access', 'deletion', 'label', 'objects', 'pod', 'token'];
    const names = ['breaker', 'decisions', ...own.map((name) => `quarantine-${name}`)];
    const read = async () => {
      const all = await kubectl(access, 'get', 'validatingadmissionpolicies', '-o', 'json');
      return (JSON.parse(all) as { items: Policy[] }).items;
    };
    const checked = await eventually('the type check', read, (all) =>
      all.every(({ status }) => status?.typeChecking),
    );
    expect(checked.map(({ metadata }) => metadata.name)).toEqual(names.map((name) => `die-operator-${name}`));
    expect(checked.flatMap(({ status }) => status?.typeChecking?.expressionWarnings ?? [])).toEqual([]);
    expect(checked.map(({ status }) => status?.observedGeneration)).toEqual(
      checked.map(({ metadata }) => metadata.generation),
    );
    const reasons = checked.flatMap(({ spec }) => spec.validations.map(({ reason }) => reason));
    expect(new Set(reasons)).toEqual(new Set(['Forbidden']));
  });
});

interface Policy extends KubeObject {
  spec: { validations: { reason?: string }[] };
  status?: { observedGeneration?: number; typeChecking?: { expressionWarnings?: unknown[] } };
}
