// A namespace with policies on the embedded API, for tests of how they are judged; rights are denied by name.
import { findCondition } from '../../../src/api/conditions.ts';
import { unreadNamespace } from '../../../src/api/namespace.ts';
import type { Action, Condition, DriftPolicy } from '../../../src/api/policy.ts';
import { compilePolicy } from '../../../src/decide/policies.ts';
import {
  createEmbeddedCluster,
  type AccessAttributes,
  type EmbeddedCluster,
} from '../../../src/embedded/api-server.ts';
import { ensureNamespace } from '../../../src/embedded/seed.ts';
import { reconcilePolicy, type PolicyContext } from '../../../src/incidents/policies.ts';
import { AccessReviews } from '../../../src/kube/access-reviews.ts';
import type { EventInput } from '../../../src/kube/events.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { DRIFT_POLICIES, NETWORK_POLICIES } from '../../../src/kube/resources.ts';
import type { Transport } from '../../../src/kube/transport.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { aPolicy } from '../../support/builders.ts';
import { rulebookOf } from '../../support/matched.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

/** See the file's first line. */
export interface Stage {
  cluster: EmbeddedCluster;
  clock: VirtualClock;
  /** Nodes by namespace that were found not to enforce network policies, in words. */
  unenforced: Map<string, string>;
  /** What was told. */
  events: EventInput[];
  /** Rights that are denied, as `pods/eviction create`. */
  denied: Set<string>;
  /** Stores a policy with one rung, `web` in Enforce unless told otherwise. */
  create: (actions: Action[], change?: { name?: string; mode?: string; spec?: object }) => void;
  /** Judges the policy as it is stored, and gives when it is looked at again. */
  judge: (name?: string) => Promise<unknown>;
  ready: (name?: string) => Condition | undefined;
  /** Names of the NetworkPolicies that are there. */
  denyPolicies: () => string[];
  /** Access reviews so far. */
  reviews: () => number;
}

/** Makes one; `wrap` puts something around the transport of the judge. */
export function createStage(
  wrap: (inner: Transport, clock: VirtualClock) => Transport = (inner) => inner,
): Stage {
  const clock = new VirtualClock();
  const random = () => 0.5;
  const cluster = createEmbeddedCluster({ clock, random: Math.random });
  ensureNamespace(cluster.api, 'shop');
  const denied = new Set<string>();
  cluster.grants.add('run helpers.die-operator.dev');
  cluster.access.push((asked) => !denied.has(nameOf(asked)));
  const client = createKubeClient({ transport: wrap(cluster.transport, clock), clock, random });
  const events: EventInput[] = [];
  const unenforced = new Map<string, string>();
  const stored = (name: string) =>
    cluster.api.get(DRIFT_POLICIES, { namespace: 'shop', name }) as DriftPolicy;
  const context: PolicyContext = {
    client,
    clock,
    caches: {
      policies: { get: (_: string, name: string) => entryOf(stored(name)) },
      rulebooks: { of: () => rulebookOf([], unreadNamespace('shop')) },
    } as unknown as PolicyContext['caches'],
    watchNamespaces: [],
    protectedNamespaces: new Set(['kube-system']),
    reviews: new AccessReviews({ client, clock }),
    events: { record: (event) => events.push(event) },
    unenforcedIn: ([first = '']) => unenforced.get(first),
    log: silentLogger,
  };
  return {
    cluster,
    clock,
    unenforced,
    events,
    denied,
    create: (actions, { name = 'web', mode = 'Enforce', spec: more = {} } = {}) => {
      const responses = [{ name: 'only', actions }];
      const { apiVersion, kind, spec } = aPolicy({ mode, responses, ...more });
      cluster.api.create(DRIFT_POLICIES, 'shop', { apiVersion, kind, metadata: { name }, spec });
    },
    judge: (name = 'web') => reconcilePolicy(context, `shop/${name}`),
    ready: (name = 'web') => findCondition(stored(name).status?.conditions, 'Ready'),
    denyPolicies: () => cluster.api.list(NETWORK_POLICIES, 'shop').map(({ metadata }) => metadata.name),
    reviews: () => cluster.audit.filter(({ path }) => path.includes('selfsubjectaccessreviews')).length,
  };
}

const entryOf = (policy: DriftPolicy) => ({
  kind: 'DriftPolicy',
  policy,
  compilation: compilePolicy(policy),
});

const nameOf = ({ verb, group, resource, subresource }: AccessAttributes): string =>
  `${resource}${group && `.${group}`}${subresource && `/${subresource}`} ${verb}`;
