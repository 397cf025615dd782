// Objects for tests: complete and valid, with the fields that a test is about given by name.
import type { Detection } from '../../src/api/detection.ts';
import type {
  Contribution,
  DriftIncident,
  DriftIncidentStatus,
  ResponseSettings,
} from '../../src/api/incident.ts';
import { API_VERSION, FINALIZER } from '../../src/api/names.ts';
import type { PodFacts } from '../../src/api/pod.ts';
import {
  DriftPolicySpecSchema,
  ApprovalSchema,
  EvictionSchema,
  EvidenceSchema,
  IsolationSchema,
  LimitsSchema,
  type DriftPolicy,
} from '../../src/api/policy.ts';
import { limitsWith } from './limits.ts';

export const NOW = Date.UTC(2026, 10, 22);
export const T0 = new Date(NOW).toISOString();
export const DIGEST = `sha256:${'a'.repeat(64)}`;
export const CONTAINER_ID = 'c'.repeat(64);
const REPLICA_SET = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  name: 'web-5d4',
  uid: 'rs-uid',
  controller: true,
};

/** A Ready pod `shop/web-1` of a ReplicaSet. */
export function aPod(change: Partial<PodFacts> = {}): PodFacts {
  return {
    namespace: 'shop',
    name: 'web-1',
    uid: 'pod-uid-1',
    resourceVersion: '10',
    createdAt: '2026-11-21T00:00:00Z',
    nodeName: 'node-1',
    labels: { app: 'web', 'pod-template-hash': '5d4' },
    annotations: {},
    ownerReferences: [REPLICA_SET],
    phase: 'Running',
    ready: true,
    mirror: false,
    hostNetwork: false,
    containers: [
      {
        name: 'web',
        image: `registry.example/shop/web:1.2@${DIGEST}`,
        imageID: `registry.example/shop/web@${DIGEST}`,
        containerID: `containerd://${CONTAINER_ID}`,
        terminated: false,
      },
    ],
    ...change,
  };
}

/** A Critical detection of Falco in that pod, identified by container ID and node. */
export function aDetection(
  change: Partial<Detection['summary']> = {},
  identity: Detection['identity'] = {},
): Detection {
  return {
    summary: {
      id: '0'.repeat(32),
      source: 'Falco',
      rule: 'DIE Binary Drift Executed',
      severity: 'Critical',
      time: T0,
      receivedAt: T0,
      ...change,
    },
    identity: { containerId: CONTAINER_ID.slice(0, 12), hostname: 'node-1', ...identity },
    tags: ['drift'],
    fields: {},
  };
}

/** Settings with every default. */
export function someSettings(): ResponseSettings {
  return {
    isolation: IsolationSchema.parse({}),
    evidence: EvidenceSchema.parse({}),
    eviction: EvictionSchema.parse({}),
    approval: ApprovalSchema.parse({}),
    limits: LimitsSchema.parse({}),
  };
}

/** What the policy `web` in Enforce asks for: everything. */
export function aContribution(change: Partial<Contribution> = {}): Contribution {
  return {
    kind: 'DriftPolicy',
    name: 'web',
    uid: 'policy-uid',
    generation: 1,
    mode: 'Enforce',
    rungs: ['replace'],
    actions: ['Label', 'Isolate', 'Capture', 'Evict'],
    ...change,
  };
}

/** An incident of {@link aPod}, just opened. */
export function anIncident(
  change: {
    status?: DriftIncidentStatus;
    policies?: Contribution[];
    metadata?: Partial<DriftIncident['metadata']>;
    spec?: Partial<DriftIncident['spec']>;
  } = {},
): DriftIncident {
  const pod = aPod();
  const { name, uid } = REPLICA_SET;
  return {
    apiVersion: API_VERSION,
    kind: 'DriftIncident',
    metadata: {
      name: 'web-1-abcdef0123-1',
      namespace: 'shop',
      uid: 'incident-uid',
      resourceVersion: '20',
      generation: 1,
      creationTimestamp: T0,
      finalizers: [FINALIZER],
      ...change.metadata,
    },
    spec: {
      target: {
        namespace: pod.namespace,
        name: pod.name,
        uid: pod.uid,
        nodeName: 'node-1',
        labels: { ...pod.labels },
        ownerReferences: [REPLICA_SET],
        workload: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid },
        containers: pod.containers.map(({ name: container, image, imageID, containerID }) => ({
          name: container,
          image,
          ...(imageID && { imageID }),
          ...(containerID && { containerID }),
        })),
      },
      trigger: {
        detection: aDetection().summary,
        severity: 'Critical',
        policies: change.policies ?? [aContribution()],
        response: someSettings(),
      },
      ...change.spec,
    },
    status: { reports: {}, ...change.status },
  };
}

/**
 * A DriftPolicy `shop/web` in Enforce with one rung that does everything from Warning up. A replacement need not be quiet,
 * unless the spec says so: tests in real time would wait for it. Nor is limited what is evicted, but as the spec says.
 */
export function aPolicy(spec: object = {}, metadata: Partial<DriftPolicy['metadata']> = {}): DriftPolicy {
  return {
    apiVersion: API_VERSION,
    kind: 'DriftPolicy',
    metadata: {
      name: 'web',
      namespace: 'shop',
      uid: 'policy-uid',
      resourceVersion: '5',
      generation: 1,
      creationTimestamp: T0,
      ...metadata,
    },
    spec: DriftPolicySpecSchema.parse({
      mode: 'Enforce',
      responses: [
        { name: 'replace', minSeverity: 'Warning', actions: ['Label', 'Isolate', 'Capture', 'Evict'] },
      ],
      ...spec,
      eviction: withoutQuiet(spec),
      limits: limitsWith((spec as { limits?: object }).limits),
    }),
  };
}

function withoutQuiet({ eviction = {} }: { eviction?: { replacement?: object } }): object {
  return { ...eviction, replacement: { quietFor: '0s', ...eviction.replacement } };
}
