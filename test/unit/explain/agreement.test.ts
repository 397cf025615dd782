// What explain says equals what the receiver would decide: for random policies and alerts.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SEVERITIES } from '../../../src/api/severity.ts';
import { matchPolicies } from '../../../src/decide/match.ts';
import { effectiveActions } from '../../../src/decide/merge.ts';
import { contributionKey } from '../../../src/decide/standing.ts';
import { compilePolicy } from '../../../src/decide/policies.ts';
import { rulebookFor } from '../../../src/decide/rulebook.ts';
import type { StoredPolicy } from '../../../src/explain/subject.ts';
import { aPod, NOW } from '../../support/builders.ts';
import { rungActions } from '../decide/builders.ts';
import { anAlert, explained, SHOP, stored } from './support.ts';

const severity = fc.constantFrom(...SEVERITIES);
const rule = fc.constantFrom('DIE Binary', 'DIE File', 'Drop', 'Shell');
const ruleGlob = fc.constantFrom('DIE *', 'DIE B*', 'Drop', '*', 'Other*');
const condition = fc.constantFrom(
  'detection.priority < 3',
  'detection.fields["proc.name"] == "sh"',
  'container.name == "web"',
);
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined, freq: 3 });
const rung = fc.record({
  minSeverity: severity,
  rules: maybe(fc.array(ruleGlob, { minLength: 1, maxLength: 3 })),
  tags: maybe(fc.constantFrom(['drift'], ['mitre_*'], ['none'])),
  condition: maybe(condition),
  actions: rungActions,
});
const exception = fc.record({
  image: fc.constantFrom('registry.example/*', '*', 'docker.io/*'),
  condition: maybe(condition),
  expires: fc.constantFrom('2026-01-01T00:00:00Z', '2027-01-01T00:00:00Z'),
  maxAction: fc.constantFrom('None', 'Label', 'Isolate', 'Capture'),
  reason: fc.constant('known'),
});
const named = (all: readonly object[]) =>
  all.map((one, index) => ({ ...JSON.parse(JSON.stringify(one)), name: `n${index}` }) as object);
const spec = fc.record({
  mode: fc.constantFrom('Audit', 'Enforce'),
  match: fc.constantFrom(
    {},
    { podSelector: { matchLabels: { app: 'web' } } },
    { podSelector: { matchLabels: { app: 'db' } } },
    { podSelector: { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] } },
    { images: ['registry.example/*'] },
    { images: ['docker.io/*'] },
  ),
  responses: fc.array(rung, { minLength: 1, maxLength: 4 }).map(named),
  exceptions: fc.array(exception, { maxLength: 2 }).map(named),
  isolation: fc.record({
    cut: fc.constantFrom('None', 'None', 'PodFirewall'),
    ttl: fc.constantFrom('1h', '24h', '48h'),
    onExpiry: fc.constantFrom('Evict', 'Notify'),
    onDrain: fc.constantFrom('CaptureThenAllow', 'Deny'),
  }),
  evidence: fc.record({
    collectors: fc.constantFrom([], [], ['Filesystem'], ['Filesystem', 'Processes']),
    required: fc.boolean(),
  }),
  eviction: fc.record({ gracePeriodSeconds: fc.integer({ min: 1, max: 60 }) }),
  limits: fc.record({ perWorkload: fc.record({ quarantined: fc.integer({ min: 0, max: 5 }) }) }),
});
const clusterParts = fc.record({
  namespaceSelector: fc.constantFrom(
    undefined,
    { matchLabels: { team: 'shop' } },
    { matchLabels: { team: 'x' } },
  ),
  grants: maybe(
    fc.record({
      enforce: fc.boolean(),
      exceptions: fc.boolean(),
      cut: fc.boolean(),
      collectors: fc.subarray(['Processes', 'Filesystem']),
      breakGlass: maybe(fc.constant({ maxDuration: '4h' })),
    }),
  ),
});
const withoutAbsent = (value: object) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
const policies = fc
  .tuple(fc.array(spec, { maxLength: 3 }), fc.array(fc.tuple(spec, clusterParts), { maxLength: 3 }))
  .map(([own, cluster]): StoredPolicy[] => [
    ...own.map((one, index) => stored(`own-${index}`, withoutAbsent(one))),
    ...cluster.map(([one, more], index) =>
      stored(`cluster-${index}`, withoutAbsent({ ...one, ...more }), 'ClusterDriftPolicy'),
    ),
  ]);
const breakGlassUntil = fc.constantFrom(undefined, '2026-11-22T01:00:00Z', '2026-11-23T01:00:00Z');

/** As a receiver does it. */
function verdictOf(
  all: readonly StoredPolicy[],
  pod: ReturnType<typeof aPod>,
  alert: ReturnType<typeof anAlert>,
) {
  const compiled = all.flatMap(({ kind, policy }) => {
    const compilation = compilePolicy(policy, kind);
    return compilation.accepted ? [compilation.policy] : [];
  });
  const of = (kind: string) => compiled.filter((policy) => policy.kind === kind);
  const rulebook = rulebookFor(SHOP, of('DriftPolicy'), of('ClusterDriftPolicy'));
  const { detection } = alert;
  return matchPolicies(rulebook, { detection, pod, container: pod.containers[0], at: NOW });
}

function podWith(until: string | undefined) {
  return aPod(until === undefined ? {} : { breakGlassUntil: until });
}

describe('for any policies', () => {
  test('an alert meets the rungs, actions, caps and settings that matchPolicies gives', () => {
    fc.assert(
      fc.property(policies, severity, rule, breakGlassUntil, (all, level, name, until) => {
        const pod = podWith(until);
        const alert = anAlert({ severity: level, rule: name });
        const { match, conditionErrors } = verdictOf(all, pod, alert);
        const said = explained(all, { alert, container: 'web', subject: { pod } });

        const answers = (said.alert?.policies ?? []).flatMap(
          ({ kind, name: policy, mode, rungs, actions, cap }) => {
            const met = rungs.filter((one) => one.met).map((one) => one.name);
            return met.length > 0 ? [{ kind, name: policy, mode, rungs: met, actions, cap }] : [];
          },
        );
        const expected = (match?.contributions ?? []).map(
          ({ kind, name: policy, mode, rungs, actions, cap }) => ({
            kind,
            name: policy,
            mode,
            rungs,
            actions,
            cap: cap
              ? { by: cap.by, name: cap.name ?? null, maxAction: cap.maxAction, until: cap.until }
              : null,
          }),
        );
        expect(answers.toSorted(byName)).toEqual(expected.toSorted(byName));
        expect(said.alert?.conditionErrors).toBe(conditionErrors);
        expect(said.settings.map(({ value }) => value)).toEqual(
          match
            ? [
                match.settings.isolation.cut,
                match.settings.isolation.ttl,
                match.settings.isolation.onExpiry,
                match.settings.isolation.onDrain,
                match.settings.evidence.collectors.join(', ') || 'None',
                match.settings.evidence.contents,
                match.settings.evidence.deadline,
                match.settings.evidence.maxBytes,
                // None of these policies asks for commands: evidence.exec.
                'None',
                match.settings.evidence.required,
                match.settings.eviction.gracePeriodSeconds,
                match.settings.eviction.waitForBudget,
                match.settings.eviction.then,
                match.settings.eviction.replacement.require,
                match.settings.eviction.replacement.readyWithin,
                match.settings.eviction.replacement.quietFor,
                match.settings.approval.requiredFor.join(', ') || 'None',
                match.settings.approval.before,
                match.settings.approval.within,
                match.settings.limits.perWorkload.quarantined,
                match.settings.limits.perWorkload.evicting,
                match.settings.limits.perWorkload.maxUnavailable,
                match.settings.limits.perWorkload.recurrences,
                match.settings.limits.perWorkload.recurrenceWindow,
                match.settings.limits.perNamespace.quarantined,
                match.settings.limits.perNamespace.evictions,
                match.settings.limits.perNamespace.window,
                match.settings.limits.cooldown,
              ]
            : [],
        );
        expect(said.settings.every(({ from }) => from.length > 0)).toBe(true);
        const wanted = match?.contributions ?? [];
        const standing = new Map(wanted.map((asked) => [contributionKey(asked), asked.actions]));
        const { enforce, audit } = effectiveActions(wanted, standing);
        expect(said.alert).toMatchObject({ done: enforce, recorded: audit });
      }),
      { numRuns: 300 },
    );
  });

  test('a policy is said to match exactly if the rulebook asks it, and else there is a reason', () => {
    fc.assert(
      fc.property(policies, (all) => {
        const said = explained(all, { alert: anAlert(), container: 'web' });
        const matching = said.policies.filter(({ state }) => state === 'Matches');
        expect(matching.map(({ name }) => name).toSorted()).toEqual(
          said.alert?.policies.map(({ name }) => name).toSorted(),
        );
        for (const { state, reasons } of said.policies)
          expect([state, reasons.length > 0]).toEqual([state, state !== 'Matches' && state !== 'GrantsOnly']);
      }),
      { numRuns: 300 },
    );
  });

  test('the ladder promises no action to any rule that an alert would not get, and hides none', () => {
    fc.assert(
      fc.property(policies, severity, rule, (all, level, name) => {
        const plain = all.map(withoutConditions);
        const alert = anAlert({ severity: level, rule: name }, { tags: ['drift', 'mitre_x', 'none'] });
        const { done = [], recorded = [] } = explained(plain, { alert, container: 'web' }).alert ?? {};
        const rows = explained(plain, { container: 'web' }).ladder ?? [];
        const matches = (pattern: string | null) =>
          pattern === null || new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name);
        const mine = rows.filter((row) => row.severity === level && matches(row.rule));
        // An alert with every tag gets what is certain and what tags may add; of several patterns all that match.
        expect(new Set(mine.flatMap((row) => [...row.done, ...row.mayDo]))).toEqual(new Set(done));
        const promised = new Set(mine.flatMap((row) => [...row.recorded, ...row.mayRecord]));
        expect(recorded.every((action) => promised.has(action))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

test('whatever an API server holds as a policy, something is said of it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (own, cluster) => {
      const raw = (of: unknown, { kind, policy }: StoredPolicy) =>
        ({ kind, policy: { ...policy, spec: of } }) as StoredPolicy;
      const all = [raw(own, stored('a')), raw(cluster, stored('b', {}, 'ClusterDriftPolicy'))];
      const [first, second] = explained(all).policies;
      expect(first?.state).toBe('NotAccepted');
      expect(['NotAccepted', 'GrantsOnly']).toContain(second?.state);
    }),
  );
});

function withoutConditions({ kind, policy }: StoredPolicy): StoredPolicy {
  const without = <T extends object>(parts: readonly T[] = []) =>
    parts.map((part) => ({ ...part, condition: undefined }));
  const { spec: of } = policy;
  const plain = { ...of, responses: without(of.responses), exceptions: without(of.exceptions) };
  return { kind, policy: { ...policy, spec: withoutAbsent(plain) } as unknown as StoredPolicy['policy'] };
}

function byName(a: { kind: string; name: string }, b: { kind: string; name: string }): number {
  return `${a.kind}${a.name}` < `${b.kind}${b.name}` ? -1 : 1;
}
