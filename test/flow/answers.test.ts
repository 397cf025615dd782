// The verbs by which people answer incidents, beside an operator at work: what each leads to, and what is refused.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { answer, type AnswerRequest } from '../../src/commands/answer/answer.ts';
import type { Reply } from '../../src/commands/answer/terminal.ts';
import { NotDecidedError } from '../../src/commands/answer/write.ts';
import { DRIFT_INCIDENTS } from '../../src/kube/resources.ts';
import { flowTest as test } from '../support/flow-test.ts';
import type { TestOperator, World } from '../support/world.ts';

const ASKS = {
  responses: [{ name: 'all', minSeverity: 'Warning', actions: ['Label', 'Isolate', 'Evict'] }],
  approval: { requiredFor: ['Always'] },
  limits: { cooldown: '0s' },
  eviction: { replacement: { quietFor: '0s' } },
};

interface Asked {
  operator: TestOperator;
  victim: KubeObject;
  incident: DriftIncident;
}

/** An incident that waits for a person. */
async function asked(world: World): Promise<Asked> {
  const victim = await world.victim(3);
  const operator = await world.operator();
  await world.policy(ASKS);
  await operator.post(world.alert(victim));
  const incident = await world.incident(
    'that asks a person',
    ({ status }) => status?.phase === 'AwaitingApproval' && status.plan?.hash !== undefined,
  );
  return { operator, victim, incident };
}

interface Answered {
  code: number | undefined;
  error: string | undefined;
  out: string;
  questions: string[];
}

/** Runs a verb as a person would, while time passes. */
async function answered(
  world: World,
  incident: DriftIncident,
  change: Partial<AnswerRequest> & Pick<AnswerRequest, 'action'>,
  reply: (question: string) => Promise<Reply> = async () => 'Yes',
): Promise<Answered> {
  const { client, parts } = world;
  const { namespace = '', name } = incident.metadata;
  const said: Answered = { code: undefined, error: undefined, out: '', questions: [] };
  const print = (text: string) => void (said.out += text);
  const ask = (question: string) => {
    said.questions.push(question);
    return reply(question);
  };
  const request: AnswerRequest = {
    namespace,
    name,
    reason: 'ticket 7',
    yes: false,
    waitMs: 30_000,
    output: 'text',
    ...change,
    ...(change.action === 'Approve' && { expiresMs: change.expiresMs ?? 3_600_000 }),
  };
  let isOver = false;
  void answer({ client, clock: parts.clock, ask, print, say: print }, request)
    .then(
      (code) => (said.code = code),
      (error: unknown) => {
        if (!(error instanceof NotDecidedError)) throw error;
        said.error = error.message;
      },
    )
    .finally(() => (isOver = true));
  await world.until('the verb ends', async () => isOver || undefined);
  return said;
}

const evictions = (operator: TestOperator) =>
  operator.writes.filter(({ path }) => path.includes('/eviction') && !path.includes('dryRun'));

const read = (world: World, { metadata: { namespace = '', name } }: DriftIncident) =>
  world.client.get<DriftIncident>(DRIFT_INCIDENTS, { namespace, name });

describe('approve', () => {
  test('shows what is touched and what takes its place, asks, and leads to the eviction', async ({
    world,
  }) => {
    const { operator, victim, incident } = await asked(world);
    const said = await answered(world, incident, { action: 'Approve' });
    expect(said).toMatchObject({ code: 0, questions: ['\nApprove exactly this?'] });
    expect(said.out).toContain(`UID ${victim.metadata.uid}`);
    expect(said.out).toContain(incident.status?.plan?.hash);
    expect(said.out).toContain('no disruption budget is against the eviction now');
    expect(said.out).toContain('pinned');
    expect(said.out).toContain('it counts for this plan');
    await world.incident('that is resolved', ({ status }) => status?.phase === 'Resolved');
    expect(evictions(operator)).toHaveLength(1);
    const { spec, status } = await read(world, incident);
    expect(spec.decision).toMatchObject({ action: 'Approve', planHash: incident.status?.plan?.hash });
    expect(spec.decision?.expiresAt).toBeDefined();
    expect(status?.decisions).toHaveLength(1);
  });

  test('writes nothing where the person says no, or nobody can be asked', async ({ world }) => {
    const { incident } = await asked(world);
    const no = await answered(world, incident, { action: 'Approve' }, async () => 'No');
    expect(no.error).toContain('you did not say yes');
    const nobody = await answered(world, incident, { action: 'Approve' }, async () => 'NoTerminal');
    expect(nobody.error).toContain('give --yes');
    expect((await read(world, incident)).spec.decision).toBeUndefined();
  });

  test('is refused where the plan changed between showing and answering', async ({ world }) => {
    const { operator, victim, incident } = await asked(world);
    const before = incident.status?.plan?.hash;
    const said = await answered(world, incident, { action: 'Approve' }, async () => {
      // The severity rises while the person reads.
      await operator.post(world.alert(victim, { priority: 'Emergency', rule: 'Another rule' }));
      await world.incident('with another plan', ({ status }) => status?.plan?.hash !== before);
      return 'Yes';
    });
    expect(said.error).toContain('the plan changed after it was shown');
    expect(said.error).toContain(`die-operator show -n ${world.namespace} ${incident.metadata.name}`);
    expect((await read(world, incident)).spec.decision).toBeUndefined();
    expect(evictions(operator)).toEqual([]);
  });

  test('is refused where somebody else decided meanwhile', async ({ world }) => {
    const { incident } = await asked(world);
    const said = await answered(world, incident, { action: 'Approve' }, async () => {
      await answered(world, incident, { action: 'Hold', reason: 'wait for me', yes: true });
      return 'Yes';
    });
    expect(said.error).toContain('decided Hold meanwhile (wait for me)');
    expect((await read(world, incident)).spec.decision?.action).toBe('Hold');
  });
});

describe('deny', () => {
  test('keeps the pod in quarantine', async ({ world }) => {
    const { operator, victim, incident } = await asked(world);
    const said = await answered(world, incident, { action: 'Deny' });
    expect(said.code).toBe(0);
    expect(said.out).toContain('is not evicted: its quarantine stays');
    expect(said.out).toContain('the pod is not evicted, and its quarantine stays');
    await world.incident('that rests', ({ status }) => status?.phase === 'Quarantined');
    expect(evictions(operator)).toEqual([]);
    expect((await world.pod(victim.metadata.name))?.metadata.uid).toBe(victim.metadata.uid);
    const again = await answered(world, incident, { action: 'Deny' });
    expect(again.error).toContain('denied it already');
  });
});

describe('hold', () => {
  test('stops what would be done until resume, and then a person is asked again', async ({ world }) => {
    const { operator, incident } = await asked(world);
    expect((await answered(world, incident, { action: 'Hold' })).code).toBe(0);
    await world.incident('that is held', ({ status }) => status?.phase === 'Held');
    const resumed = await answered(world, incident, { action: 'Resume' });
    expect(resumed.code).toBe(0);
    expect(resumed.out).toContain('a person is asked again');
    await world.incident('that asks again', ({ status }) => status?.phase === 'AwaitingApproval');
    expect(evictions(operator)).toEqual([]);
    expect((await answered(world, incident, { action: 'Approve', yes: true })).code).toBe(0);
    await world.incident('that is resolved', ({ status }) => status?.phase === 'Resolved');
  });
});

describe('resume', () => {
  test('is refused where nobody decided anything', async ({ world }) => {
    const { incident } = await asked(world);
    const said = await answered(world, incident, { action: 'Resume' });
    expect(said.error).toContain('nobody holds it');
  });
});

describe('release', () => {
  test('puts the pod back, and no later decision is taken', async ({ world }) => {
    const { operator, victim, incident } = await asked(world);
    const said = await answered(world, incident, { action: 'Release' });
    expect(said.code).toBe(0);
    expect(said.out).toContain('gets its labels (app, pod-template-hash)');
    await world.incident('that was released', ({ status }) => status?.phase === 'Released');
    expect(evictions(operator)).toEqual([]);
    const restored = operator.writes.find(
      ({ path, body }) => path.includes('/pods/') && JSON.stringify(body).includes('remove'),
    );
    expect(restored?.answer).toMatchObject({ metadata: { labels: victim.metadata.labels } });
    const late = await answered(world, incident, { action: 'Hold' });
    expect(late.error).toContain('it is over (Released)');
  });
});

describe('a decision that nobody sees', () => {
  test('is written, and says that it was not seen', async ({ world }) => {
    const { operator, incident } = await asked(world);
    await operator.stop();
    const said = await answered(world, incident, { action: 'Hold', waitMs: 1_000 });
    expect(said.code).toBe(0);
    expect(said.out).toContain('the operator has not seen it within 1 s');
    expect((await read(world, incident)).spec.decision?.action).toBe('Hold');
  });
});
