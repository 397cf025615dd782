// What evidence holds of the cluster itself, where an API that answers otherwise than a real one would show: the token of
// the pod, its logs, the Events about it.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import { podFacts } from '../../src/api/pod.ts';
import type { CredentialsWithinReach } from '../../src/evidence/collectors/rotate.ts';
import { CORE_EVENTS, EVENTS, PODS } from '../../src/kube/resources.ts';
import { flowTest as test } from '../support/flow-test.ts';
import type { TestOperator, World } from '../support/world.ts';

const KEEP = { responses: [{ name: 'keep', minSeverity: 'Warning', actions: ['Isolate', 'Capture'] }] };
const STAMP = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*Z`;

interface Captured {
  operator: TestOperator;
  incident: DriftIncident;
  json: (path: string) => unknown;
  text: (path: string) => string;
}

/** Runs a response up to its evidence. */
async function captured(world: World): Promise<Captured> {
  const victim = await world.victim(3);
  const operator = await world.operator();
  await world.policy(KEEP);
  await operator.post(world.alert(victim));
  const incident = await world.incident('with evidence', (i) => i.status?.evidence !== undefined);
  const text = (path: string) => operator.evidence.text(incident.metadata.uid, path) ?? '';
  return { operator, incident, text, json: (path) => JSON.parse(text(path)) as unknown };
}

describe('the evidence', () => {
  test('names the token that the intruder had', async ({ world }) => {
    const { json } = await captured(world);
    const { serviceAccount, configMaps } = json('rotate.json') as CredentialsWithinReach;
    const volume = expect.stringMatching(/^kube-api-access-[a-z0-9]{5}$/);
    expect(serviceAccount).toEqual({
      name: 'default',
      tokens: [{ volume, audience: 'the API server', expirationSeconds: 3607 }],
      secrets: [],
    });
    expect(configMaps).toEqual([
      { name: 'kube-root-ca.crt', reachedBy: [expect.stringMatching(/^volume kube-api-access-/)] },
    ]);
    expect(json('api/service-account.json')).toMatchObject({ metadata: { name: 'default' } });
  });

  test('holds the log with its times, and notes that there was no run before', async ({ world }) => {
    const { incident, text, json } = await captured(world);
    expect(text('logs/web/current.log')).toMatch(new RegExp(`^${STAMP} web is listening\n$`));
    expect(json('logs/about.json')).toHaveProperty('logs', [
      { container: 'web', type: 'regular', run: 'current', file: 'logs/web/current.log', truncated: false },
      {
        container: 'web',
        type: 'regular',
        run: 'previous',
        note: expect.stringContaining('previous terminated container "web" in pod "web-'),
      },
    ]);
    expect(incident.status?.evidence?.problems).toEqual([]);
  });
});

test('the Events of the operator are read by clients of the core API, such as kubectl describe', async ({
  world,
}) => {
  const { incident } = await captured(world);
  const { namespace } = world;
  const { uid } = incident.spec.target;
  const reasons = await world.until('an Event about the pod', async () => {
    const selection = { namespace, fieldSelector: `involvedObject.uid=${uid}` };
    const { items } = await world.client.list(CORE_EVENTS, selection);
    const ours = items.filter((event) => event['reportingComponent'] === 'die-operator');
    return ours.length > 0 ? ours.map((event) => event['reason']) : undefined;
  });
  expect(reasons).toContain('DriftIsolated');
  const modern = await world.client.list(EVENTS, { namespace, fieldSelector: `regarding.uid=${uid}` });
  expect(modern.items.map((event) => event['reason'])).toEqual(expect.arrayContaining(reasons));
});

describe('the log of a running container', () => {
  test.for([
    ['with everything', { container: 'web' }, 'web is listening\n'],
    ['without its name, as it is the only one', {}, 'web is listening\n'],
    ['with its first bytes', { limitBytes: '3' }, 'web'],
    ['with more lines than there are', { tailLines: '100' }, 'web is listening\n'],
    ['with no lines', { tailLines: '0' }, ''],
  ] as const)('is given %s', async ([, query, expected], { world }) => {
    expect(await logOf(world, query)).toBe(expected);
  });

  test('is given with times', async ({ world }) => {
    expect(await logOf(world, { timestamps: 'true' })).toMatch(new RegExp(`^${STAMP} web is listening\n$`));
  });

  test.for([
    ['another container', { container: 'db' }, 400, 'container db is not valid for pod web-'],
    ['the run before', { previous: 'true' }, 400, 'previous terminated container "web" in pod "web-'],
    ['lines below zero', { tailLines: '-1' }, 422, 'must be greater than or equal to 0'],
    ['lines that are no number', { tailLines: 'x' }, 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
    ['no bytes', { limitBytes: '0' }, 422, 'must be greater than 0'],
  ] as const)('is refused for %s', async ([, query, status, words], { world }) => {
    const refusal: unknown = await logOf(world, query).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ status, message: expect.stringContaining(words) });
  });
});

async function logOf(world: World, query: Readonly<Record<string, string>>): Promise<string> {
  const { namespace, name } = podFacts(await world.victim(1));
  const at = { namespace, name, subresource: 'log' };
  const { bytes } = await world.client.readText(PODS, at, query, 1_000);
  return Buffer.from(bytes).toString();
}
