// The incident that a report is about, from a cluster or out of a file, checked as the API server checks it.
import type { DriftIncident } from '../../api/incident.ts';
import type { KubeObject } from '../../api/meta.ts';
import { GROUP } from '../../api/names.ts';
import { describeProblem } from '../../api/problems.ts';
import { validators } from '../../api/validate.ts';
import type { KubeClient } from '../../kube/client.ts';
import { systemClock, systemRandom } from '../../kube/clock.ts';
import { loadConnection } from '../../kube/connection.ts';
import { isForbidden, isNotFound, KubeError } from '../../kube/errors.ts';
import { createKubeClient } from '../../kube/http-client.ts';
import { DRIFT_INCIDENTS } from '../../kube/resources.ts';
import { createUndiciTransport } from '../../kube/undici-transport.ts';
import { version } from '../../version.ts';
import { asObject, type FileObject } from '../explain/file-objects.ts';
import { readManifests } from '../manifests/read.ts';

/** Which incident, and how to get there. */
export interface IncidentRequest {
  /** Needed in a cluster; in a file the only one is meant. */
  name: string | undefined;
  namespace: string | undefined;
  filename?: string | undefined;
  kubeconfig?: string | undefined;
  context?: string | undefined;
}

const DEFAULT_NAMESPACE = 'default';

/** Reads the incident. @throws Error that says why it cannot, and what to do. */
export async function readIncident(request: IncidentRequest): Promise<DriftIncident> {
  return request.filename === undefined ? fromCluster(request) : fromFile(request, request.filename);
}

async function fromCluster(request: IncidentRequest): Promise<DriftIncident> {
  const { name = '', namespace = DEFAULT_NAMESPACE } = request;
  const transport = createUndiciTransport(await loadConnection(request));
  const userAgent = `die-operator-report/${version()}`;
  const client = createKubeClient({ transport, clock: systemClock, random: systemRandom, userAgent });
  try {
    return await getIncident(client, { name, namespace });
  } finally {
    await transport.close();
  }
}

/** Gets the incident from an API server. @throws Error as {@link readIncident}. */
export async function getIncident(
  client: KubeClient,
  at: { name: string; namespace: string },
): Promise<DriftIncident> {
  try {
    return checked(
      await client.get<KubeObject>(DRIFT_INCIDENTS, at),
      `DriftIncident ${at.namespace}/${at.name}`,
    );
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    const cure = cureOf(error, at);
    throw cure === undefined ? error : new Error(`${error.message}; ${cure}`, { cause: error });
  }
}

function cureOf(error: KubeError, { namespace }: { namespace: string }): string | undefined {
  if (isForbidden(error))
    return `report needs the right to get driftincidents.${GROUP} in namespace ${namespace}`;
  if (isNotFound(error))
    return `list those that are there with kubectl get driftincidents -A, and give --namespace; one that was deleted lies in its evidence as api/incident.json: give it with --filename`;
  if (error.status === 404) return 'this cluster has no DriftIncidents: give a file with --filename';
  return undefined;
}

async function fromFile({ name, namespace }: IncidentRequest, filename: string): Promise<DriftIncident> {
  const { manifests, problems } = await readManifests([filename]);
  const [problem] = problems;
  if (problem)
    throw new Error(`${problem.file}${problem.line ? `:${problem.line}` : ''}: ${problem.message}`);
  const incidents = manifests
    .map((manifest, index) => asObject(manifest, index, DEFAULT_NAMESPACE))
    .filter(({ kind, apiVersion }) => kind === 'DriftIncident' && apiVersion.startsWith(`${GROUP}/`));
  const found = pick(incidents, { name, namespace, filename });
  return checked(found, `${found.source}: DriftIncident ${found.metadata.name}`);
}

function pick(all: readonly FileObject[], { name, namespace, filename }: IncidentRequest): FileObject {
  const found = all.filter(
    ({ metadata }) =>
      (name === undefined || metadata.name === name) &&
      (namespace === undefined || metadata.namespace === namespace),
  );
  const [first, ...others] = found;
  if (first && others.length === 0) return first;
  const there = all.map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`).join(', ');
  if (first)
    throw new Error(`${filename} holds several such incidents (${there}): name one, with --namespace`);
  throw new Error(
    all.length === 0
      ? `${filename} holds no DriftIncident of ${GROUP}`
      : `${filename} holds no such incident: there are ${there}`,
  );
}

/** The incident as the API server would take it. @param what for the message. @throws Error that names the first problem. */
export function checked(object: KubeObject, what: string): DriftIncident {
  const { problems, value } = validators.driftincidents(object);
  const [first] = problems;
  if (first) throw new Error(`${what} is not one that this version can read: ${describeProblem(first)}`);
  return { ...object, spec: value['spec'], status: value['status'] } as DriftIncident;
}
