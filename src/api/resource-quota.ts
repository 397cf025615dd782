// What we keep of a ResourceQuota: what it allows, what is used of it, and which pods it is about.
import type { KubeObject } from './meta.ts';

/** A quota as far as decisions need it. */
export interface QuotaFacts {
  name: string;
  /** Amounts by resource, as the object writes them. */
  hard: Readonly<Record<string, string>>;
  /** Absent for a resource that was not counted yet. */
  used: Readonly<Record<string, string | undefined>>;
  /** All must hold for a pod; none: every pod of the namespace. */
  scopes: readonly QuotaScope[];
}

/** One scope; `scopes` of the object is the short way to write `Exists`. */
export interface QuotaScope {
  scopeName: string;
  operator: string;
  values: readonly string[];
}

interface RawQuota extends KubeObject {
  spec?: {
    hard?: Record<string, string | number>;
    scopes?: string[];
    scopeSelector?: {
      matchExpressions?: { scopeName: string; operator: string; values?: string[] }[];
    };
  };
  status?: { hard?: Record<string, string | number>; used?: Record<string, string | number> };
}

/** Projects a quota as the API server sends it. Admission goes by the status, which follows the spec. */
export function quotaFacts(object: KubeObject): QuotaFacts {
  const { metadata, spec = {}, status = {} } = object as RawQuota;
  const expressions = spec.scopeSelector?.matchExpressions ?? [];
  return {
    name: metadata.name,
    hard: texts(status.hard ?? spec.hard ?? {}),
    used: texts(status.used ?? {}),
    scopes: [
      ...(spec.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists', values: [] })),
      ...expressions.map(({ values = [], ...one }) => ({ ...one, values })),
    ],
  };
}

function texts(amounts: Record<string, string | number>): Record<string, string> {
  return Object.fromEntries(Object.entries(amounts).map(([resource, amount]) => [resource, String(amount)]));
}
