// What people are told through Falcosidekick of whole responses: the strict double listens.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { BREAKER_KEY, RESPONDER_LEASE, SWITCH_CONFIGMAP, SYSTEM_NAMESPACE } from '../../src/api/names.ts';
import { openOf, writeDecision } from '../../src/decide/breaker.ts';
import { notifyOf } from '../../src/commands/run/notify.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { CONFIG_MAPS, DRIFT_INCIDENTS, EVENTS } from '../../src/kube/resources.ts';
import { readSettings } from '../../src/settings.ts';
import { flowTest } from '../support/flow-test.ts';
import { NO_LIMITS } from '../support/limits.ts';
import { freePorts } from '../support/ports.ts';
import { bookOf, workloads } from '../support/storm.ts';
import { startRealFalcosidekick } from '../support/real-falcosidekick.ts';
import {
  forwardedBody,
  startStrictFalcosidekick,
  type StrictFalcosidekick,
} from '../support/strict-falcosidekick.ts';
import type { OperatorChange } from '../support/test-operator.ts';
import type { TestOperator, World } from '../support/world.ts';

const ALWAYS = { approval: { requiredFor: ['Always'] } };

const test = flowTest.extend('falcosidekick', async ({}, { onCleanup }): Promise<StrictFalcosidekick> => {
  const double = await startStrictFalcosidekick();
  onCleanup(() => double.close());
  return double;
});

/** An operator that tells the server with that URL. */
async function telling(world: World, url: string, change: OperatorChange = {}): Promise<TestOperator> {
  const settings = readSettings({ tokenFile: '/tokens', falcosidekickUrl: url });
  return world.operator({ ...(await notifyOf(settings, systemClock)), ...change });
}

const reasonOf = ({ rule }: { rule: string }) => rule.replace('die-operator: ', '');
// What is more urgent may overtake on the way: each says when it was.
const reasons = ({ taken }: StrictFalcosidekick) =>
  taken.toSorted((a, b) => a.time.localeCompare(b.time)).map(reasonOf);

/** Waits until that was told. Returns all that was. */
async function told(world: World, double: StrictFalcosidekick, reason: string): Promise<string[]> {
  await world.until(`${reason} is told`, async () => reasons(double).includes(reason) || undefined);
  return reasons(double);
}

async function decide(world: World, { metadata }: DriftIncident, decision: object): Promise<void> {
  const { namespace = '', name } = metadata;
  await world.client.jsonPatch(DRIFT_INCIDENTS, { namespace, name }, [
    { op: 'add', path: '/spec/decision', value: { by: 'ann', reason: 'looked at it', ...decision } },
  ]);
}

const phaseIs = (phase: string) => (incident: DriftIncident) => incident.status?.phase === phase;

/** Reasons of the Events on incidents, in the order in which they were made. */
async function eventsOf(world: World): Promise<string[]> {
  type Event = KubeObject & { reason: string; regarding: { kind: string }; eventTime: string };
  const all = (await world.list(EVENTS)) as Event[];
  const ours = all.filter(({ regarding }) => regarding.kind === DRIFT_INCIDENTS.kind);
  return ours.toSorted((a, b) => (a.eventTime < b.eventTime ? -1 : 1)).map(({ reason }) => reason);
}

describe('a response that goes its way', () => {
  test('is told in the order of its steps, as its Events tell it', async ({ world, falcosidekick }) => {
    const victim = await world.victim(3);
    const operator = await telling(world, falcosidekick.url);
    await world.policy();
    await operator.post(world.alert(victim));
    const { metadata } = await world.incident('that is over', phaseIs('Resolved'));
    await told(world, falcosidekick, 'DriftEvidenceKept');
    expect(await told(world, falcosidekick, 'DriftResolved')).toEqual([
      'DriftIsolated',
      'DriftEvidenceKept',
      'DriftEvicting',
      'DriftResolved',
    ]);
    expect(falcosidekick.refusals).toEqual([]);
    const sameEvents = async () => ((await eventsOf(world)).length === 4 ? eventsOf(world) : undefined);
    const events = await world.until('the Events are there', sameEvents);
    expect(events.toSorted()).toEqual(reasons(falcosidekick).toSorted());
    for (const { hostname, source, output_fields: fields } of falcosidekick.taken) {
      expect({ hostname, source }).toEqual({ hostname: 'test-1', source: 'die-operator' });
      expect(fields).toMatchObject({
        'k8s.ns.name': world.namespace,
        'k8s.pod.name': victim.metadata.name,
        'die.incident': `${world.namespace}/${metadata.name}`,
        'die.severity': 'Critical',
      });
    }
    const last = falcosidekick.taken.find((one) => reasonOf(one) === 'DriftResolved');
    expect(last?.output_fields).toMatchObject({ 'die.phase': 'Resolved' });
  });

  test('comes back from Falcosidekick to nobody', async ({ world, falcosidekick }) => {
    const victim = await world.victim(3);
    const operator = await telling(world, falcosidekick.url);
    await world.policy();
    await operator.post(world.alert(victim));
    await told(world, falcosidekick, 'DriftResolved');
    const forwarded = [...falcosidekick.forwarded];
    for (const body of forwarded)
      expect(await operator.post(body)).toMatchObject({ status: 202, body: { outcome: 'Ignored' } });
    expect(forwarded).toHaveLength(4);
    expect(await world.list(DRIFT_INCIDENTS)).toHaveLength(1);
    expect(reasons(falcosidekick)).toHaveLength(forwarded.length);
    expect(await operator.metrics()).toMatch(
      /notifications_total\{destination="falcosidekick",result="Sent"\} 4$/m,
    );
  });

  test('is told once: not again by the next operator', async ({ world, falcosidekick }) => {
    const victim = await world.victim(3);
    const first = await telling(world, falcosidekick.url);
    await world.policy(ALWAYS);
    await first.post(world.alert(victim));
    await world.incident('that waits', phaseIs('AwaitingApproval'));
    const before = await told(world, falcosidekick, 'AwaitingApproval');
    await first.stop();
    await telling(world, falcosidekick.url, { instance: 'test-2', evidence: first.evidence });
    const incident = await world.incident('that waits', phaseIs('AwaitingApproval'));
    await decide(world, incident, { action: 'Approve', planHash: incident.status?.plan?.hash });
    const all = await told(world, falcosidekick, 'DriftResolved');
    expect(all.slice(0, before.length)).toEqual(before);
    expect(all).toEqual([...new Set(all)]);
  });

  test('is told at most once after it was recorded: what a responder did not get rid of is not told by the next', async ({
    world,
    falcosidekick,
  }) => {
    const victim = await world.victim(3);
    falcosidekick.behave = () => 'hang';
    const first = await telling(world, falcosidekick.url);
    await world.policy(ALWAYS);
    await first.post(world.alert(victim));
    const incident = await world.incident('that waits', phaseIs('AwaitingApproval'));
    await first.stop();
    falcosidekick.behave = () => undefined;
    await telling(world, falcosidekick.url, { instance: 'test-2', evidence: first.evidence });
    await decide(world, incident, { action: 'Approve', planHash: incident.status?.plan?.hash });
    expect(await told(world, falcosidekick, 'DriftResolved')).toEqual(['DriftEvicting', 'DriftResolved']);
  });

  test('does not wait for a server that nobody can reach, and that is counted', async ({ world }) => {
    const victim = await world.victim(3);
    const [port] = await freePorts(1);
    const operator = await telling(world, `http://127.0.0.1:${port}/`);
    await world.policy();
    await operator.post(world.alert(victim));
    await world.incident('that is over', phaseIs('Resolved'));
    await operator.stop();
    expect(await operator.metrics()).toMatch(
      /notifications_total\{destination="falcosidekick",result="Failed"\} 4$/m,
    );
  });
});

describe('a response that people decide', () => {
  test('tells that they are asked, that they denied, and that it was released', async ({
    world,
    falcosidekick,
  }) => {
    const victim = await world.victim(3);
    const operator = await telling(world, falcosidekick.url);
    await world.policy(ALWAYS);
    await operator.post(world.alert(victim));
    const incident = await world.incident('that waits', phaseIs('AwaitingApproval'));
    await told(world, falcosidekick, 'AwaitingApproval');
    const asked = falcosidekick.taken.at(-1);
    expect(asked).toMatchObject({ priority: 'Error', output_fields: { 'die.phase': 'AwaitingApproval' } });
    expect(asked?.output).toContain(`die-operator approve -n ${world.namespace} ${incident.metadata.name}`);
    await decide(world, incident, { action: 'Hold' });
    await told(world, falcosidekick, 'Held');
    await decide(world, incident, { action: 'Deny' });
    await told(world, falcosidekick, 'EvictionDenied');
    await decide(world, incident, { action: 'Release' });
    const all = await told(world, falcosidekick, 'DriftReleased');
    expect(all.slice(0, 3)).toEqual(['DriftIsolated', 'DriftEvidenceKept', 'AwaitingApproval']);
    expect(falcosidekick.refusals).toEqual([]);
  });
});

describe('the circuit breaker', () => {
  test('is told when it opens and when a person closes it', async ({ world, falcosidekick }) => {
    const limits = { ...NO_LIMITS, breaker: { ...NO_LIMITS.breaker, workloads: 2 } };
    const pods = (await workloads(world, 2)).flatMap((all) => all.slice(0, 1));
    const operator = await telling(world, falcosidekick.url, { limits });
    await world.policy();
    await Promise.all(pods.map((pod) => operator.post(world.alert(pod))));
    const opening = await world.until('an open breaker', async () => openOf((await bookOf(world)).openings));
    await told(world, falcosidekick, 'BreakerOpened');
    expect(falcosidekick.taken.find((notice) => reasonOf(notice) === 'BreakerOpened')).toMatchObject({
      priority: 'Critical',
      output: expect.stringContaining('die-operator breaker close'),
    });
    const at = { namespace: SYSTEM_NAMESPACE, name: SWITCH_CONFIGMAP };
    const decision = writeDecision({ opened: opening.openedAt, by: 'ann', reason: 'it was a test' });
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: at, data: { [BREAKER_KEY]: decision } };
    const { metadata } = await world.client.create<KubeObject>(
      CONFIG_MAPS,
      { namespace: at.namespace },
      body,
    );
    await told(world, falcosidekick, 'BreakerClosed');
    await world.client.delete(CONFIG_MAPS, at, metadata.uid);
  });
});

describe('only the responder that leads', () => {
  test('tells of incidents; each receiver tells of alerts that it could not identify', async ({
    world,
    falcosidekick,
  }) => {
    const election = { namespace: world.namespace, name: RESPONDER_LEASE };
    const victim = await world.victim(3);
    const first = await telling(world, falcosidekick.url, { election });
    const second = await telling(world, falcosidekick.url, { election, instance: 'test-2' });
    await world.policy();
    for (const operator of [first, second])
      for (let n = 0; n < 20; n++)
        await operator.post(world.alert(victim, { hostname: 'elsewhere', fields: { 'proc.pid': n } }));
    await second.post(world.alert(victim));
    const all = await told(world, falcosidekick, 'DriftResolved');
    expect(all.filter((reason) => reason.startsWith('Drift'))).toHaveLength(4);
    await world.until('the rest is told', async () => {
      const some = falcosidekick.taken.filter((notice) => reasonOf(notice) === 'AlertsUnidentified');
      return some.reduce((sum, { output_fields: f }) => sum + Number(f['die.count']), 0) === 40 || undefined;
    });
    const summaries = falcosidekick.taken.filter((notice) => reasonOf(notice) === 'AlertsUnidentified');
    expect(summaries.map(({ hostname }) => hostname).toSorted()).toEqual([
      'test-1',
      'test-1',
      'test-2',
      'test-2',
    ]);
    expect(JSON.stringify(summaries)).not.toContain('elsewhere');
  }, 100_000);
});

// Where the variable names the binary; elsewhere there is no such test, and the double stands for it.
const binaries = [process.env['FALCOSIDEKICK_BIN'] ?? ''].filter((path) => path !== '');
describe.each(binaries)('the real Falcosidekick %s', (binary) => {
  flowTest(
    'takes what is told, and sends it on as the double does; it comes back to nobody',
    async ({ world }) => {
      const falcosidekick = await startRealFalcosidekick(binary);
      try {
        const victim = await world.victim(3);
        const operator = await telling(world, falcosidekick.url);
        await world.policy();
        await operator.post(world.alert(victim, { hostname: 'elsewhere', fields: { 'proc.pid': 1 } }));
        await operator.post(world.alert(victim));
        const { forwarded } = falcosidekick;
        await world.until('all is sent on', async () => forwarded.length >= 5 || undefined);
        const events = forwarded.map((body) => JSON.parse(body) as { rule: string });
        expect(events.map(reasonOf).toSorted()).toEqual([
          'AlertsUnidentified',
          'DriftEvicting',
          'DriftEvidenceKept',
          'DriftIsolated',
          'DriftResolved',
        ]);
        const withoutUuid = (body: string) => body.replace(/"uuid":"[^"]*"/, '');
        for (const [index, body] of forwarded.entries()) {
          expect(withoutUuid(body)).toBe(withoutUuid(forwardedBody({ ...events[index] })));
          expect(await operator.post(body)).toMatchObject({ status: 202, body: { outcome: 'Ignored' } });
        }
        expect(await operator.metrics()).toMatch(
          /notifications_total\{destination="falcosidekick",result="Sent"\} 5$/m,
        );
        expect(await world.list(DRIFT_INCIDENTS)).toHaveLength(1);
      } finally {
        await falcosidekick.close();
      }
    },
  );
});
