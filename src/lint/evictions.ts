// Rungs that evict: for what, with what before it, and how many pods at a time.
import type { Response } from '../api/policy.ts';
import { severityRank } from '../api/severity.ts';
import { parseDuration } from '../decide/duration.ts';
import { endsInEviction } from '../decide/restart.ts';
import type { LintedPolicy, PolicyRule, Remark } from './finding.ts';
import { actionsWith, letsAllPass } from './rungs.ts';
import { truthOf } from './truth.ts';

/** More pods at a time than this limit nothing: larger workloads are rare, and are lost with so many pods. */
const MANY_PODS = 50;

/** A rollout, or a drain, uses a budget up for about as long. */
const SHORT_WAIT_MS = 600_000;

/** Rule: eviction is confirmed, comes after isolation and evidence, and is limited. */
export const evictions: PolicyRule = (policy) => {
  const evicting = policy.rungs.flatMap((rung, index) =>
    endsInEviction(rung.actions) ? [{ rung, path: `spec.responses[${index}]` }] : [],
  );
  if (evicting.length === 0) return [];
  const enforced = policy.spec.mode === 'Enforce';
  return [
    ...evicting.flatMap(({ rung, path }) => [
      ...(enforced ? confirmation(rung, path) : []),
      ...precautions(rung, path, policy),
    ]),
    ...(enforced ? [...unlimited(policy), ...wholeWorkload(policy), ...pastBudget(policy)] : []),
  ];
};

function confirmation(rung: Response, path: string): Remark[] {
  const { name, minSeverity, rules, tags, condition, confirmed } = rung;
  // What the node itself tells is better than what any alert says.
  if (confirmed === true) return [];
  const isOpen = letsAllPass(rules) && tags === undefined && !isDecided(rung);
  if (isOpen) {
    const message = `rung "${name}" evicts for every alert of severity ${minSeverity} and above, whatever rule it is of`;
    return [{ code: 'EvictUnconfirmed', path, message }];
  }
  const isNamed = rules?.every((pattern) => !pattern.includes('*')) ?? false;
  if (isNamed || condition !== undefined || severityRank(minSeverity) >= severityRank('Error')) return [];
  const message = `rung "${name}" evicts from severity ${minSeverity} on, and does not name its rules in full`;
  return [{ code: 'EvictAtLowSeverity', path: `${path}.minSeverity`, message }];
}

function isDecided({ condition, minSeverity }: Response): boolean {
  return condition !== undefined && truthOf(condition, minSeverity) !== 'Always';
}

function precautions(rung: Response, path: string, { rungs }: LintedPolicy): Remark[] {
  const done = actionsWith(rung, rungs);
  const missing = (action: 'Capture' | 'Isolate', code: Remark['code']): Remark[] => {
    const message = `rung "${rung.name}" evicts, and neither it nor a rung that is always met with it has ${action}`;
    return done.has(action) ? [] : [{ code, path: `${path}.actions`, message }];
  };
  return [...missing('Capture', 'EvictWithoutEvidence'), ...missing('Isolate', 'EvictWithoutIsolation')];
}

function pastBudget({ spec: { eviction } }: LintedPolicy): Remark[] {
  if (eviction.then !== 'Delete' || parseDuration(eviction.waitForBudget) >= SHORT_WAIT_MS) return [];
  const message = `pods are deleted past their disruption budgets after ${eviction.waitForBudget}`;
  return [{ code: 'DeletePastBudget', path: 'spec.eviction.waitForBudget', message }];
}

// A share of all, and nobody is asked about the last copy.
function wholeWorkload({ spec: { limits, approval } }: LintedPolicy): Remark[] {
  const { maxUnavailable } = limits.perWorkload;
  const asks = approval.requiredFor.some((one) => one === 'LastReadyCopy' || one === 'Always');
  if (asks || Number.parseInt(maxUnavailable) < 100) return [];
  const message =
    'all pods of a workload may be missing at a time, and nobody is asked about the last one: one false alarm, or one attacker, takes it down';
  return [{ code: 'EvictUnlimited', path: 'spec.limits.perWorkload.maxUnavailable', message }];
}

function unlimited({ spec: { limits } }: LintedPolicy): Remark[] {
  return (['perWorkload', 'perNamespace'] as const).flatMap((scope) => {
    const { quarantined } = limits[scope];
    if (quarantined <= MANY_PODS) return [];
    const whole = scope === 'perWorkload' ? 'a workload' : 'the namespace';
    return [
      {
        code: 'EvictUnlimited',
        path: `spec.limits.${scope}.quarantined`,
        message: `${quarantined} pods at a time are all pods of ${whole}: one false alarm, or one attacker, takes it down`,
      },
    ];
  });
}
