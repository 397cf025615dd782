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
  S3_SERVER,
  type AssetGroup,
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

const HOW_S3 =
  'Install Go (https://go.dev/doc/install) and run `node test/cluster/build-assets.ts`, or set VERSITYGW_BIN to a ' +
  'versitygw of 1.8 or later.';

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

/** The path of a server of one binary, or why there is none and what to do, in words for people. */
export type ServerSearch = { found: true; binary: string } | { found: false; reason: string };

/**
 * Finds the NATS server: `NATS_SERVER_BIN` if that is set, else the cached one, built now if Go is there. Rejects when
 * that build fails.
 */
export function ensureNatsServer(say: Say, env: NodeJS.ProcessEnv = process.env): Promise<ServerSearch> {
  return ensureServer(say, env, {
    title: 'NATS server',
    variable: 'NATS_SERVER_BIN',
    group: NATS,
    how: HOW_NATS,
  });
}

/** As {@link ensureNatsServer} for the S3 server: `VERSITYGW_BIN`, or versitygw from the cache. */
export function ensureS3Server(say: Say, env: NodeJS.ProcessEnv = process.env): Promise<ServerSearch> {
  return ensureServer(say, env, {
    title: 'S3 server',
    variable: 'VERSITYGW_BIN',
    group: S3_SERVER,
    how: HOW_S3,
  });
}

/** What {@link ensureServer} looks for. */
interface WantedServer {
  /** For people. */
  title: string;
  /** The environment variable by which a person gives it. */
  variable: string;
  group: AssetGroup;
  /** What to do when there is none. */
  how: string;
}

async function ensureServer(
  say: Say,
  env: NodeJS.ProcessEnv,
  { title, variable, group, how }: WantedServer,
): Promise<ServerSearch> {
  const given = env[variable];
  if (given) {
    const reason = `${variable}=${given} is not an executable file. ${how}`;
    return (await isExecutable(given)) ? { found: true, binary: given } : { found: false, reason };
  }
  const name = group.binaries[0]?.name ?? '';
  const version = await goVersion(env);
  const cached = version === undefined ? await anyCached(env, group) : buildFolder(env, version, group);
  if (cached !== undefined && (await isExecutable(join(cached, name)))) {
    return { found: true, binary: join(cached, name) };
  }
  if (version === undefined) return { found: false, reason: `There is no ${title} for the tests. ${how}` };
  return { found: true, binary: join(await buildAssets(env, version, say, group), name) };
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
