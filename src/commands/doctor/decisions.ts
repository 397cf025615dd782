// A check of what keeps decisions those of people: the admission policies on what is written into incidents and the switch.
import type { KubeObject } from '../../api/meta.ts';
import { orAbsent } from '../../kube/absent.ts';
import type { KubeClient } from '../../kube/client.ts';
import { ADMISSION_POLICIES, ADMISSION_POLICY_BINDINGS } from '../../kube/resources.ts';
import { ok, wrong, type Check, type DoctorContext } from './check.ts';

/** Of config/default/decisions.yaml, each with what is so without it. */
const POLICIES = {
  'die-operator-decisions': 'whoever may patch incidents can decide in the name of others',
  'die-operator-breaker': 'whoever may write the switch can close the circuit breaker in the name of others',
} as const;
const CURE =
  'Apply it again: kubectl apply --server-side -k config/default, or the overlay that you made of it.';

interface AdmissionPolicy extends KubeObject {
  spec?: { failurePolicy?: string; validations?: unknown[] };
}
interface AdmissionBinding extends KubeObject {
  spec?: { policyName?: string; validationActions?: string[] };
}

async function lookAtDecisions({ client }: DoctorContext): ReturnType<Check['look']> {
  const troubles = await Promise.all(
    Object.entries(POLICIES).map(async ([name, without]) => {
      const trouble = await troubleOf(client, name);
      return trouble === undefined ? [] : [wrong(`${without}: ${trouble}`, CURE)];
    }),
  );
  const found = troubles.flat();
  const fine = ok('admission policies see to it that people decide in their own name, and as they may');
  return found.length > 0 ? found : [fine];
}

async function troubleOf(client: KubeClient, name: string): Promise<string | undefined> {
  const policy = await orAbsent(client.get<AdmissionPolicy>(ADMISSION_POLICIES, { name }));
  if (!policy) return `there is no admission policy ${name}`;
  const binding = await orAbsent(client.get<AdmissionBinding>(ADMISSION_POLICY_BINDINGS, { name }));
  const { policyName, validationActions = [] } = binding?.spec ?? {};
  if (policyName !== name || !validationActions.includes('Deny'))
    return `no binding has the admission policy ${name} deny anything`;
  // One that fails open lets everybody decide while the API server is in trouble.
  const isOpen = policy.spec?.failurePolicy === 'Ignore' || (policy.spec?.validations ?? []).length === 0;
  return isOpen ? `the admission policy ${name} was changed` : undefined;
}

export const DECIDING: Check = { name: 'decisions', look: lookAtDecisions };
