// `test` for suites that put the client under fire: a real API server behind a proxy that breaks connections, and a
// transport that notes each request and may answer in the server's place.
import { vi } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { DieOperator, type Part } from '../../src/controller/die-operator.ts';
import { ResourceCache, type CacheChange } from '../../src/kube/cache.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import type { Connection } from '../../src/kube/connection.ts';
import { createKubeClient } from '../../src/kube/http-client.ts';
import { CONFIG_MAPS, type Resource } from '../../src/kube/resources.ts';
import type { HttpRequest, HttpResponse, Transport } from '../../src/kube/transport.ts';
import { createUndiciTransport } from '../../src/kube/undici-transport.ts';
import { connectionFor, kubeconfigFor, type ClusterAccess } from './cluster-access.ts';
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts';
import { JumpClock } from './jump-clock.ts';
import { crdTest, eventually } from './real-api-test.ts';

/** A line of a log. */
export interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  /** Message of the error that it is about. */
  error?: string;
}

/** Takes a request in the server's place, or changes it; undefined lets it pass. */
export type Strike = (request: HttpRequest, inner: Transport) => Promise<HttpResponse> | undefined;

/** A client under fire, with everything that a test looks at. */
export interface Fire {
  proxy: FaultProxy;
  clock: JumpClock;
  /** Goes through the proxy and the strikes. */
  client: KubeClient;
  log: LogLine[];
  /** Method and path with query of each request of the client, noted when its answer begins. */
  requests: string[];
  /** All are asked for each request; the first answer counts. */
  strikes: Strike[];
  /** A cache of that kind in that namespace, synced and watching, and what its listeners are told. */
  cacheOf(namespace: string, resource?: Resource): Promise<WatchedCache>;
  /** An operator that was not started. It ends with the test. */
  operator(...parts: Part[]): Promise<DieOperator>;
}

/** A cache that projects an object to its version. */
export interface WatchedCache {
  cache: ResourceCache<string>;
  /** `set a`, `delete b`, in the order in which listeners were told. The cluster's own objects are left out. */
  changes: string[];
  /** Waits until exactly these changes came, since the last call. */
  told: (...expected: string[]) => Promise<void>;
}

/** The controller manager puts it into each namespace when it likes. */
const CLUSTERS_OWN = 'kube-root-ca.crt';

/** {@link crdTest} with `fire`. */
export const fireTest = crdTest.extend('fire', async ({ access }, { onCleanup }) => {
  const { fire, close } = await openFire(access, (server) =>
    connectionFor({ ...access, server }, access.admin),
  );
  onCleanup(close);
  return fire;
});

/** Opens fire on any control plane. `connect` gets the proxy's address. */
export async function openFire(
  access: ClusterAccess,
  connect: (server: string, proxy: FaultProxy) => Connection | Promise<Connection>,
): Promise<{ fire: Fire; close: () => Promise<void> }> {
  const proxy = await startFaultProxy(access.server);
  const wire = createUndiciTransport(await connect(proxy.server, proxy));
  const [stop, running]: [AbortController, Promise<void>[]] = [new AbortController(), []];
  const [requests, strikes, log]: [string[], Strike[], LogLine[]] = [[], [], []];
  const transport: Transport = async (request) => {
    const struck = strikes.map((strike) => strike(request, wire)).find((answer) => answer !== undefined);
    const answer = await (struck ?? wire(request));
    requests.push(`${request.method} ${request.path}`);
    return answer;
  };
  const common = { clock: new JumpClock(), random: () => 0, log: loggerTo(log) };
  const client = createKubeClient({ transport, ...common });
  const cacheOf = async (namespace: string, resource: Resource = CONFIG_MAPS) => {
    const watches = async () => countOf(requests, new RegExp(`/${resource.plural}\\?watch=1`));
    const before = await watches();
    const watched = watchedCache({
      client,
      ...common,
      resource,
      namespaces: [namespace],
      project: versionOf,
    });
    running.push(watched.cache.run(stop.signal));
    await watched.cache.synced;
    await eventually('the watch is open', watches, (count) => count > before);
    watched.changes.length = 0;
    return watched;
  };
  const operators: DieOperator[] = [];
  const operator = async (...parts: Part[]) => {
    vi.stubEnv('KUBECONFIG', await kubeconfigFor(access, access.admin));
    const made = new DieOperator({ client, ...common, parts });
    operators.push(made);
    return made;
  };
  const close = async () => {
    vi.unstubAllEnvs();
    for (const made of operators) made.stop();
    await Promise.all(operators.map((made) => made.finished()));
    stop.abort();
    await Promise.all(running);
    await wire.close();
    await proxy.close();
  };
  return { fire: { proxy, clock: common.clock, client, log, requests, strikes, cacheOf, operator }, close };
}

function loggerTo(lines: LogLine[]) {
  const at = (level: LogLine['level']) => (fields: { err?: unknown }, message: string) => {
    const { err } = fields;
    lines.push({ level, message, ...(err instanceof Error && { error: err.message }) });
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

const versionOf = ({ metadata }: KubeObject) => metadata.resourceVersion;

function watchedCache(
  options: Omit<ConstructorParameters<typeof ResourceCache<string>>[0], 'indexes'>,
): WatchedCache {
  const cache = new ResourceCache<string>(options);
  const changes: string[] = [];
  cache.subscribe(({ type, key }: CacheChange<string>) => {
    const name = key.slice(key.indexOf('/') + 1);
    if (name !== CLUSTERS_OWN) changes.push(`${type} ${name}`);
  });
  const told = async (...expected: string[]) => {
    const enough = async () => [...changes];
    const came = await eventually(
      `changes ${expected.join()}`,
      enough,
      (all) => all.length >= expected.length,
    );
    changes.length = 0;
    if (came.join() !== expected.join())
      throw new Error(`told of ${came.join()} and not of ${expected.join()}`);
  };
  return { cache, changes, told };
}

/** Requests of that form so far. */
export function countOf(requests: readonly string[], what: RegExp): number {
  return requests.filter((request) => what.test(request)).length;
}

/** Lists and watches of ConfigMaps, as {@link countOf} takes them. */
export const LIST = /^GET .*\/configmaps\?limit=/;
/** See {@link LIST}. */
export const WATCH = /^GET .*\/configmaps\?watch=1/;

/** Answers the next `times` requests of that form with a `Status` of that code. */
export function answersWith(code: number, reason: string, what: RegExp, times = 1): Strike {
  const strikes = limited(what, times);
  return (request) => {
    if (!strikes(request)) return undefined;
    const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason };
    const text = JSON.stringify({ ...status, message: `${reason}, says the test` });
    return Promise.resolve({
      status: code,
      headers: { 'content-type': 'application/json' },
      body: once(text),
    });
  };
}

/** Changes the path of the next request of that form before it is sent. */
export function rewrites(what: RegExp, change: (path: string) => string, times = 1): Strike {
  const strikes = limited(what, times);
  return (request, inner) =>
    strikes(request) ? inner({ ...request, path: change(request.path) }) : undefined;
}

/** Does that work when the next request of that form is made, and only then sends it. */
export function delays(what: RegExp, work: () => Promise<void>): Strike {
  const strikes = limited(what, 1);
  return (request, inner) => (strikes(request) ? work().then(() => inner(request)) : undefined);
}

/** Whether that request is one of the first `times` of that form. */
function limited(what: RegExp, times: number): (request: HttpRequest) => boolean {
  let left = times;
  return ({ method, path }) => left > 0 && what.test(`${method} ${path}`) && left-- > 0;
}

async function* once(text: string): AsyncGenerator<Uint8Array, void, void> {
  yield Buffer.from(text);
}

/** ConfigMaps of a test, written by a client that is not under fire. */
export function configMaps(client: KubeClient, namespace: string) {
  const uids = new Map<string, string>();
  const at = (name: string) => ({ namespace, name });
  return {
    create: async (name: string, value = 'v') => {
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } };
      const made = await client.create(CONFIG_MAPS, { namespace }, body);
      uids.set(name, made.metadata.uid);
    },
    change: (name: string, value: string) =>
      client.jsonPatch(CONFIG_MAPS, at(name), [{ op: 'add', path: '/data/value', value }]),
    remove: (name: string) => client.delete(CONFIG_MAPS, at(name), uids.get(name) ?? ''),
  };
}
