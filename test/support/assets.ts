// Finds the servers of the tests: given by a person, cached, or built now.
import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buildAssets, buildFolder, goVersion, type Say } from '../cluster/build-assets.ts';
import {
  BINARIES,
  cacheKeyPrefix,
  cacheRoot,
  CONTROL_PLANE,
  kubernetesVersion,
  NATS,
  type Binary,
} from '../cluster/pins.ts';

/** Paths of the binaries. */
export interface Assets {
  etcd: string;
  apiServer: string;
  /** Absent in most folders made for `KUBEBUILDER_ASSETS`: no Deployment then makes pods. */
  controllerManager?: string;
  kubectl?: string;
  /** The Kubernetes version, when it is ours; a person's own folder may hold any. */
  pinnedVersion?: string;
}

/** The binaries, or why there are none and what to do, in words for people. */
export type AssetsSearch = { found: true; assets: Assets } | { found: false; reason: string };

const HOW =
  'Install Go (https://go.dev/doc/install) and run `node test/cluster/build-assets.ts`, or set KUBEBUILDER_ASSETS ' +
  'to a folder with etcd and kube-apiserver.';

const HOW_NATS =
  'Install Go (https://go.dev/doc/install) and run `node test/cluster/build-assets.ts`, or set NATS_SERVER_BIN to a ' +
  'nats-server of 2.15 or later.';

/** Looks into `KUBEBUILDER_ASSETS` if that is set, else into the cache. Builds nothing. */
export async function findAssets(env: NodeJS.ProcessEnv = process.env): Promise<AssetsSearch> {
  const given = env['KUBEBUILDER_ASSETS'];
  if (given) return assetsIn(given, `KUBEBUILDER_ASSETS=${given}`);
  const version = await goVersion(env);
  const folder = version === undefined ? await anyCached(env) : buildFolder(env, version);
  if (folder === undefined)
    return { found: false, reason: `There is no control plane for the tests. ${HOW}` };
  const search = await assetsIn(folder, folder);
  if (search.found) search.assets.pinnedVersion = kubernetesVersion();
  return search;
}

/** As {@link findAssets}, but builds what is missing if Go is there. Rejects when that build fails. */
export async function ensureAssets(say: Say, env: NodeJS.ProcessEnv = process.env): Promise<AssetsSearch> {
  const found = await findAssets(env);
  const version = await goVersion(env);
  if (found.found || version === undefined || env['KUBEBUILDER_ASSETS']) return found;
  await buildAssets(env, version, say);
  return findAssets(env);
}

/** The path of the NATS server, or why there is none and what to do, in words for people. */
export type NatsSearch = { found: true; binary: string } | { found: false; reason: string };

/**
 * Finds the NATS server: `NATS_SERVER_BIN` if that is set, else the cached one, built now if Go is there. Rejects when
 * that build fails.
 */
export async function ensureNatsServer(say: Say, env: NodeJS.ProcessEnv = process.env): Promise<NatsSearch> {
  const given = env['NATS_SERVER_BIN'];
  if (given) {
    const reason = `NATS_SERVER_BIN=${given} is not an executable file. ${HOW_NATS}`;
    return (await isExecutable(given)) ? { found: true, binary: given } : { found: false, reason };
  }
  const version = await goVersion(env);
  const cached = version === undefined ? await anyCached(env, NATS) : buildFolder(env, version, NATS);
  if (cached !== undefined && (await isExecutable(join(cached, 'nats-server')))) {
    return { found: true, binary: join(cached, 'nats-server') };
  }
  if (version === undefined)
    return { found: false, reason: `There is no NATS server for the tests. ${HOW_NATS}` };
  return { found: true, binary: join(await buildAssets(env, version, say, NATS), 'nats-server') };
}

async function anyCached(env: NodeJS.ProcessEnv, group = CONTROL_PLANE): Promise<string | undefined> {
  const root = cacheRoot(env);
  const entries = await readdir(root).catch((): string[] => []);
  const entry = entries.toSorted().findLast((name) => name.startsWith(cacheKeyPrefix(group)));
  return entry === undefined ? undefined : join(root, entry);
}

async function assetsIn(folder: string, what: string): Promise<AssetsSearch> {
  const present = await Promise.all(BINARIES.map(({ name }) => isExecutable(join(folder, name))));
  const path = (name: Binary['name']) =>
    present[BINARIES.findIndex((binary) => binary.name === name)] ? join(folder, name) : undefined;
  const [etcd, apiServer] = [path('etcd'), path('kube-apiserver')];
  if (etcd === undefined || apiServer === undefined) {
    return { found: false, reason: `${what} does not hold executable etcd and kube-apiserver. ${HOW}` };
  }
  const controllerManager = path('kube-controller-manager');
  const kubectl = path('kubectl');
  const optional = { ...(controllerManager && { controllerManager }), ...(kubectl && { kubectl }) };
  return { found: true, assets: { etcd, apiServer, ...optional } };
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
