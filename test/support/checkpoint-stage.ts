// An API server, a kubelet that makes checkpoints in a folder and runs checkpoint pods in this process, and a bundle in memory.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { CAPTURE_NAMESPACE } from '../../src/api/names.ts';
import { capture } from '../../src/evidence/capture.ts';
import type { CollectContext } from '../../src/evidence/collector.ts';
import { CheckpointOrderSchema, type CheckpointOrder } from '../../src/helpers/checkpoint-order.ts';
import { runCheckpoint } from '../../src/helpers/programs/checkpoint.ts';
import { deadline, systemClock } from '../../src/kube/clock.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { KubeError } from '../../src/kube/errors.ts';
import type { CheckpointAsked, KubeletAddress } from '../../src/kube/kubelet.ts';
import { silentLogger } from '../../src/observe/log.ts';
import { captureName } from '../../src/respond/capture-pod.ts';
import { checkpointCollector } from '../../src/respond/checkpoint.ts';
import { anIncident } from './builders.ts';
import { INCIDENT, settings, suspect, TERMINATED, UID } from './capture-stage.ts';
import { createMemoryStore } from './memory-store.ts';

export const FOLDER = '/var/lib/kubelet/checkpoints';
export const NAME = captureName('node-1', 'checkpoint');
export const CALLS = [`create ${CAPTURE_NAMESPACE}/${NAME}`, `delete ${NAME} helper`];
export const nameOf = (container: string) => `checkpoint-web-1_shop-${container}-2026-11-23T09:05:00Z.tar`;
export const node: KubeObject = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-1', uid: 'n', resourceVersion: '1', creationTimestamp: '2026-11-22T00:00:00Z' },
  status: {
    addresses: [
      { type: 'Hostname', address: 'node-1' },
      { type: 'InternalIP', address: '10.0.0.1' },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
  },
};
const inShop = (pod: KubeObject): KubeObject => ({
  ...pod,
  metadata: { ...pod.metadata, namespace: 'shop' },
});

export interface Scene {
  pod?: KubeObject;
  map?: KubeObject;
  node?: KubeObject;
  /** What the kubelet does the first, the second ... time: an error, or paths; default the path where it made an archive. */
  kubelet?: (Error | string[] | undefined)[];
  /** What the API server says to whoever wants a token. */
  token?: KubeError;
  /** What the kubelet says of the checkpoint pod; default: it runs. */
  state?: object;
  hasKubelets?: boolean;
  maxBytes?: number;
  withinMs?: number;
}

/** `stage`: see the file's first line. */
export const checkpointTest = base.extend('stage', async ({}, { onCleanup }) => {
  const folder = await mkdtemp(join(tmpdir(), 'die-operator-checkpoints-'));
  onCleanup(() => rm(folder, { recursive: true }));
  return (scene: Scene) => {
    const objects = new Map(
      [
        inShop(scene.pod ?? suspect()),
        scene.map ?? settings({ profiles: 'checkpoint' }),
        scene.node ?? node,
      ].map((one) => [one.metadata.name, one]),
    );
    const log: string[] = [];
    const asked: [KubeletAddress, CheckpointAsked, string][] = [];
    const orders: CheckpointOrder[] = [];
    const ports = { now: 1 };
    const listens = Promise.withResolvers<number>();
    const run = async (body: KubeObject) => {
      const { args } = (body as unknown as { spec: { containers: [{ args: string[] }] } }).spec.containers[0];
      const given = (flag: string) => args[args.indexOf(flag) + 1] ?? '';
      const order = CheckpointOrderSchema.parse(JSON.parse(given('--order')));
      orders.push(order);
      const listening = (port: number) => {
        ports.now = port;
        listens.resolve(port);
      };
      const key = Buffer.from(given('--key'), 'hex');
      const serve = { key, port: 0, host: '127.0.0.1', listening };
      const report = await runCheckpoint({
        clock: systemClock,
        order,
        folder,
        owner: process.getuid?.() ?? 0,
        serve,
      });
      const there = objects.get(NAME);
      const state = TERMINATED(JSON.stringify(report));
      if (there)
        objects.set(NAME, { ...there, status: { phase: 'Running', containerStatuses: [{ state }] } });
    };
    const client = {
      get: async (_resource: unknown, { name }: { name: string }) => {
        const found = objects.get(name);
        if (!found) throw new KubeError('not found', { status: 404, reason: 'NotFound' });
        return found;
      },
      create: async (
        _resource: unknown,
        at: { namespace: string; name?: string; subresource?: string },
        body: KubeObject,
      ) => {
        if (at.subresource === 'token') {
          if (scene.token) throw scene.token;
          log.push(`token of ${at.namespace}/${at.name}`);
          return { metadata: {}, status: { token: 'of-the-account' } };
        }
        log.push(`create ${at.namespace}/${body.metadata.name}`);
        const state = scene.state ?? { running: {} };
        const { metadata } = body;
        const pod = { ...body, metadata: { ...metadata, uid: 'helper' } };
        const made = {
          ...pod,
          status: { podIP: '127.0.0.1', phase: 'Running', containerStatuses: [{ state }] },
        };
        objects.set(metadata.name, made);
        if (scene.state === undefined) {
          void run(body);
          await listens.promise;
        }
        return made;
      },
      delete: async (_resource: unknown, { name }: { name: string }, uid: string) => {
        log.push(`delete ${name} ${uid}`);
        objects.delete(name);
      },
    };
    const kubelets = {
      checkpoint: async (at: KubeletAddress, what: CheckpointAsked, { token }: { token: string }) => {
        const answer = scene.kubelet?.[asked.length];
        asked.push([at, what, token]);
        if (answer instanceof Error) throw answer;
        if (answer) return answer;
        await writeFile(join(folder, nameOf(what.container)), `memory of ${what.container}`, { mode: 0o600 });
        return [`${FOLDER}/${nameOf(what.container)}`];
      },
    };
    const captured = async () => {
      const store = createMemoryStore({ clock: systemClock });
      const context: CollectContext = {
        client: client as unknown as KubeClient,
        clock: systemClock,
        target: { ...anIncident().spec.target, namespace: 'shop', name: 'web-1', uid: UID },
        incident: { namespace: 'shop', name: INCIDENT.name, uid: INCIDENT.uid },
        signal: deadline(systemClock, 30_000).signal,
      };
      const collector = checkpointCollector(
        {
          maxBytes: () => scene.maxBytes ?? 1_000_000,
          withinMs: () => scene.withinMs ?? 20_000,
          recipients: [],
        },
        {
          log: silentLogger,
          kubelets: scene.hasKubelets === false ? undefined : kubelets,
          get port() {
            return ports.now;
          },
        },
      );
      const summary = await capture([collector], context, store);
      const { files = [], problems = [] } = store.manifest(INCIDENT.uid) ?? {};
      const text = (path: string) => store.text(INCIDENT.uid, path);
      return { summary, files, text, problems: problems.map(({ message }) => message) };
    };
    return { captured, log, asked, orders, left: () => readdir(folder) };
  };
});
