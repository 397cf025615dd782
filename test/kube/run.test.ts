// `die-operator run` as a receiver and a responder, processes of their own: when each says that it is ready, and what
// metrics and logs tell of a response.
import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import type { Role } from '../../src/api/names.ts';
import { DRIFT_POLICIES, resourcePath } from '../../src/kube/resources.ts';
import { aPolicy } from '../support/builders.ts';
import { postTo, type OperatorProcess } from '../support/fleet.ts';
import { fleetTest as test, freeLease } from '../support/fleet-test.ts';
import { eventually } from '../support/real-api-test.ts';

const PATIENCE_MS = 60_000;
const RULE = 'A rule that no label shows';

interface Answer {
  status: number;
  text: string;
}

async function ask({ addresses }: OperatorProcess, path: string): Promise<Answer> {
  const answer = await fetch(new URL(path, (await addresses).probes));
  return { status: answer.status, text: await answer.text() };
}

async function ready(process: OperatorProcess): Promise<void> {
  const what = `the ${process.member.role} is ready`;
  await eventually(
    what,
    () => ask(process, '/readyz'),
    ({ status }) => status === 200,
    PATIENCE_MS,
  );
}

/** The samples that are not 0, without the buckets of histograms. */
async function counted(process: OperatorProcess): Promise<Record<string, number>> {
  const { text } = await ask(process, '/metrics');
  const samples = text.matchAll(/^(?:die_operator_)(\w+(?:\{.*\})?) (\S+)$/gm);
  const values = [...samples].map(([, name = '', value]): [string, number] => [name, Number(value)]);
  return Object.fromEntries(values.filter(([name, value]) => value !== 0 && !name.includes('_bucket')));
}

/** What it logged with these fields, as objects. */
function logged({ log }: OperatorProcess, ...fields: string[]): Record<string, unknown>[] {
  const lines = log.map((line) => JSON.parse(line) as Record<string, unknown>);
  return lines.filter((line) => fields.every((field) => field in line));
}

describe('is alive, and not ready before it has read the policies:', () => {
  test.for<Role>(['receiver', 'responder'])('the %s', async (role, { client, fleet, openWorld, proxy }) => {
    const { namespace } = await openWorld();
    const slow = await proxy();
    const policies = resourcePath(DRIFT_POLICIES, { namespace });
    const list = slow.hold(({ method, path }) => method === 'GET' && path.startsWith(policies));
    const lease = await freeLease(client, `run-${randomBytes(4).toString('hex')}`);
    const process = await fleet.start({
      name: `slow-${role}`,
      role,
      namespaces: [namespace],
      server: slow.server,
      lease,
    });
    const held = await list;

    expect(await ask(process, '/livez')).toMatchObject({ status: 200 });
    const { status, text } = await ask(process, '/readyz');
    expect({ status, text }).toEqual({ status: 503, text: expect.stringContaining('still being read') });
    await held.release();
    await ready(process);
    expect(await process.end('SIGTERM')).toBe(0);
  });
});

test('of a response both tell in metrics and logs, without a word of the alert in a label', async ({
  client,
  fleet,
  openWorld,
}) => {
  const world = await openWorld();
  const { namespace } = world;
  const common = { namespaces: [namespace], lease: await freeLease(client, `run-${namespace}`) };
  const receiver = await fleet.start({ name: 'told-receiver', role: 'receiver', ...common });
  const responder = await fleet.start({ name: 'told-responder', role: 'responder', ...common });
  const { apiVersion, kind, spec } = aPolicy();
  const policy = { apiVersion, kind, metadata: { name: 'web', namespace }, spec };
  await client.create(DRIFT_POLICIES, { namespace }, policy);
  const victim = await world.victim(2);
  await Promise.all([ready(receiver), ready(responder)]);

  expect(await postTo(receiver, world.alert(victim, { rule: RULE }))).toMatchObject({ status: 202 });
  const { metadata } = await world.incident('resolved', ({ status }) => status?.phase === 'Resolved');
  const ended = (values: Record<string, number>) => values['incidents_total{phase="Resolved"}'] === 1;
  const ofResponder = await eventually('the end is counted', () => counted(responder), ended);
  expect(ofResponder).toMatchObject({
    leading: 1,
    alert_to_isolated_seconds_count: 1,
    'step_duration_seconds_count{step="Isolate",result="Succeeded"}': expect.any(Number),
    'step_duration_seconds_count{step="Capture",result="Succeeded"}': expect.any(Number),
    'step_duration_seconds_count{step="Evict",result="Succeeded"}': expect.any(Number),
    'cache_objects{kind="DriftPolicy"}': 1,
    'cache_objects{kind="DriftIncident"}': 1,
  });
  expect(await counted(receiver)).toMatchObject({
    'alerts_total{outcome="Opened"}': 1,
    'cache_objects{kind="Pod"}': expect.any(Number),
  });
  for (const process of [receiver, responder]) {
    const { text } = await ask(process, '/metrics');
    expect(text).toMatch(/^process_resident_memory_bytes \d/m);
    expect(text).toMatch(/^die_operator_queue_depth\{queue="\w+"\} \d+$/m);
    for (const word of [RULE, namespace, victim.metadata.name]) expect(text).not.toContain(word);
  }

  const incident = `${namespace}/${metadata.name}`;
  expect(logged(receiver, 'outcome')).toMatchObject([{ outcome: 'Opened', incident }]);
  const steps = logged(responder, 'incident', 'step');
  expect(steps.map((line) => line['step'])).toEqual(expect.arrayContaining(['Isolate', 'Capture', 'Evict']));
  expect(new Set(steps.map((line) => line['incident']))).toEqual(new Set([incident]));
  expect(logged(responder, 'phase')).toMatchObject([{ incident, phase: 'Resolved' }]);
  for (const process of [receiver, responder]) expect(await process.end('SIGTERM')).toBe(0);
});
