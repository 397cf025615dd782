// What the API server saw: every request with its sender, its times, and the object before and after; and every change
// by other hands. Promises are judged by this and by nothing that the operator says of itself.
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import { QUARANTINE_LIST, QUARANTINED_PODS_LIST, SYSTEM_NAMESPACE } from '../../../src/api/names.ts';
import type { AdmissionRequest, AuditEntry, EmbeddedCluster } from '../../../src/embedded/api-server.ts';
import { parsePath } from '../../../src/embedded/routes.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  DRIFT_INCIDENTS,
  EVENTS,
  LEASES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  RESOURCE_QUOTAS,
  type Resource,
} from '../../../src/kube/resources.ts';
import type { HttpRequest, HttpResponse } from '../../../src/kube/transport.ts';
import type { SimClock } from './clock.ts';

/** Who sent a request, and when it left. */
export interface Sender {
  /** Name of the process. */
  replica: string;
  /** Which of its lives. */
  life: number;
  /** Milliseconds after the start. */
  sentAt: number;
}

/** One request of a process that the API server answered. All times are milliseconds after the start. */
export interface Served extends Sender {
  id: number;
  servedAt: number;
  /** When the process had the answer; absent if it never did. */
  receivedAt?: number;
  verb: string;
  /** Plural of the kind. */
  of: string;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
  dryRun: boolean;
  status: number;
  path: string;
  body: unknown;
  /** The object as it was before a write. */
  before: KubeObject | undefined;
  /** The object as the server had it right after the answer; undefined if there is none. */
  after: KubeObject | undefined;
  /** Pods and incidents of the namespace at the moment of a write, before it; of a list of pods, those of all. */
  around: Around | undefined;
}

/** What else there was. */
export interface Around {
  pods: readonly KubeObject[];
  incidents: readonly DriftIncident[];
  /** What the pods of the namespace are held to. */
  budgets: readonly KubeObject[];
  quotas: readonly KubeObject[];
  deployments: readonly KubeObject[];
  /** The lists of quarantined pods: of the namespace by name, of the cluster by UID. */
  listed: { ofNamespace: Readonly<Record<string, string>>; ofCluster: Readonly<Record<string, string>> };
}

/** One change that any hand made, or tried to, as admission saw it. */
export interface Change {
  at: number;
  /** User agent. */
  by: string;
  operation: AdmissionRequest['operation'];
  of: string;
  subresource: string | undefined;
  object: KubeObject | undefined;
  before: KubeObject | undefined;
}

/** See the file's first line. */
export class ServerLog {
  readonly #cluster: EmbeddedCluster;
  readonly #clock: SimClock;
  readonly #senders = new Map<string, Sender & { id: number }>();
  #before: KubeObject | undefined;
  #around: Around | undefined;
  #lastId = 0;
  readonly served: Served[] = [];
  /** Of these, the writes that were carried out; Events, Leases and dry runs apart. */
  readonly writes: Served[] = [];
  /** Events that processes sent, which are in no other list. */
  readonly events: Served[] = [];
  readonly changes: Change[] = [];
  /** Requests that a fault refused before the API server saw them. */
  readonly refused: { at: number; path: string }[] = [];

  constructor(cluster: EmbeddedCluster, clock: SimClock) {
    this.#cluster = cluster;
    this.#clock = clock;
    cluster.admission.push((request) => this.#admitted(request));
    cluster.onRequest((entry) => this.#answered(entry));
  }

  /** Number of writes that were carried out. */
  get writeCount(): number {
    return this.writes.length;
  }

  /** Hands a request to the API server. */
  async serve(
    request: HttpRequest,
    sender: Sender,
  ): Promise<{ answer: HttpResponse; entry: Served | undefined }> {
    const id = ++this.#lastId;
    const agent = `${request.headers['user-agent'] ?? ''} request-${id}`;
    this.#senders.set(agent, { ...sender, id });
    const answer = await this.#cluster.transport({
      ...request,
      headers: { ...request.headers, 'user-agent': agent },
    });
    return { answer, entry: this.served.at(-1)?.id === id ? this.served.at(-1) : this.#find(id) };
  }

  #find(id: number): Served | undefined {
    return this.served.findLast((entry) => entry.id === id);
  }

  #admitted(request: AdmissionRequest): undefined {
    const { operation, resource, subresource, namespace, name, object, oldObject, userAgent } = request;
    // Of an eviction, the object is the Eviction: what it is about is looked up.
    const at = { namespace, name };
    this.#before = oldObject ?? (operation === 'CREATE' ? this.#read(resource, at) : undefined);
    if (request.dryRun) return;
    if (userAgent.startsWith('die-operator/'))
      this.#around = this.#look(resource === CONFIG_MAPS ? undefined : namespace);
    this.changes.push({
      at: this.#clock.elapsed(),
      by: userAgent.split(' ')[0] ?? '',
      operation,
      of: resource.plural,
      subresource,
      object,
      before: this.#before,
    });
  }

  #read(resource: Resource, at: { namespace: string | undefined; name: string }): KubeObject | undefined {
    return this.#cluster.api.get(resource, at);
  }

  #look(namespace: string | undefined): Around {
    const { api } = this.#cluster;
    return {
      pods: api.list(PODS, namespace),
      incidents: api.list(DRIFT_INCIDENTS, namespace) as DriftIncident[],
      budgets: api.list(POD_DISRUPTION_BUDGETS, namespace),
      quotas: api.list(RESOURCE_QUOTAS, namespace),
      deployments: api.list(DEPLOYMENTS, namespace),
      listed: {
        ofNamespace: this.#entries(namespace, QUARANTINE_LIST),
        ofCluster: this.#entries(SYSTEM_NAMESPACE, QUARANTINED_PODS_LIST),
      },
    };
  }

  #entries(namespace: string | undefined, name: string): Readonly<Record<string, string>> {
    return entriesOf(this.#read(CONFIG_MAPS, { namespace, name }));
  }

  #answered(entry: AuditEntry): void {
    const [before, around] = [this.#before, this.#around];
    this.#before = undefined;
    this.#around = undefined;
    const sender = this.#senders.get(entry.userAgent);
    this.#senders.delete(entry.userAgent);
    if (!sender || entry.verb === 'watch') return;
    const served = { ...this.#entryOf(entry, sender), before, around };
    // A review is a question, though it is posted.
    if (served.of === EVENTS.plural && served.verb === 'create') this.events.push(served);
    if (served.of === EVENTS.plural || entry.path.includes('/selfsubjectaccessreviews')) return;
    this.served.push(served);
    if (isWrite(served) && served.status < 300 && !served.dryRun && served.of !== LEASES.plural)
      this.writes.push(served);
  }

  #entryOf(entry: AuditEntry, sender: Sender & { id: number }): Omit<Served, 'before' | 'around'> {
    const { verb, status, path } = entry;
    const [at = '', search] = path.split('?', 2);
    const body: unknown = entry.body === undefined ? undefined : JSON.parse(entry.body);
    const named = namedBy(at, body);
    const { resource, namespace, name } = named;
    const after = resource && name !== undefined ? this.#read(resource, { namespace, name }) : undefined;
    return {
      ...sender,
      servedAt: this.#clock.elapsed(),
      verb,
      of: resource?.plural ?? '',
      namespace,
      name,
      subresource: named.subresource,
      dryRun: new URLSearchParams(search).has('dryRun'),
      status,
      path,
      body,
      after,
    };
  }
}

interface Named extends Pick<Served, 'namespace' | 'name' | 'subresource'> {
  resource: Resource | undefined;
}

/** What a request is about; a create names its object in the body. */
function namedBy(path: string, body: unknown): Named {
  const route = routeOf(path);
  const inBody = (body as Partial<KubeObject> | undefined)?.metadata?.name;
  return {
    resource: route?.kind.resource,
    namespace: route?.namespace,
    name: route?.name ?? inBody,
    subresource: route?.subresource,
  };
}

function routeOf(path: string): ReturnType<typeof parsePath> {
  try {
    return parsePath(path);
  } catch {
    return undefined;
  }
}

/** What a list of quarantined pods says. */
export function entriesOf(list: KubeObject | undefined): Readonly<Record<string, string>> {
  return (list?.['data'] ?? {}) as Readonly<Record<string, string>>;
}

/** Whether a request asks for a change. */
export function isWrite({ verb }: Pick<Served, 'verb'>): boolean {
  return ['create', 'update', 'patch', 'delete'].includes(verb);
}
