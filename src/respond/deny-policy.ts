// The static deny-all NetworkPolicy of a namespace: it selects only the quarantine label, so it harms nobody until a
// pod gets that label. It is put there before it is needed.
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../api/meta.ts';
import { MANAGED_BY_LABEL, OPERATOR_NAME, QUARANTINE_LABEL, QUARANTINE_POLICY } from '../api/names.ts';
import { TerminalError } from '../controller/outcome.ts';
import type { KubeClient } from '../kube/client.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../kube/errors.ts';
import { apiVersionOf, NETWORK_POLICIES } from '../kube/resources.ts';

// No rules at all: `ingress: [{}]` or a peer that a client drops silently would mean "allow everything".
const SPEC = {
  podSelector: { matchLabels: { [QUARANTINE_LABEL]: 'true' } },
  policyTypes: ['Ingress', 'Egress'],
};

/** Whether that is the spec of a deny policy, as the API server stores it. */
export function isDenyPolicy(spec: unknown): boolean {
  return isDeepStrictEqual(spec, SPEC);
}

/** The policy object for a namespace, exactly as it goes over the wire. */
export function denyPolicy(namespace: string): object {
  return {
    apiVersion: apiVersionOf(NETWORK_POLICIES),
    kind: NETWORK_POLICIES.kind,
    metadata: { name: QUARANTINE_POLICY, namespace, labels: { [MANAGED_BY_LABEL]: OPERATOR_NAME } },
    spec: SPEC,
  };
}

/**
 * Makes sure that the deny policy of the namespace is there and as it should be. Repairs an edited one, never touches
 * an object of that name which die-operator did not make.
 * @throws TerminalError `ForeignNetworkPolicy` if the name is taken by somebody else.
 */
export async function ensureDenyPolicy(client: KubeClient, namespace: string): Promise<void> {
  const at = { namespace, name: QUARANTINE_POLICY };
  try {
    await repair(client, await client.get<KubeObject>(NETWORK_POLICIES, at));
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await create(client, namespace);
  }
}

/** Removes the deny policy with that UID. Resolves also when it is gone or another one by now. */
export async function removeDenyPolicy(client: KubeClient, namespace: string, uid: string): Promise<void> {
  try {
    await client.delete(NETWORK_POLICIES, { namespace, name: QUARANTINE_POLICY }, uid);
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

async function create(client: KubeClient, namespace: string): Promise<void> {
  try {
    await client.create(NETWORK_POLICIES, { namespace }, denyPolicy(namespace));
  } catch (error) {
    // Somebody was faster; whether it is ours is for the next look to tell.
    if (!isAlreadyExists(error)) throw error;
    await repair(
      client,
      await client.get<KubeObject>(NETWORK_POLICIES, { namespace, name: QUARANTINE_POLICY }),
    );
  }
}

async function repair(client: KubeClient, found: KubeObject): Promise<void> {
  const { namespace = '', name, uid } = found.metadata;
  if (found.metadata.labels?.[MANAGED_BY_LABEL] !== OPERATOR_NAME) {
    throw new TerminalError(
      'ForeignNetworkPolicy',
      `NetworkPolicy ${namespace}/${name} was not made by die-operator and is left alone; without its own deny policy a pod cannot be isolated: rename or delete that object`,
    );
  }
  if (isDenyPolicy(found['spec'])) return;
  await client.jsonPatch(NETWORK_POLICIES, { namespace, name }, [
    { op: 'test', path: '/metadata/uid', value: uid },
    { op: 'replace', path: '/spec', value: SPEC },
  ]);
}
