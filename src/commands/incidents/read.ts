// Incidents out of a cluster, for the verbs of people: checked, and with the cure where they cannot be read.
import { isFinal, type DriftIncident } from '../../api/incident.ts';
import type { KubeObject } from '../../api/meta.ts';
import { GROUP } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isForbidden, isNotFound, KubeError } from '../../kube/errors.ts';
import { listAll } from '../../kube/list-all.ts';
import { DRIFT_INCIDENTS } from '../../kube/resources.ts';
import { checked } from '../report/incident.ts';

/** The role that reads incidents, and the one that answers them; see config/roles. */
export const ROLES = {
  reads: 'die-operator-incident-viewer',
  answers: 'die-operator-incident-responder',
} as const;

/** An incident that cannot be read, as another version wrote it: it is not passed over in silence. */
export interface Unreadable {
  namespace: string;
  name: string;
  why: string;
}

/** What was listed. */
export interface Listed {
  incidents: DriftIncident[];
  unreadable: Unreadable[];
}

/** Gets one. @throws Error that says why it cannot, and what to do. */
export async function readOne(
  client: Pick<KubeClient, 'get'>,
  at: { namespace: string; name: string },
): Promise<DriftIncident> {
  const read = client.get<KubeObject>(DRIFT_INCIDENTS, at);
  const object = await withCure(read, { verb: 'get', namespace: at.namespace });
  return checked(object, `DriftIncident ${at.namespace}/${at.name}`);
}

/** Lists those of a namespace, or of all. @throws Error as {@link readOne}. */
export async function readAll(
  client: Pick<KubeClient, 'list'>,
  namespace: string | undefined,
  onlyOpen: boolean,
): Promise<Listed> {
  const pages = listAll<KubeObject>(client, DRIFT_INCIDENTS, namespace === undefined ? {} : { namespace });
  const found: Listed = { incidents: [], unreadable: [] };
  const objects = await withCure(Array.fromAsync(pages), { verb: 'list', namespace });
  for (const object of objects) {
    const at = { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
    try {
      const incident = checked(object, `DriftIncident ${at.namespace}/${at.name}`);
      if (!onlyOpen || !isFinal(incident)) found.incidents.push(incident);
    } catch (error) {
      found.unreadable.push({ ...at, why: error instanceof Error ? error.message : String(error) });
    }
  }
  return found;
}

async function withCure<T>(
  read: Promise<T>,
  { verb, namespace }: { verb: 'get' | 'list'; namespace: string | undefined },
): Promise<T> {
  try {
    return await read;
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    const cure = cureOf(error, verb, namespace);
    throw cure === undefined ? error : new Error(`${error.message}; ${cure}`, { cause: error });
  }
}

function cureOf(error: KubeError, verb: string, namespace: string | undefined): string | undefined {
  const where =
    namespace === undefined ? 'in the whole cluster (or give one with -n)' : `in namespace ${namespace}`;
  if (isForbidden(error))
    return `you need the right to ${verb} driftincidents.${GROUP} ${where}: ClusterRole ${ROLES.reads} has it`;
  if (isNotFound(error))
    return 'those that are there: die-operator incidents -A; the namespace is given with -n';
  if (error.status === 404) return 'this cluster has no DriftIncidents: install die-operator first';
  return undefined;
}
