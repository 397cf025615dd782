// Checks of what isolates pods: deny policies, the change of labels, the protection of the quarantine, backends.
import type { KubeObject } from '../../api/meta.ts';
import { BACKEND_POLICIES, QUARANTINE_LABEL, QUARANTINE_POLICY, SEVERITY_LABEL } from '../../api/names.ts';
import { podFacts } from '../../api/pod.ts';
import { orAbsent } from '../../kube/absent.ts';
import { servedPlurals } from '../../kube/discovery.ts';
import { isForbidden, isInvalid, isNotFound, isTestFailure, KubeError } from '../../kube/errors.ts';
import {
  CALICO_GLOBAL_NETWORK_POLICIES,
  CILIUM_CLUSTERWIDE_NETWORK_POLICIES,
  CLUSTER_NETWORK_POLICIES,
  NETWORK_POLICIES,
  PODS,
  type Resource,
} from '../../kube/resources.ts';
import { isDenyPolicy } from '../../respond/deny-policy.ts';
import { exists } from './cluster.ts';
import { ok, skipped, warning, wrong, type Check, type DoctorContext, type Finding } from './check.ts';

type Found = Omit<Finding, 'check'>;

/** In each one pod is looked at; more would tell little more, and each is a request. */
const MAX_NAMESPACES = 50;
const NOWHERE = 'no policy in force isolates pods';
/** Admission policies of this name protect the quarantine, see config/components/quarantine-protection. */
const PROTECTION = 'die-operator-quarantine-label';
const ADMISSION = { group: 'admissionregistration.k8s.io', version: 'v1', namespaced: false };
const ADMISSION_POLICIES: Resource = {
  ...ADMISSION,
  plural: 'validatingadmissionpolicies',
  kind: 'ValidatingAdmissionPolicy',
};
const ADMISSION_BINDINGS: Resource = {
  ...ADMISSION,
  plural: 'validatingadmissionpolicybindings',
  kind: 'ValidatingAdmissionPolicyBinding',
};
const BACKENDS: readonly [component: string, resource: Resource, policy: string][] = [
  ['cilium', CILIUM_CLUSTERWIDE_NETWORK_POLICIES, BACKEND_POLICIES.cilium],
  ['calico', CALICO_GLOBAL_NETWORK_POLICIES, BACKEND_POLICIES.calico],
  ['cluster-network-policy', CLUSTER_NETWORK_POLICIES, BACKEND_POLICIES.clusterNetworkPolicy],
];

async function everyNamespace(
  { isolating }: DoctorContext,
  look: (namespace: string) => Promise<Found>,
): Promise<Found[]> {
  if (isolating.length === 0) return [skipped(NOWHERE)];
  const found: Found[] = [];
  for (const { name } of isolating.slice(0, MAX_NAMESPACES)) found.push(await look(name));
  if (isolating.length > MAX_NAMESPACES)
    found.push(skipped(`${isolating.length - MAX_NAMESPACES} more namespaces were not looked at`));
  return found;
}

function lookAtDenyPolicies(context: DoctorContext): Promise<Found[]> {
  return everyNamespace(context, async (namespace) => {
    const at = { namespace, name: QUARANTINE_POLICY };
    const policy = await orAbsent(context.client.get<KubeObject>(NETWORK_POLICIES, at));
    if (policy && isDenyPolicy(policy['spec'])) return ok(`namespace ${namespace} has its deny policy`);
    const message = policy
      ? `the NetworkPolicy ${QUARANTINE_POLICY} of namespace ${namespace} does not deny everything`
      : `namespace ${namespace} has no NetworkPolicy ${QUARANTINE_POLICY}`;
    return wrong(
      message,
      'A responder that leads puts it right within seconds: see its log for what is in the way.',
    );
  });
}

// As a response does it, and only checked. What the protection of the quarantine says is about who runs this command.
function lookAtRelabel(context: DoctorContext): Promise<Found[]> {
  return everyNamespace(context, async (namespace) => {
    const pod = await sampleOf(context, namespace);
    if (!pod) return skipped(`namespace ${namespace} has no running pod to try the change of labels on`);
    const { name, uid } = pod.metadata;
    const labels = { [QUARANTINE_LABEL]: 'true', [SEVERITY_LABEL]: 'critical' };
    const patch = [
      { op: 'test', path: '/metadata/uid', value: uid },
      { op: 'add', path: '/metadata/labels', value: labels },
    ] as const;
    try {
      await context.client.jsonPatch(PODS, { namespace, name }, patch, { dryRun: true });
      return ok(`admission lets pod ${namespace}/${name} be isolated (dry run)`);
    } catch (error) {
      return refusal(error, `${namespace}/${name}`);
    }
  });
}

async function sampleOf({ client }: DoctorContext, namespace: string): Promise<KubeObject | undefined> {
  const { items } = await client.list<KubeObject>(PODS, { namespace, limit: 50 });
  return items.find((pod) => {
    const { phase, hostNetwork, mirror, deletionTimestamp, labels } = podFacts(pod);
    const isOrdinary = !hostNetwork && !mirror && deletionTimestamp === undefined;
    return phase === 'Running' && isOrdinary && !(QUARANTINE_LABEL in labels);
  });
}

function refusal(error: unknown, pod: string): Found {
  if (isNotFound(error) || isTestFailure(error)) return skipped(`pod ${pod} went away meanwhile`);
  if (!(error instanceof KubeError) || !(isForbidden(error) || isInvalid(error))) throw error;
  if (error.message.includes(PROTECTION))
    return skipped(`pod ${pod}: the protection of the quarantine keeps the user of this command from trying`);
  if (/cannot patch resource/.test(error.message))
    return skipped(`pod ${pod}: the user of this command may not patch pods`);
  return wrong(
    `admission refuses to isolate pod ${pod}: ${error.message}`,
    'There a pod keeps its labels and stays reachable as they allow: let the account die-operator-system/responder off that rule.',
  );
}

async function lookAtProtection({ client, isolating }: DoctorContext): Promise<Found[]> {
  const parts = [
    ['policy', ADMISSION_POLICIES],
    ['binding', ADMISSION_BINDINGS],
  ] as const;
  for (const [part, resource] of parts) {
    if (await exists(client, resource, PROTECTION)) continue;
    const message = `whoever may change pods can free a quarantined one, or exec into it: there is no admission ${part} ${PROTECTION}`;
    return [
      warning(message, 'Add config/components/quarantine-protection to your overlay: docs/quarantine.md.'),
    ];
  }
  const [space] = isolating;
  if (!space)
    return [ok('the quarantine is protected by admission policies (not tried: no namespace isolates pods)')];
  const containers = [{ name: 'probe', image: 'registry.example/probe:1' }];
  const metadata = { generateName: 'doctor-', labels: { [QUARANTINE_LABEL]: 'true' } };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers } };
  try {
    await client.create(PODS, { namespace: space.name }, pod, { dryRun: true });
    return [
      ok('the quarantine is protected by admission policies; the user of this command is excepted from them'),
    ];
  } catch (error) {
    if (error instanceof KubeError && error.message.includes(PROTECTION))
      return [
        ok(
          'the quarantine is protected by admission policies, which refused a label that was set to try them',
        ),
      ];
    return [ok('the quarantine is protected by admission policies (not tried: another rule came first)')];
  }
}

async function lookAtBackends({ client }: DoctorContext): Promise<Found[]> {
  const found: Found[] = [];
  for (const [component, resource, policy] of BACKENDS) {
    if (!(await servedPlurals(client, resource)).has(resource.plural)) continue;
    const installed = await exists(client, resource, policy);
    found.push(
      installed
        ? ok(`${resource.kind} ${policy} closes what other policies allow to a quarantined pod`)
        : warning(
            `the API server has the kind ${resource.kind}, and what other policies allow stays open for a quarantined pod`,
            `Add config/components/${component} to your overlay: docs/isolation.md.`,
          ),
    );
  }
  return found.length > 0 ? found : [ok('the network has no policies of its own that die-operator knows')];
}

export const DENY_POLICIES: Check = { name: 'deny-policies', look: lookAtDenyPolicies };
export const RELABEL: Check = { name: 'admission', look: lookAtRelabel };
export const PROTECTED: Check = { name: 'protection', look: lookAtProtection };
export const NETWORK: Check = { name: 'network', look: lookAtBackends };
