// What we keep of a namespace: what selectors of ClusterDriftPolicies look at.
import type { KubeObject } from './meta.ts';

/** A namespace as far as decisions need it. */
export interface NamespaceFacts {
  name: string;
  labels: Readonly<Record<string, string>>;
  /** It is being deleted, and takes no new objects. */
  terminating?: boolean;
}

/** Label that the API server keeps on each namespace: its name. */
const NAME_LABEL = 'kubernetes.io/metadata.name';

/** Projects a namespace as the API server sends it. */
export function namespaceFacts({ metadata }: KubeObject): NamespaceFacts {
  return {
    name: metadata.name,
    labels: { ...metadata.labels, [NAME_LABEL]: metadata.name },
    ...(metadata.deletionTimestamp !== undefined && { terminating: true }),
  };
}

/** What is certain of a namespace that was not read yet. */
export function unreadNamespace(name: string): NamespaceFacts {
  return { name, labels: { [NAME_LABEL]: name } };
}
