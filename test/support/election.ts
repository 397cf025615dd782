// Replicas that contend for a Lease of the embedded API, in virtual time, each a process of its own with its own wire.
import { createEmbeddedCluster, type EmbeddedCluster } from '../../src/embedded/api-server.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { LeaderElector, type LeaderElectorOptions } from '../../src/controller/leader.ts';
import { sleep, type Random } from '../../src/kube/clock.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { fencedClient } from '../../src/kube/fence.ts';
import { createKubeClient } from '../../src/kube/http-client.ts';
import { CONFIG_MAPS, LEASES } from '../../src/kube/resources.ts';
import type { HttpRequest } from '../../src/kube/transport.ts';
import { seededRandom } from './seeded-random.ts';
import { VirtualClock } from './virtual-clock.ts';
import { VirtualProcess, type Fate } from './virtual-process.ts';

export const NAMESPACE = 'default';
export const LEASE = { namespace: NAMESPACE, name: 'die-operator-responder' };

/** The requests of a replica to the Lease, and beside it those that it made as the leader. */
export interface Sent {
  at: number;
  method: string;
  byLeader: boolean;
}

/** A process that contends. */
export interface Replica {
  name: string;
  process: VirtualProcess;
  elector: LeaderElector;
  /** Leaderships in which it is at work now; more than one would be a defect. */
  working: number;
  /** How often it has led. */
  terms: number;
  sent: Sent[];
  log: string[];
  /** Asks it to end, as SIGTERM does. */
  terminate: () => void;
  ended: Promise<void>;
}

/** What may be special about a replica. */
export interface ReplicaOptions extends Partial<Pick<LeaderElectorOptions, 'onChange'>> {
  name: string;
  fateOf?: (request: HttpRequest) => Fate;
  /** How fast its clock runs. */
  rate?: number;
  /** Milliseconds that it takes to end what is in hand. */
  lingerMs?: number;
}

/** An API with the Lease, and who contends for it. */
export interface Election {
  clock: VirtualClock;
  cluster: EmbeddedCluster;
  random: Random;
  /** A person's. */
  client: KubeClient;
  join: (options: ReplicaOptions) => Replica;
  /** Replicas that may send. */
  leaders: () => Replica[];
  lease: () => KubeObject | undefined;
}

const AT_ONCE: Fate = { beforeMs: 5, afterMs: 5 };
const WORK_EVERY_MS = 400;

/** Makes one, without replicas. */
export function createElection(seed = 1): Election {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const cluster = createEmbeddedCluster({ clock, random });
  const replicas: Replica[] = [];
  return {
    clock,
    cluster,
    random,
    client: createKubeClient({ transport: cluster.transport, clock, random, userAgent: 'a person' }),
    leaders: () => replicas.filter(({ elector }) => elector.remainingMs() > 0),
    lease: () => cluster.api.get(LEASES, LEASE),
    join: (options) => {
      const replica = start({ clock, cluster, random }, options);
      replicas.push(replica);
      return replica;
    },
  };
}

type Stage = Pick<Election, 'clock' | 'cluster' | 'random'>;

function start({ clock, cluster, random }: Stage, options: ReplicaOptions): Replica {
  const { name, fateOf = () => AT_ONCE, rate, lingerMs = 0, onChange } = options;
  const process = new VirtualProcess(clock, random, rate);
  const log: string[] = [];
  const sent: Sent[] = [];
  const wire = process.wire(cluster.transport, (request) => {
    sent.push({ at: clock.now(), method: request.method, byLeader: !request.path.includes('/leases') });
    return fateOf(request);
  });
  const parts = { transport: wire, clock: process, random, userAgent: name };
  const say = (_fields: object, message: string) => void log.push(message);
  const elector = new LeaderElector({
    client: createKubeClient(parts),
    clock: process,
    random,
    log: { debug: () => {}, info: say, warn: say, error: say },
    lease: LEASE,
    identity: name,
    ...(onChange && { onChange }),
  });
  const stop = new AbortController();
  const replica: Replica = {
    name,
    process,
    elector,
    working: 0,
    terms: 0,
    sent,
    log,
    terminate: () => stop.abort(),
    ended: elector.run(stop.signal, async (signal, term) => {
      replica.working += 1;
      replica.terms += 1;
      const client = fencedClient(parts, term);
      const work = async () =>
        void (await client.list(CONFIG_MAPS, { namespace: NAMESPACE }).catch(() => {}));
      while (!signal.aborted) {
        await work();
        await sleep(process, WORK_EVERY_MS, signal);
      }
      // What is in hand goes on for a while, and would like to send.
      await sleep(process, lingerMs / 2);
      await work();
      await sleep(process, lingerMs / 2);
      replica.working -= 1;
    }),
  };
  return replica;
}
