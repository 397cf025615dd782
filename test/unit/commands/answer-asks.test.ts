// What is asked of the API server for a decision: who decides, what budgets say, what the owner makes; and what is not known.
import { describe, expect, test } from 'vitest';
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import { answer } from '../../../src/commands/answer/answer.ts';
import { askBudget } from '../../../src/commands/answer/budget.ts';
import { follow } from '../../../src/commands/answer/follow.ts';
import { replacementOf } from '../../../src/commands/answer/replacement.ts';
import { EMBEDDED_USER } from '../../../src/embedded/self-reviews.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import type { KubeClient, WriteOptions } from '../../../src/kube/client.ts';
import { askSelf } from '../../../src/kube/self-review.ts';
import { DIGEST, T0 } from '../../support/builders.ts';
import { createEmbeddedWorld } from '../../support/flow-test.ts';
import { runProgram } from '../../support/printed.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { HASH, waitingIncident } from './answer-example.ts';

const error = (status: number, reason: string, causes: string[] = [], retryAfterMs?: number) =>
  new KubeError(`${status} ${reason}`, {
    status,
    reason,
    retryAfterMs,
    causes: causes.map((cause) => ({ reason: cause, message: 'needs 2 pods', field: '' })),
    hasDetails: true,
  });

describe('the disruption budget', () => {
  const verdict = (refusal?: KubeError) =>
    askBudget({ create: async () => (refusal ? Promise.reject(refusal) : ({} as never)) }, waitingIncident());

  test.for<[string, KubeError | undefined, string]>([
    ['Allowed', undefined, 'no disruption budget'],
    ['Denied', error(429, 'TooManyRequests', ['DisruptionBudget']), 'is against the eviction now'],
    ['Denied', error(429, 'TooManyRequests', ['DisruptionBudget'], 10_000), 'is not up to date'],
    ['Denied', error(500, 'MultipleDisruptionBudgets'), 'two disruption budgets'],
    ['Gone', error(404, 'NotFound'), 'no pod with this UID'],
    ['Gone', error(409, 'Conflict'), 'no pod with this UID'],
    ['NotAsked', error(403, 'Forbidden'), 'you may not create pods/eviction in namespace shop'],
    ['NotAsked', error(429, 'TooManyRequests'), 'could not be asked'],
    ['NotAsked', error(0, 'Timeout'), 'could not be asked'],
  ])('%s', async ([expected, refusal, message]) => {
    expect(await verdict(refusal)).toMatchObject({
      verdict: expected,
      message: expect.stringContaining(message) as string,
    });
  });

  test('is asked by a dry run that is bound to the UID', async () => {
    const sent: [object, WriteOptions | undefined][] = [];
    const create: KubeClient['create'] = async (_resource, _at, body, options) => {
      sent.push([body, options]);
      return {} as never;
    };
    const incident = waitingIncident();
    await askBudget({ create }, incident);
    expect(sent).toMatchObject([
      [
        { kind: 'Eviction', deleteOptions: { preconditions: { uid: incident.spec.target.uid } } },
        { dryRun: true },
      ],
    ]);
  });
});

describe('the replacement', () => {
  const owner = (containers: object[], change: object = {}, uid = 'rs-uid') => ({
    metadata: { name: 'web', uid },
    spec: { template: { spec: { containers } }, ...change },
  });
  const shown = (answered: object | KubeError, incident: DriftIncident = waitingIncident()) =>
    replacementOf(
      { get: async () => (answered instanceof KubeError ? Promise.reject(answered) : (answered as never)) },
      incident,
    );
  const TAG = 'registry.example/shop/web:1.2';

  test('of an image without a digest is told with a warning, and with what the pod ran', async () => {
    const { images } = await shown(owner([{ name: 'web', image: TAG }]));
    expect(images).toMatchObject([{ pinned: false, note: expect.stringContaining(`NOT PINNED`) as string }]);
    expect(images[0]?.note).toContain(DIGEST);
  });

  test('of a pinned image needs no warning', async () => {
    const incident = waitingIncident();
    const image = `${TAG}@${DIGEST}`;
    incident.spec.target.containers = [{ name: 'web', image }];
    expect((await shown(owner([{ name: 'web', image }]), incident)).images).toEqual([
      { container: 'web', image, pinned: true, note: '' },
    ]);
  });

  test('of a template that changed says so', async () => {
    const { images } = await shown(
      owner([
        { name: 'web', image: 'other:2' },
        { name: 'new', image: 'x:1' },
      ]),
    );
    expect(images.map(({ note }) => note)).toEqual([
      expect.stringContaining(`the pod was made with ${TAG}`),
      'the pod has no container of this name',
    ]);
  });

  test.for<[string, object | KubeError, string]>([
    ['is scaled to 0', owner([], { replicas: 0 }), 'scaled to 0'],
    ['is another one', owner([], {}, 'other'), 'is gone'],
    ['is gone', error(404, 'NotFound'), 'is gone'],
    ['may not be read', error(403, 'Forbidden'), 'you may not get replicasets.apps in namespace shop'],
  ])('where its owner %s', async ([, answered, note]) => {
    expect((await shown(answered)).notes.join()).toContain(note);
  });

  test('of a restart is the recorded image, pinned', async () => {
    const incident = waitingIncident();
    delete incident.spec.target.workload;
    if (incident.status?.plan) incident.status.plan.steps = ['Isolate', 'Keep', 'Evict', 'Restart'];
    const { images, by } = await shown(error(500, 'Unasked'), incident);
    expect(images).toMatchObject([{ image: `${TAG}@${DIGEST}`, pinned: true }]);
    expect(by).toContain('die-operator');
  });

  test('of a bare pod that is not restarted is nobody', async () => {
    const incident = waitingIncident();
    delete incident.spec.target.workload;
    expect((await shown(error(500, 'Unasked'), incident)).notes.join()).toContain('gone for good');
  });
});

describe('who decides', () => {
  test('is whom the API server names, by its own clock', async () => {
    const { world, cluster, clock } = await createEmbeddedWorld();
    expect(await askSelf(world.client)).toEqual({
      username: EMBEDDED_USER,
      at: Math.floor(clock.now() / 1000) * 1000,
    });
    cluster.stop();
  });

  test('has to be known: else nothing is written', async () => {
    const writes: string[] = [];
    const client = {
      get: async () => waitingIncident(),
      create: async () => Promise.reject(error(404, 'Unknown')),
      jsonPatch: async () => void writes.push('patch'),
    } as unknown as KubeClient;
    const quiet = { ask: async () => 'Yes' as const, print: () => {}, say: () => {} };
    const request = {
      action: 'Hold',
      namespace: 'shop',
      name: 'x',
      reason: 'r',
      yes: true,
      waitMs: 0,
      output: 'text',
    } as const;
    const answered = answer({ client, clock: new VirtualClock(), ...quiet }, request);
    await expect(answered).rejects.toThrow('it is not known who you are');
    expect(writes).toEqual([]);
  });
});

describe('what became of a decision', () => {
  const decision = { action: 'Approve', by: 'ann', reason: 'r', planHash: HASH } as const;
  const seen = (outcome: string, reason: string, status: 'True' | 'Unknown') =>
    waitingIncident({
      decisions: [{ ...decision, at: T0, outcome }],
      conditions: [{ type: 'Approved', status, reason, message: 'm', lastTransitionTime: T0 }],
    });
  const followed = (incident: DriftIncident | KubeError) => {
    const get = async () =>
      incident instanceof KubeError ? Promise.reject(incident) : (incident as KubeObject);
    const client = { get } as unknown as KubeClient;
    return follow({ client, clock: new VirtualClock() }, waitingIncident(), decision, 0);
  };

  test('an approval that the operator takes counts', async () => {
    const outcome = await followed(seen('it counts for this plan', 'Approved', 'True'));
    expect(outcome).toMatchObject({ counts: true, seen: { outcome: 'it counts for this plan' } });
  });

  test('an approval of another plan does not', async () => {
    expect(await followed(seen('it does not count', 'PlanChanged', 'Unknown'))).toMatchObject({
      counts: false,
    });
  });

  test('one that was not seen is not said to be void', async () => {
    const outcome = await followed(waitingIncident());
    expect(outcome.seen).toBeUndefined();
    expect(outcome.counts).toBe(true);
  });

  test('an incident that is gone is told', async () => {
    expect(await followed(error(404, 'NotFound'))).toMatchObject({ unknown: 'the incident is gone' });
  });
});

describe('wrong usage ends with 2', () => {
  test.for<string[]>([
    ['approve', 'x'],
    ['approve', '--reason', 'r'],
    ['approve', 'x', '--reason', ' '],
    ['approve', 'x', '--reason', 'r'.repeat(1025)],
    ['approve', 'x', '--reason', 'r', '--expires', '30s'],
    ['approve', 'x', '--reason', 'r', '--expires', '169h'],
    ['approve', 'x', '--reason', 'r', '--expires', 'soon'],
    ['deny', 'x', '--reason', 'r', '--expires', '1h'],
    ['hold', 'x', '--reason', 'r', '--wait', '11m'],
    ['resume', 'x', 'y', '--reason', 'r'],
    ['release', 'x', '--reason', 'r', '-o', 'yaml'],
    ['incidents', '-A', '-n', 'shop'],
    ['incidents', 'shop'],
    ['show'],
  ])('%j', async (args) => {
    expect(await runProgram(...args)).toMatchObject({ code: 2, out: '' });
  });
});
