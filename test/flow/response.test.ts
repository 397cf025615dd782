// The main job: an alert as Falcosidekick sends it, followed to the end of the response.
import { describe, expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import { INCIDENT_ANNOTATION, QUARANTINE_LABEL, SEVERITY_LABEL } from '../../src/api/names.ts';
import { podFacts } from '../../src/api/pod.ts';
import { NETWORK_POLICIES, PODS } from '../../src/kube/resources.ts';
import { flowTest as test } from '../support/flow-test.ts';
import { isReady, PINNED } from '../support/world.ts';

/** A write without what differs from run to run: `PATCH pods`, `POST pods/eviction dry run`. */
function nameOf({ method, path }: { method: string; path: string }): string {
  const [route = '', query = ''] = path.split('?');
  const parts = route.split('/').slice(route.startsWith('/api/') ? 5 : 6);
  const [plural, , subresource] = parts;
  return `${method} ${plural}${subresource ? `/${subresource}` : ''}${query.includes('dryRun') ? ' (dry run)' : ''}`;
}

/** Reasons of `Ready` while others have their turn: the kubelet, the controller. */
const LATE = ['PodTerminating', 'WaitingForReplacement'];

/** What a patch of a status says in its conditions, `Ready` first. */
function newsIn(body: unknown): string[] {
  const ops = Array.isArray(body) ? (body as { path: string; value?: unknown }[]) : [];
  const { value } = ops.find(({ path }) => path === '/status/conditions') ?? {};
  if (!Array.isArray(value)) return [];
  return [
    (value as { reason: string; message: string }[])
      .map(({ reason, message }) => `${reason} ${message}`)
      .join(' | '),
  ];
}

describe('a Critical alert about a pod of a Deployment of three', () => {
  test('ends in a verified replacement, in two writes to isolation and seven more to the end, and two to the ledger', async ({
    world,
  }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy();
    // The answer to that write may reach the operator after we have seen what it wrote.
    await world.until(
      'the judgement is written',
      async () =>
        operator.writes.some((write) => nameOf(write) === 'PATCH driftpolicies/status') || undefined,
    );
    operator.writes.length = 0;

    const answer = await operator.post(world.alert(victim));
    expect(answer).toMatchObject({ status: 202, body: { outcome: 'Opened' } });

    const incident = await world.incident('that is over', (i) => i.status?.phase === 'Resolved');
    expect(incident.spec.target).toMatchObject({ name: victim.metadata.name, uid: victim.metadata.uid });
    expect(incident.status?.steps?.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'Isolate Succeeded',
      'Capture Succeeded',
      'Evict Succeeded',
      'Verify Succeeded',
    ]);
    const conditions = ['Ready', 'Isolated', 'EvidenceComplete', 'Contained', 'ReplacementVerified'].map(
      (type) => {
        const found = findCondition(incident.status?.conditions, type);
        return `${type}=${found?.status}/${found?.reason}`;
      },
    );
    expect(conditions).toEqual([
      'Ready=True/Replaced',
      'Isolated=False/PodGone',
      'EvidenceComplete=True/Captured',
      'Contained=True/Terminated',
      'ReplacementVerified=True/Pinned',
    ]);

    const after = await world.until('three Ready pods without the victim', async () => {
      const ready = (await world.list(PODS)).filter(isReady);
      return ready.length === 3 && !ready.some((pod) => pod.metadata.uid === victim.metadata.uid)
        ? ready
        : undefined;
    });
    expect(after.map((pod) => pod.metadata.uid)).toContain(incident.status?.replacement?.uid);
    await world.incident('without our finalizer', (i) => (i.metadata.finalizers ?? []).length === 0);

    // The lists for admission policies are kept by an account that may manage quarantines, as the tests' own may. A policy is
    // judged anew when the cluster changes, which other tests do.
    const writes = operator.writes
      .map(nameOf)
      .filter((name) => !/ (configmaps|driftpolicies\/status)$/.test(name));
    expect(writes.slice(0, 2)).toEqual(['POST driftincidents', 'PATCH pods']);
    const needed = writes.filter((name) => name !== 'POST pods/eviction (dry run)');
    expect(needed).toContain('POST pods/eviction');
    const told = operator.writes.flatMap(({ body }) => newsIn(body));
    expect(told).toEqual([...new Set(told)]);
    // What has to be waited for is told once more, and never twice.
    const late = told.filter((news) => LATE.some((reason) => news.startsWith(reason))).length - 1;
    const tooMany = needed.length - Math.max(0, late) > 9 ? [...needed, ...told] : [];
    expect(tooMany).toEqual([]);
    // It is made before the first alert, or at it.
    const entries = operator.ledger.filter(({ method }) => method === 'PATCH');
    expect(entries).toHaveLength(2);
    expect(operator.writes.every(({ status }) => status < 300)).toBe(true);
  });

  test('takes all labels away in one patch and leaves only ours', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy({ responses: [{ name: 'contain', minSeverity: 'Warning', actions: ['Isolate'] }] });
    await operator.post(world.alert(victim));

    const incident = await world.incident('in quarantine', (i) => i.status?.phase === 'Quarantined');
    const pod = await world.until('the released pod', async () => {
      const found = await world.pod(victim.metadata.name);
      return found && !found.metadata.ownerReferences?.length ? found : undefined;
    });
    expect(pod.metadata.labels).toEqual({ [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' });
    expect(pod.metadata.annotations).toMatchObject({ [INCIDENT_ANNOTATION]: incident.metadata.name });
    const [policy] = await world.list(NETWORK_POLICIES);
    expect(policy?.['spec']).toEqual({
      podSelector: { matchLabels: { [QUARANTINE_LABEL]: 'true' } },
      policyTypes: ['Ingress', 'Egress'],
    });
  });

  test('keeps the pod as it was before the patch, its logs, and what to rotate', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy();
    await operator.post(world.alert(victim));

    const incident = await world.incident('with evidence', (i) => i.status?.evidence !== undefined);
    const manifest = operator.evidence.manifest(incident.metadata.uid);
    expect(manifest?.files.map((file) => file.path)).toEqual(
      expect.arrayContaining(['api/pod.json', 'api/incident.json', 'rotate.json', 'logs/about.json']),
    );
    const kept = JSON.parse(
      operator.evidence.text(incident.metadata.uid, 'api/pod.json') ?? '{}',
    ) as typeof victim;
    expect(kept.metadata.labels).toEqual(victim.metadata.labels);
    expect(podFacts(kept).containers[0]?.image).toBe(PINNED);
  });

  test('is told in Events on the incident and on the pod', async ({ world }) => {
    const victim = await world.victim(3);
    const operator = await world.operator();
    await world.policy();
    await operator.post(world.alert(victim));
    await world.incident('that is over', (i) => i.status?.phase === 'Resolved');

    const told = await world.until('the last Event', async () => {
      const bodies = operator.events.map(
        ({ body }) => body as { reason: string; regarding: { kind: string } },
      );
      const list = bodies.map(({ reason, regarding }) => `${regarding.kind} ${reason}`);
      return list.includes('DriftIncident DriftResolved') ? list : undefined;
    });
    expect(told).toEqual(
      expect.arrayContaining([
        'Pod DriftIsolated',
        'DriftIncident DriftIsolated',
        'DriftIncident DriftEvidenceKept',
        'Pod DriftEvicting',
      ]),
    );
  });
});
