// What a policy's status says about the rights that it needs, by condition and Event, and what asking costs.
import { beforeEach, describe, expect, test } from 'vitest';
import { QUARANTINE_POLICY } from '../../../src/api/names.ts';
import type { Action } from '../../../src/api/policy.ts';
import { NETWORK_POLICIES } from '../../../src/kube/resources.ts';
import { answers500, fault } from '../../support/faults.ts';
import { createStage, type Stage } from './policy-stage.ts';

const SLOW = { kind: 'requeue', afterMs: 300_000, reason: 'Prepared' };
const REVIEW = /^POST .*selfsubjectaccessreviews/;

let stage: Stage;
beforeEach(() => {
  stage = createStage();
});

describe('a policy in Enforce', () => {
  test.each<[Action, string, string]>([
    ['Label', 'pods patch', 'Label, Release'],
    ['Isolate', 'pods delete', 'Contain'],
    ['Isolate', 'networkpolicies.networking.k8s.io create', 'Isolate'],
    ['Isolate', 'configmaps get', 'Contain'],
    ['Evict', 'pods/eviction create', 'Evict'],
    ['Evict', 'driftpolicies.die-operator.dev get', 'Evict'],
    ['Capture', 'driftincidents.die-operator.dev/status patch', 'Capture'],
  ])('with only %s that lacks %s is not Ready, by condition and Event', async (action, right, steps) => {
    stage.create([action]);
    stage.denied.add(right);
    expect(await stage.judge()).toEqual(SLOW);
    const ready = stage.ready();
    expect(ready).toMatchObject({ status: 'False', reason: 'MissingPermission' });
    expect(ready?.message).toContain(`lacks ${right} in namespace `);
    expect(ready?.message).toContain(`These steps fail and are retried: ${steps}.`);
    expect(stage.events).toMatchObject([
      { type: 'Warning', reason: 'MissingPermission', note: `Ready=False: ${ready?.message}` },
    ]);
  });

  test.each<[Action, string]>([
    ['Label', 'pods/eviction create'],
    ['Label', 'networkpolicies.networking.k8s.io get'],
    ['Capture', 'pods patch'],
    ['Evict', 'pods delete'],
    ['Evict', 'pods/log get'],
  ])('with only %s does not need %s', async (action, right) => {
    stage.create([action]);
    stage.denied.add(right);
    expect(await stage.judge()).toEqual({ kind: 'requeue', afterMs: 600_000, reason: 'Prepared' });
    expect(stage.ready()).toMatchObject({ status: 'True', reason: 'Enforcing' });
    expect(stage.events).toEqual([]);
  });

  test('that isolates on nodes which do not enforce network policies is Ready, and warns with their names', async () => {
    stage.create(['Label', 'Isolate']);
    stage.unenforced.set('shop', 'node-1, node-2');
    await stage.judge();
    expect(stage.ready()).toMatchObject({
      status: 'True',
      reason: 'Unenforced',
      message: expect.stringContaining('taken out of its workload and not cut off: node-1, node-2.'),
    });
    expect(stage.events).toMatchObject([{ type: 'Warning', reason: 'Unenforced' }]);
    stage.unenforced.clear();
    await stage.judge();
    expect(stage.ready()).toMatchObject({ status: 'True', reason: 'Enforcing' });
  });

  test('is told of missing rights before the network, and of none where it does not isolate', async () => {
    stage.unenforced.set('shop', 'node-1');
    stage.create(['Isolate']);
    stage.create(['Label'], { name: 'label' });
    stage.denied.add('pods delete');
    await stage.judge();
    expect(stage.ready()).toMatchObject({ status: 'False', reason: 'MissingPermission' });
    await stage.judge('label');
    expect(stage.ready('label')).toMatchObject({ status: 'True', reason: 'Enforcing' });
  });

  test('names the missing rights of all its rungs at once', async () => {
    stage.create(['Label', 'Isolate', 'Capture', 'Evict']);
    for (const right of ['pods patch', 'pods/eviction create', 'pods/log get']) stage.denied.add(right);
    await stage.judge();
    expect(stage.ready()).toMatchObject({ status: 'False', reason: 'MissingPermission' });
    expect(stage.ready()?.message).toMatch(
      /lacks pods patch, pods\/eviction create in namespace shop\. .* Evidence has gaps without pods\/log get in namespace shop\./,
    );
  });

  test('that only lacks rights for evidence is Ready, and says where the gaps are', async () => {
    stage.create(['Capture']);
    stage.denied.add('pods/log get').add('nodes get');
    expect(await stage.judge()).toEqual(SLOW);
    const ready = stage.ready();
    expect(ready).toMatchObject({ status: 'True', reason: 'IncompleteEvidence' });
    expect(ready?.message).toContain(
      'Responses are carried out. Evidence has gaps without pods/log get in namespace shop, and nodes get.',
    );
    expect(stage.events).toMatchObject([
      { reason: 'IncompleteEvidence', note: expect.stringContaining('Ready=True: ') as string },
    ]);
  });

  test('tells it once, also when it is judged again', async () => {
    stage.create(['Evict']);
    stage.denied.add('pods/eviction create');
    await stage.judge();
    await stage.clock.advance(300_000);
    await stage.judge();
    expect(stage.events).toHaveLength(1);
  });

  test('is Ready once the right was granted, and not any more once it was taken away', async () => {
    stage.create(['Evict']);
    stage.denied.add('pods/eviction create');
    await stage.judge();
    stage.denied.clear();
    await stage.clock.advance(300_000);
    await stage.judge();
    expect(stage.ready()).toMatchObject({ status: 'True', reason: 'Enforcing' });
    stage.denied.add('pods/eviction create');
    await stage.clock.advance(600_000);
    await stage.judge();
    expect(stage.ready()).toMatchObject({ status: 'False', reason: 'MissingPermission' });
    expect(stage.events).toHaveLength(2);
  });

  test('that cannot evict gets its deny policy all the same', async () => {
    stage.create(['Isolate', 'Evict']);
    stage.denied.add('pods/eviction create');
    await stage.judge();
    expect(stage.ready()?.reason).toBe('MissingPermission');
    expect(stage.denyPolicies()).toEqual([QUARANTINE_POLICY]);
  });

  test('names missing rights before a foreign object in the way, which it names when they are granted', async () => {
    stage.create(['Isolate']);
    const metadata = { name: QUARANTINE_POLICY };
    stage.cluster.api.create(NETWORK_POLICIES, 'shop', { metadata, spec: { podSelector: {} } });
    stage.denied.add('pods patch');
    await stage.judge();
    expect(stage.ready()?.reason).toBe('MissingPermission');
    stage.denied.clear();
    await stage.clock.advance(300_000);
    expect(await stage.judge()).toEqual(SLOW);
    expect(stage.ready()).toMatchObject({ status: 'False', reason: 'ForeignNetworkPolicy' });
  });
});

describe('a policy that needs no right to act', () => {
  test('in Audit is Ready without a question', async () => {
    stage.create(['Evict'], { mode: 'Audit' });
    stage.cluster.access.push(() => false);
    expect(await stage.judge()).toEqual({ kind: 'done' });
    expect(stage.ready()).toMatchObject({ status: 'True', reason: 'Audit' });
    expect(stage.reviews()).toBe(0);
  });
});

describe('a review that fails', () => {
  test('leaves Ready unknown and says why; the next one settles it', async () => {
    let away = true;
    stage = createStage((inner, clock) => {
      const broken = fault(REVIEW, clock, answers500).wrap(inner);
      return (request) => (away ? broken : inner)(request);
    });
    stage.create(['Label', 'Isolate']);
    expect(await stage.judge()).toEqual({ kind: 'requeue', afterMs: 15_000, reason: 'Prepared' });
    expect(stage.ready()).toMatchObject({ status: 'Unknown', reason: 'RightsUnknown' });
    expect(stage.ready()?.message).toContain('500 InternalError');
    expect(stage.events).toEqual([]);
    expect(stage.denyPolicies()).toEqual([QUARANTINE_POLICY]);

    away = false;
    await stage.clock.advance(15_000);
    await stage.judge();
    expect(stage.ready()).toMatchObject({ status: 'True', reason: 'Enforcing' });
  });

  test('for want of the right to ask is asked again slowly, and says what to grant', async () => {
    stage = createStage((inner, clock) => fault(REVIEW, clock, forbidden).wrap(inner));
    stage.create(['Label']);
    expect(await stage.judge()).toEqual(SLOW);
    expect(stage.ready()).toMatchObject({ status: 'Unknown', reason: 'RightsUnknown' });
    expect(stage.ready()?.message).toContain('the verb create on selfsubjectaccessreviews');
  });

  test('does not hide what the deny policy was refused for', async () => {
    stage = createStage((inner, clock) => fault(REVIEW, clock, answers500).wrap(inner));
    stage.create(['Isolate']);
    stage.cluster.admission.push(({ resource }) =>
      resource === NETWORK_POLICIES ? { policy: 'no-policies', message: 'ask the network team' } : undefined,
    );
    await stage.judge();
    expect(stage.ready()).toMatchObject({ status: 'False', reason: 'Denied' });
    expect(stage.ready()?.message).toContain('ask the network team');
  });

  test('is given up after the first failure, not asked for each right', async () => {
    const at: number[] = [];
    stage = createStage((inner, clock) => {
      const broken = fault(REVIEW, clock, answers500);
      return (request) => {
        if (REVIEW.test(`${request.method} ${request.path}`)) at.push(clock.now());
        return broken.wrap(inner)(request);
      };
    });
    stage.create(['Label', 'Isolate', 'Capture', 'Evict']);
    await stage.judge();
    expect(at.length).toBeLessThanOrEqual(4);
  });
});

describe('asking', () => {
  test('has at most four questions under way at a time', async () => {
    let [underWay, most] = [0, 0];
    stage = createStage((inner) => async (request) => {
      if (!request.path.includes('selfsubjectaccessreviews')) return inner(request);
      most = Math.max(most, ++underWay);
      const answer = await inner(request);
      underWay -= 1;
      return answer;
    });
    stage.create(['Label', 'Isolate', 'Capture', 'Evict']);
    await stage.judge();
    expect(most).toBe(4);
    expect(stage.reviews()).toBeLessThan(30);
  });

  test('costs a thousand policies of a namespace no more than one', async () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `web-${index}`);
    for (const name of names) stage.create(['Label', 'Capture'], { name });
    stage.denied.add('pods patch');
    const [first = '', ...others] = names;
    await stage.judge(first);
    const asked = stage.reviews();
    expect(asked).toBeGreaterThan(10);
    await Promise.all(others.map((name) => stage.judge(name)));
    expect(stage.reviews()).toBe(asked);
    expect(new Set(names.map((name) => stage.ready(name)?.reason))).toEqual(new Set(['MissingPermission']));
    expect(stage.events).toHaveLength(1_000);
  });
});

const forbidden: Parameters<typeof fault>[2] = async () => {
  const message =
    'selfsubjectaccessreviews.authorization.k8s.io is forbidden: User "responder" cannot create resource "selfsubjectaccessreviews" in API group "authorization.k8s.io" at the cluster scope';
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    reason: 'Forbidden',
    message,
    code: 403,
  };
  const body = (async function* () {
    yield Buffer.from(JSON.stringify(status));
  })();
  return { status: 403, headers: { 'content-type': 'application/json' }, body };
};
