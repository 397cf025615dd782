// An API server, a kubelet that runs capture pods in this process, and a bundle in memory, for tests of what starts them.
import type { KubeObject } from '../../src/api/meta.ts';
import { CAPTURED_FOR_ANNOTATION, HELPERS_CONFIGMAP } from '../../src/api/names.ts';
import { capture } from '../../src/evidence/capture.ts';
import type { CollectContext } from '../../src/evidence/collector.ts';
import { CaptureOrderSchema, type CaptureOrder } from '../../src/helpers/capture-order.ts';
import type { CaptureReport } from '../../src/helpers/capture-report.ts';
import type { NodeCollector } from '../../src/helpers/programs/capture/collector.ts';
import { runCapture } from '../../src/helpers/programs/capture/run.ts';
import { deadline, systemClock } from '../../src/kube/clock.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { KubeError } from '../../src/kube/errors.ts';
import { silentLogger } from '../../src/observe/log.ts';
import { captureName } from '../../src/respond/capture-pod.ts';
import { nodeCollector, type NodeRequest } from '../../src/respond/node-capture.ts';
import { anIncident } from './builders.ts';
import { head } from './capture-stream.ts';
import { createMemoryStore } from './memory-store.ts';

export const UID = '5f6ded9b-0d3c-4f5e-9f3a-0a1b2c3d4e5f';
export const IMAGE = `registry.example/die-operator@sha256:${'a'.repeat(64)}`;
export const NAME = captureName('node-1');
export const ID = (digit: string) => digit.repeat(64);
export const INCIDENT = anIncident().metadata;

const metadataOf = (name: string, uid: string, annotations: Record<string, string> = {}) => ({
  name,
  uid,
  annotations,
  resourceVersion: '1',
  creationTimestamp: '2026-11-22T00:00:00Z',
});
export const settings = (data: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: metadataOf(HELPERS_CONFIGMAP, 'map'),
  data: { image: IMAGE, profiles: 'canary, capture', ...data },
});
export const status = (name: string, id: string, more: object = {}) => ({
  name,
  containerID: `containerd://${ID(id)}`,
  state: { running: {} },
  ...more,
});
export const suspect = (more: object = {}, uid = UID): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadataOf('web-1', uid),
  spec: { nodeName: 'node-1', containers: [{ name: 'web' }] },
  status: { phase: 'Running', containerStatuses: [status('web', '1')], ...more },
});
export const left = (incident: string, state: object): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadataOf(NAME, 'left', { [CAPTURED_FOR_ANNOTATION]: incident }),
  status: { phase: 'Running', containerStatuses: [{ state }] },
});

export interface Scene {
  pod?: KubeObject;
  /** The pod as the operator read it before. */
  before?: KubeObject;
  map?: KubeObject | null;
  there?: KubeObject[];
  /** What the kubelet says of the capture pod; default: it runs. */
  state?: object;
  refuses?: KubeError;
  /** A capture pod that another one makes first. */
  rival?: KubeObject;
  processes?: NodeCollector['collect'];
  /** What the kubelet tells of its end; default what it said. */
  tells?: (report: CaptureReport) => object;
  request?: Partial<NodeRequest>;
  /** Of all evidence. */
  deadlineMs?: number;
}

export const found: NodeCollector['collect'] = async (_context, sink) => {
  await sink.file({ ...head('node/processes.json'), collector: 'processes' }, [Buffer.from('[]')]);
};
export const TERMINATED = (message: string) => ({
  terminated: { exitCode: 0, reason: 'Completed', message },
});

/** See the file's first line. */
export function stage(scene: Scene) {
  const { map = settings(), pod = suspect(), there = [] } = scene;
  const objects = new Map([...there, pod, ...(map ? [map] : [])].map((one) => [one.metadata.name, one]));
  const rivals = scene.rival ? [scene.rival] : [];
  const log: string[] = [];
  const made: KubeObject[] = [];
  const orders: CaptureOrder[] = [];
  const port = Promise.withResolvers<number>();
  const run = async (body: KubeObject) => {
    const { args } = (body as unknown as { spec: { containers: [{ args: string[] }] } }).spec.containers[0];
    const given = (flag: string) => args[args.indexOf(flag) + 1] ?? '';
    const order = CaptureOrderSchema.parse(JSON.parse(given('--order')));
    orders.push(order);
    const report = await runCapture({
      clock: systemClock,
      order,
      proc: '/nowhere',
      collectors: {
        Processes: { name: 'processes', collect: scene.processes ?? found },
        Filesystem: { name: 'filesystem', collect: async () => {} },
      },
      folders: [],
      serve: { key: Buffer.from(given('--key'), 'hex'), port: 0, host: '127.0.0.1', listening: port.resolve },
    });
    const state = scene.tells?.(report) ?? TERMINATED(JSON.stringify(report));
    const object = objects.get(NAME);
    if (object)
      objects.set(NAME, { ...object, status: { phase: 'Running', containerStatuses: [{ state }] } });
  };
  const client = {
    get: async (_resource: unknown, { name }: { name: string }) => {
      const object = objects.get(name);
      if (!object) throw new KubeError('not found', { status: 404, reason: 'NotFound' });
      return object;
    },
    create: async (_resource: unknown, { namespace }: { namespace: string }, body: KubeObject) => {
      if (scene.refuses) throw scene.refuses;
      const rival = rivals.pop();
      if (rival) {
        objects.set(rival.metadata.name, rival);
        throw new KubeError('it exists', { status: 409, reason: 'AlreadyExists' });
      }
      log.push(`create ${namespace}/${body.metadata.name}`);
      made.push(body);
      const state = scene.state ?? { running: {} };
      const phase = 'phase' in state ? state : { phase: 'Running', containerStatuses: [{ state }] };
      const { annotations } = body.metadata;
      const metadata = metadataOf(body.metadata.name, 'helper', annotations);
      const object = { ...body, metadata, status: { podIP: '127.0.0.1', ...phase } };
      objects.set(body.metadata.name, object);
      if (scene.state === undefined) {
        void run(body);
        await port.promise;
      }
      return object;
    },
    delete: async (_resource: unknown, { name }: { name: string }, uid: string) => {
      log.push(`delete ${name} ${uid}`);
      objects.delete(name);
    },
  };
  const { recipients = [] } = scene.request ?? {};
  const store = createMemoryStore({ clock: systemClock, recipients });
  const request: NodeRequest = {
    collectors: ['Processes'],
    contents: true,
    maxBytes: 1_000_000,
    withinMs: 20_000,
    recipients: [],
    ...scene.request,
  };
  const context: CollectContext = {
    client: client as unknown as KubeClient,
    clock: systemClock,
    target: { ...anIncident().spec.target, namespace: 'shop', name: 'web-1', uid: UID },
    incident: { namespace: 'shop', name: INCIDENT.name, uid: INCIDENT.uid },
    ...(scene.before && { pod: scene.before }),
    signal: deadline(systemClock, scene.deadlineMs ?? 30_000).signal,
  };
  const captured = async () => {
    const listening = scene.state === undefined ? port.promise : Promise.resolve(1);
    // The port is known once the pod runs; a real one has a fixed one.
    const collector = nodeCollector(request, {
      log: silentLogger,
      get port() {
        return ports.now;
      },
    });
    const ports = { now: 1 };
    void listening.then((now) => (ports.now = now));
    const summary = await capture([collector], context, store);
    const { files = [], problems = [] } = store.manifest(INCIDENT.uid) ?? {};
    return { summary, files, problems: problems.map(({ message }) => message) };
  };
  const bytes = (path: string) => store.bytes(INCIDENT.uid, path);
  return { captured, log, made, orders, bytes, client: context.client, store };
}
