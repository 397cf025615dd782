// Names of policies as kubectl takes them.
import type { PolicyName } from './explanation.ts';

// The short names of the CRDs.
const SHORT_KINDS = { DriftPolicy: 'dp', ClusterDriftPolicy: 'cdp' } as const;

/** `dp/web`. */
export function shortName({ kind, name }: PolicyName): string {
  return `${SHORT_KINDS[kind]}/${name}`;
}
