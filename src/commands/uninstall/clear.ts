// Clears what can be cleared, in an order in which a run that is killed anywhere leaves nothing worse than before: first the
// pods, then what answers for them, and last what isolates and protects them.
import type { KubeObject } from '../../api/meta.ts';
import { CAPTURE_NAMESPACE, QUARANTINE_LABEL } from '../../api/names.ts';
import { TerminalError } from '../../controller/outcome.ts';
import type { ListedPod } from '../../decide/quarantine-list.ts';
import { removeHelper } from '../../helpers/run.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isConflict, isNotFound } from '../../kube/errors.ts';
import { CONFIG_MAPS, PODS } from '../../kube/resources.ts';
import { removeDenyPolicy } from '../../respond/deny-policy.ts';
import { unlistUid } from '../../respond/quarantine-list.ts';
import { remainsOf, type Found, type Remain } from './remains.ts';
import { letGo, restorePod, type RestoreContext } from './restore.ts';

/** What was done to one object, or what was in the way. */
export interface Act extends Pick<Remain, 'kind' | 'namespace' | 'name'> {
  done: boolean;
  message: string;
}

/** Does it one by one; what fails is told, and the rest goes on. */
export async function* clear(
  context: RestoreContext,
  found: Found,
  protectedNamespaces: ReadonlySet<string>,
): AsyncGenerator<Act, void, void> {
  for (const remain of remainsOf(found, protectedNamespaces)) {
    if (remain.by !== 'Clear') continue;
    const { kind, namespace, name } = remain;
    try {
      const message = await clearOne(context, found, remain);
      yield { kind, namespace, name, done: true, message };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      yield { kind, namespace, name, done: false, message };
    }
  }
}

async function clearOne(context: RestoreContext, found: Found, remain: Remain): Promise<string> {
  const { client } = context;
  const { kind, namespace, name, uid } = remain;
  switch (kind) {
    case 'Pod':
      return restorePod(context, remain, found.incidents);
    case 'DriftIncident':
      return letGo(
        context,
        found.incidents.find(({ metadata }) => metadata.uid === uid),
      );
    case 'HelperPod':
      return done(removeHelper(client, name, uid));
    case 'NetworkPolicy':
      await refuseInUse(client, namespace);
      return done(removeDenyPolicy(client, namespace, uid));
    case 'ConfigMap':
      await refuseInUse(client, namespace);
      return done(removeList(client, remain));
    case 'ListEntry':
      await refuseInUse(client, namespace, uid);
      return done(unlistUid(client, uid));
    case 'Lease':
      throw new TerminalError('NotOurs', 'goes with its namespace');
  }
}

async function done(work: Promise<void>): Promise<string> {
  await work;
  return 'is removed';
}

/** By what is there now: a pod that was not restored stays isolated and protected. @param uid only that pod. */
async function refuseInUse(client: KubeClient, namespace: string, uid?: string): Promise<void> {
  // Helper pods are labelled to test the network. They are gone, or end by themselves.
  if (namespace === CAPTURE_NAMESPACE) return;
  const selection = { namespace, labelSelector: QUARANTINE_LABEL, limit: 500 };
  const { items } = await client.list<KubeObject>(PODS, selection);
  const pod = items.find(({ metadata }) => uid === undefined || metadata.uid === uid);
  if (pod) throw new TerminalError('InUse', `stays: pod ${pod.metadata.name} is quarantined`);
}

// Gone, or another one by now: then it is not the one that was shown.
async function removeList(client: KubeClient, { namespace, name, uid }: ListedPod): Promise<void> {
  try {
    await client.delete(CONFIG_MAPS, { namespace, name }, uid);
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
