// One hash over what a plan does, to which pod, and by which policies: what an approval is bound to.
import { createHash } from 'node:crypto';
import type { Contribution, DriftIncident, IsolationForm, Need, StepName } from '../api/incident.ts';
import type { Mode } from '../api/policy.ts';
import { byPolicy, type MergedResponse } from './merge.ts';

/** What is done. */
export interface Planned {
  mode: Mode;
  steps: readonly StepName[];
  /** How the pod is taken out of its workload. */
  form: IsolationForm | undefined;
  response: MergedResponse;
  /** Why a person is asked because of what happened to other pods: who approved before did not know of it. */
  because: readonly Need[];
}

/**
 * SHA-256 in lower-case hex. It changes with what is done: another pod, step or form, a severity that rose, another policy
 * or another version of one, other settings of the eviction. What only moves on around the pod, as the number of its
 * copies, is not in it: else an approval would be void before it is read.
 */
export function planHash({ spec: { target }, status }: DriftIncident, planned: Planned): string {
  const { mode, steps, form, response, because } = planned;
  const { severity, contributions, settings } = response;
  const { namespace, name, uid } = target;
  const { ttl, onExpiry } = settings.isolation;
  return createHash('sha256')
    .update(
      canonical({
        version: 1,
        target: { namespace, name, uid },
        mode,
        steps,
        form: form ?? null,
        because,
        severity,
        // What is only recorded has no say in what is done, and so none in whether an approval counts.
        policies: contributions
          .filter((one) => mode === 'Audit' || one.mode === 'Enforce')
          .toSorted(byPolicy)
          .map(policyOf),
        eviction: settings.eviction,
        // What is made anew, once that is known.
        restart: status?.restart?.manifest?.sha256 ?? null,
        // A quarantine that expires may end in an eviction.
        expiry: { ttl, onExpiry },
      }),
    )
    .digest('hex');
}

function policyOf({ kind, uid, generation, mode, actions, confirmed, weak, cap }: Contribution): object {
  const asked = { kind, uid, generation, mode, actions, confirmed: confirmed ?? false };
  return { ...asked, ...(weak && { weak }), cap: cap?.maxAction ?? null };
}

// Keys in one order: those of what was read come as the API server has them.
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
