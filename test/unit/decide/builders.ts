// Valid objects for tests of decisions: each builder fills in what a test does not care about.
import fc from 'fast-check';
import type { Detection } from '../../../src/api/detection.ts';
import type { Contribution, DriftIncident, ResponseSettings, Target } from '../../../src/api/incident.ts';
import type { ContainerFacts, PodFacts } from '../../../src/api/pod.ts';
import {
  ACTIONS,
  DriftPolicySpecSchema,
  type Action,
  type DriftPolicy,
  type Evidence,
  type Isolation,
  type PolicyKind,
} from '../../../src/api/policy.ts';
import { compilePolicy, type CompiledPolicy } from '../../../src/decide/policies.ts';

export const CREATED = '2026-11-22T00:00:00Z';

/** The most that one rung does: it has either Evict or Restart. */
export const FULL_RUNG: readonly Action[] = ACTIONS.filter((action) => action !== 'Restart');

/** Whether a rung may have all of these. */
export const mayStand = (actions: readonly Action[]) =>
  !(actions.includes('Evict') && actions.includes('Restart'));

/** What a rung may do, at least one action. */
export const rungActions = fc.subarray([...ACTIONS], { minLength: 1 }).filter(mayStand);

/** `sha256:` and 64 times the same hex digit. */
export const digest = (digit: string) => `sha256:${digit.repeat(64)}`;

export function container(overrides: Partial<ContainerFacts> = {}): ContainerFacts {
  return { name: 'app', image: 'nginx:1.27', terminated: false, ...overrides };
}

export function pod(overrides: Partial<PodFacts> = {}): PodFacts {
  return {
    namespace: 'shop',
    name: 'web-1',
    uid: 'uid-1',
    resourceVersion: '1',
    createdAt: CREATED,
    nodeName: 'node-a',
    labels: { app: 'web' },
    annotations: {},
    ownerReferences: [],
    phase: 'Running',
    ready: true,
    mirror: false,
    hostNetwork: false,
    containers: [container()],
    ...overrides,
  };
}

export function target(overrides: Partial<Target> = {}): Target {
  return {
    namespace: 'shop',
    name: 'web-1',
    uid: 'uid-1',
    labels: { app: 'web' },
    containers: [],
    ...overrides,
  };
}

export const workload = (apiVersion: string, kind: string): NonNullable<Target['workload']> => ({
  apiVersion,
  kind,
  name: 'web',
  uid: 'owner-1',
});

export function detection(summary: Partial<Detection['summary']> = {}): Detection {
  return {
    summary: {
      id: '0'.repeat(32),
      source: 'Falco',
      rule: 'DIE Drift',
      severity: 'Critical',
      time: CREATED,
      receivedAt: CREATED,
      ...summary,
    },
    identity: {},
    tags: [],
    fields: {},
  };
}

/** A DriftPolicy with any spec, as an API server without a schema could hold it. */
export function storedPolicy(spec: unknown, metadata: Partial<DriftPolicy['metadata']> = {}): DriftPolicy {
  return {
    metadata: {
      name: 'web',
      namespace: 'shop',
      uid: 'policy-1',
      generation: 1,
      resourceVersion: '1',
      creationTimestamp: CREATED,
      ...metadata,
    },
    spec: spec as DriftPolicy['spec'],
  };
}

/** A compiled policy; fails the test if it is not accepted. */
export function policy(
  spec: Record<string, unknown> = {},
  metadata: Partial<DriftPolicy['metadata']> = {},
  kind: PolicyKind = 'DriftPolicy',
): CompiledPolicy {
  const responses = [{ name: 'contain', actions: ['Label', 'Isolate'] }];
  const stored = storedPolicy(JSON.parse(JSON.stringify({ responses, ...spec })), metadata);
  const compiled = compilePolicy(stored, kind);
  if (!compiled.accepted) throw new Error(`not accepted: ${JSON.stringify(compiled.problems)}`);
  return compiled.policy;
}

/** The defaults of the schema, with some values changed. */
export function settings(
  changes: {
    gracePeriodSeconds?: number;
    waitForBudget?: string;
    require?: 'Baseline' | 'Pinned';
    readyWithin?: string;
    perWorkload?: number;
    perNamespace?: number;
    isolation?: Partial<Isolation>;
    evidence?: Partial<Evidence>;
  } = {},
): ResponseSettings {
  const { isolation, evidence, eviction, approval, limits } = DriftPolicySpecSchema.parse({
    responses: [{ name: 'any', actions: ['Label'] }],
    isolation: changes.isolation,
    evidence: changes.evidence,
    eviction: {
      gracePeriodSeconds: changes.gracePeriodSeconds,
      waitForBudget: changes.waitForBudget,
      replacement: { require: changes.require, readyWithin: changes.readyWithin },
    },
    limits: {
      perWorkload: { quarantined: changes.perWorkload },
      perNamespace: { quarantined: changes.perNamespace },
    },
  });
  return { isolation, evidence, eviction, approval, limits };
}

export function contribution(overrides: Partial<Contribution> = {}): Contribution {
  return {
    kind: 'DriftPolicy',
    name: 'web',
    uid: 'policy-1',
    generation: 1,
    mode: 'Enforce',
    rungs: ['contain'],
    actions: ['Label'],
    ...overrides,
  };
}

type Reports = NonNullable<NonNullable<DriftIncident['status']>['reports']>;

export function incident(
  trigger: Partial<DriftIncident['spec']['trigger']> = {},
  reports?: Readonly<Record<string, Partial<Reports[string]>>>,
): DriftIncident {
  const complete = Object.entries(reports ?? {}).map(([receiver, report]) => [
    receiver,
    {
      count: 1,
      firstSeen: CREATED,
      lastSeen: CREATED,
      highestSeverity: 'Warning',
      detections: [],
      ...report,
    },
  ]);
  return {
    metadata: {
      name: 'web-1-0123456789-1',
      namespace: 'shop',
      uid: 'i-1',
      resourceVersion: '1',
      creationTimestamp: CREATED,
    },
    spec: {
      target: target(),
      trigger: {
        detection: detection().summary,
        severity: 'Warning',
        policies: [contribution()],
        response: settings(),
        ...trigger,
      },
    },
    ...(reports && { status: { reports: Object.fromEntries(complete) as Reports } }),
  };
}
