// docs/falco.md promises a rung for each recorded alert: intake, identity and the example policies give it.
import { describe, expect, test } from 'vitest';
import { compilePolicy, type CompiledPolicy } from '../../../src/decide/policies.ts';
import { identify } from '../../../src/decide/identify.ts';
import { matchPolicies } from '../../../src/decide/match.ts';
import { rulebookFor } from '../../../src/decide/rulebook.ts';
import { parseFalco } from '../../../src/detect/falco.ts';
import { parseSeverity, severityRank, type Severity } from '../../../src/api/severity.ts';
import { aPod, NOW, T0 } from '../../support/builders.ts';
import { shippedRules } from '../../support/falco-rules.ts';
import { examplePolicy, scenariosIn, tableOf } from './page.ts';
import { recordedAlerts, type RecordedAlert } from './recordings.ts';
import { STOCK_RULES } from './stock.ts';

const RUNG_OF = { die: 'rung of `die-rules`', stock: 'rung of `stock-rules`' };
const promises = tableOf('rule', 'recorded as', RUNG_OF.die, RUNG_OF.stock);
const policies = { die: await examplePolicy('die-rules'), stock: await examplePolicy('stock-rules') };

/** The pods of the recordings: one that Falco knew all about, and one of which it had only the container. */
const [container] = aPod().containers;
const PODS = [
  [
    'cart-0',
    '11111111-2222-3333-4444-555555555555',
    '2349fe66d55b8451092feecb1bba53f674736f870e78a7f37e2bcd4144347147',
  ],
  ['cart-1', '22222222-2222-3333-4444-555555555555', `94935370278f${'0'.repeat(52)}`],
].map(([name = '', uid = '', id]) =>
  aPod({
    name,
    uid,
    containers: container ? [{ ...container, name: 'app', containerID: `containerd://${id}` }] : [],
  }),
);

function compiled(which: 'die' | 'stock'): CompiledPolicy {
  const result = compilePolicy(policies[which], 'DriftPolicy');
  if (!result.accepted) throw new Error(JSON.stringify(result.problems));
  return result.policy;
}

/** The rungs that an alert meets, as the receiver would find them. */
function answered({ text }: RecordedAlert) {
  const read = parseFalco(JSON.parse(text), T0);
  if (read.kind !== 'Detection') throw new Error(`it is ${read.kind}`);
  const { detection } = read;
  const who = identify(detection.identity, PODS);
  if (who.kind !== 'Strong') throw new Error(who.message);
  const book = rulebookFor({ name: 'shop', labels: {} }, [compiled('die'), compiled('stock')], []);
  const about = who.pod.containers.find(({ name }) => name === who.container);
  const { match, conditionErrors } = matchPolicies(book, {
    detection,
    pod: who.pod,
    container: about,
    at: NOW,
  });
  const rungs = Object.fromEntries(
    match?.contributions.map(({ name, rungs: met }) => [name, met.join()]) ?? [],
  );
  const actions = match?.contributions.flatMap((one) => one.actions) ?? [];
  return { rungs, actions, by: who.by, pod: who.pod.name, container: who.container, conditionErrors };
}

function promiseFor({ rule, scenario }: RecordedAlert) {
  return promises.filter((row) => row['rule'] === rule && scenariosIn(row['recorded as']).includes(scenario));
}

test('the page promises something of each recorded alert, once, and of no other', () => {
  expect(recordedAlerts.map((one) => promiseFor(one).length)).toEqual(recordedAlerts.map(() => 1));
  const promised = promises.flatMap((row) => scenariosIn(row['recorded as']));
  expect(promised).toHaveLength(recordedAlerts.length);
  expect(recordedAlerts.length).toBeGreaterThan(75);
});

test.each(recordedAlerts)('$name gets the rung that the page promises', (recorded) => {
  const [promise] = promiseFor(recorded);
  const { rungs, actions, by, pod, container: told, conditionErrors } = answered(recorded);
  expect({ die: rungs['die-rules'] ?? '', stock: rungs['stock-rules'] ?? '', conditionErrors }).toEqual({
    die: promise?.[RUNG_OF.die],
    stock: promise?.[RUNG_OF.stock],
    conditionErrors: 0,
  });
  const asPromised = tableOf('rung', 'actions').find(({ rung }) => Object.values(rungs).includes(rung ?? ''));
  expect(actions.join(', ')).toBe(asPromised?.['actions'] ?? '');
  const known = recorded.scenario !== 'nometa';
  expect({ pod, told }).toEqual({ pod: known ? 'cart-0' : 'cart-1', told: 'app' });
  expect(by).toBe(known && recorded.rule.startsWith('DIE ') ? 'PodUid' : 'ContainerId');
});

test('only a program that is not of the image has a pod evicted', () => {
  const evicting = recordedAlerts.filter((one) => answered(one).actions.includes('Evict'));
  expect(new Set(evicting.map(({ rule }) => rule))).toEqual(new Set(['DIE Binary Drift Executed']));
});

describe('die-rules', async () => {
  const { rules } = await shippedRules();
  const { responses } = policies.die.spec;

  test.each([...rules.values()])('answers $rule by one rung, at its priority', ({ tags, priority }) => {
    const answering = responses.filter((rung) => rung.tags?.some((tag) => tags.includes(tag)));
    expect(answering).toHaveLength(1);
    const needed = answering[0]?.minSeverity ?? 'Emergency';
    expect(severityRank(parseSeverity(priority) ?? 'Debug')).toBeGreaterThanOrEqual(severityRank(needed));
  });

  test('asks for no tag that no rule has', () => {
    const tags = new Set([...rules.values()].flatMap((rule) => rule.tags));
    expect(responses.flatMap((rung) => rung.tags ?? []).filter((tag) => !tags.has(tag))).toEqual([]);
  });
});

describe('stock-rules', () => {
  const named = policies.stock.spec.responses.flatMap(({ rules = [], minSeverity }) =>
    rules.map((rule): [string, Severity] => [rule, minSeverity]),
  );

  test.each(named)('"%s" is a stock rule of %s or above', (rule, minSeverity) => {
    const priority = parseSeverity(STOCK_RULES.get(rule) ?? '');
    expect(severityRank(priority ?? 'Debug')).toBeGreaterThanOrEqual(severityRank(minSeverity));
  });

  test('names each rule once', () => expect(new Set(named.map(([rule]) => rule)).size).toBe(named.length));

  test('evicts nothing', () =>
    expect(policies.stock.spec.responses.flatMap(({ actions }) => actions)).not.toContain('Evict'));
});
