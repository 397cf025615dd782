// Policies for tests of lint, and what lint says of them.
import type { Finding, LintObject } from '../../../src/lint/finding.ts';
import { lintPolicies } from '../../../src/lint/lint.ts';

export const NOW = Date.UTC(2026, 10, 22);
export const DIGEST = `sha256:${'a1'.repeat(32)}`;
export const AGENT = `registry.example/agent@${DIGEST}`;

type Fields = Readonly<Record<string, unknown>>;

/** A rung that evicts with all that belongs to it. */
export const SOUND_RUNG = {
  name: 'replace',
  minSeverity: 'Critical',
  rules: ['DIE *'],
  actions: ['Label', 'Isolate', 'Capture', 'Evict'],
};

/** An exception that nothing is said about. */
export const SOUND_EXCEPTION = {
  name: 'agent',
  image: AGENT,
  reason: 'known',
  expires: '2027-02-01T00:00:00Z',
};

export function driftPolicy(spec: Fields = {}, metadata: Fields = {}): LintObject {
  return {
    object: {
      apiVersion: 'die-operator.dev/v1alpha1',
      kind: 'DriftPolicy',
      metadata: { name: 'web', namespace: 'shop', ...metadata },
      spec: { responses: [SOUND_RUNG], ...spec },
    },
  };
}

export function clusterPolicy(spec: Fields, name = 'base'): LintObject {
  return {
    object: {
      apiVersion: 'die-operator.dev/v1alpha1',
      kind: 'ClusterDriftPolicy',
      metadata: { name },
      spec,
    },
  };
}

export function namespace(name: string, labels: Readonly<Record<string, string>> = {}): LintObject {
  return { object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } } };
}

/** All findings about these objects. */
export function lint(...objects: readonly LintObject[]): Finding[] {
  return lintPolicies(objects, NOW).findings;
}

/** Findings of one policy with this spec, as `Code path`. */
export function codes(spec: Fields): string[] {
  return lint(driftPolicy(spec)).map(({ code, path }) => `${code} ${path}`);
}
