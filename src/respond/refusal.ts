// Who refused a change of a pod: admission, and of its rules which.
import { classify } from '../controller/errors.ts';
import { isForbidden, isInvalid, isTestFailure, KubeError } from '../kube/errors.ts';

/** Longest name that Kubernetes gives to an object. */
const MAX_NAME = 253;
/** Said of a rule that the answer does not name. */
const UNNAMED = 'admission';

// How the API server words it; names are of those who run the cluster.
const RULES: readonly RegExp[] = [
  /ValidatingAdmissionPolicy '(?<name>[^']+)' with binding/,
  /admission webhook "(?<name>[^"]+)" denied/,
  /violates (?<name>PodSecurity)/,
];
const OWNERS = /cannot set (?:an ownerRef|blockOwnerDeletion)/;

/**
 * Whether admission refuses it: with 403 or what its rule says, by default 422 for a policy and 400 for a webhook. A missing
 * right is a 403 too, and no other form would help there.
 */
export function isRefusal(error: unknown): error is KubeError {
  if (!(error instanceof KubeError) || isTestFailure(error)) return false;
  const named = RULES.some((rule) => rule.test(error.message));
  return named || isInvalid(error) || classify(error).reason === 'Denied' || refusesOwners(error);
}

/** Whether the plugin OwnerReferencesPermissionEnforcement refuses a change of the owner references. */
export function refusesOwners(error: unknown): error is KubeError {
  return error instanceof KubeError && isForbidden(error) && OWNERS.test(error.message);
}

/** Name of the rule that refused, at most 253 characters. */
export function refusedBy({ message, causes }: KubeError): string {
  const said = [message, ...causes.map((cause) => cause.message)].join(' ');
  if (OWNERS.test(said)) return 'OwnerReferencesPermissionEnforcement';
  const names = RULES.flatMap((rule) => rule.exec(said)?.groups?.['name'] ?? []);
  return (names[0] ?? UNNAMED).slice(0, MAX_NAME);
}
