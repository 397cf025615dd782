// An API server that knows a few objects by name and a kubelet that ends helper pods, for tests of what starts them.
import type { DriftIncident } from '../../../src/api/incident.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { anIncident } from '../../support/builders.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** Of the pod of {@link incident}. */
export const UID = '5f6ded9b-0d3c-4f5e-9f3a-0a1b2c3d4e5f';
export const IMAGE = `registry.example/die-operator@sha256:${'a'.repeat(64)}`;

export type Fields = Record<string, unknown>;

export const metadataOf = (name: string, uid: string, namespace = 'shop') => ({
  name,
  namespace,
  uid,
  resourceVersion: '1',
  creationTimestamp: '2026-11-22T00:00:00Z',
});

/** The pod of {@link incident}: with two addresses, on node-1. */
export function suspect(spec: Fields = {}, status: Fields = {}, metadata: Fields = {}): KubeObject {
  const podIPs = [{ ip: '10.244.0.7' }, { ip: 'fd00::7' }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadataOf('web-1', UID), ...metadata },
    spec: { nodeName: 'node-1', containers: [{ name: 'web' }], ...spec },
    status: { phase: 'Running', podIP: '10.244.0.7', podIPs, ...status },
  };
}

export const incident: DriftIncident = (() => {
  const base = anIncident();
  const target = { ...base.spec.target, namespace: 'shop', name: 'web-1', uid: UID };
  return { ...base, spec: { ...base.spec, target } };
})();

export interface HelperScene {
  there: readonly KubeObject[];
  /** State of a helper's container from its creation on. */
  state: object;
  phase: string;
  /** The pod after a helper was made: another one, or null for gone. */
  after?: KubeObject | null;
  /** What the API server says to every creation. */
  refuses?: KubeError;
}

/** See the file's first line. `log` has each creation and deletion. */
export function helperStage({ there, state, phase, after, refuses }: HelperScene) {
  const objects = new Map(there.map((one) => [one.metadata.name, one]));
  const log: string[] = [];
  const made: KubeObject[] = [];
  const client = {
    get: async (_resource: unknown, { name }: { name: string }) => {
      const found = objects.get(name);
      if (!found) throw new KubeError('not found', { status: 404, reason: 'NotFound' });
      return found;
    },
    create: async (_resource: unknown, { namespace }: { namespace: string }, body: KubeObject) => {
      if (refuses) throw refuses;
      const { name } = body.metadata;
      log.push(`create ${namespace}/${name}`);
      const metadata = metadataOf(name, `helper-${made.length}`, namespace);
      const object = { ...body, metadata, status: { phase, containerStatuses: [{ state }] } };
      made.push(body);
      objects.set(name, object);
      if (after) objects.set(after.metadata.name, after);
      if (after === null) objects.delete('web-1');
      return object;
    },
    delete: async (_resource: unknown, { name }: { name: string }, uid: string) => {
      log.push(`delete ${name} ${uid}`);
      if (objects.get(name)?.metadata.uid === uid) objects.delete(name);
    },
  };
  const clock = new VirtualClock();
  const stopping = new AbortController().signal;
  const context = { client: client as unknown as KubeClient, clock, log: silentLogger, stopping };
  return { context, clock, log, made };
}
