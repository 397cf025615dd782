// Where a cluster's things are, and what they are called. All names carry the run's id, so that what a killed run left can
// be told from anything else on the machine.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

/** The base of all clusters: root's alone, and on a disk, since images are unpacked below it. */
export const BASE = '/var/cache/die-operator-e2e';

/** Names and addresses of one cluster. */
export interface Places {
  /** Six hexadecimal digits. */
  readonly id: string;
  /** Holds everything; removed at the end. */
  readonly folder: string;
  readonly nodeName: string;
  /** The host's end of the cable to the node; the node's is `eth0`. */
  readonly link: string;
  /** Below the root of each cgroup hierarchy. */
  readonly cgroup: string;
  readonly hostAddress: string;
  readonly nodeAddress: string;
  readonly podRange: string;
  readonly serviceRange: string;
  /** The address of the service `kubernetes`: the first of the range. */
  readonly apiService: string;
}

/** Chooses names for a new cluster, and a `10.<n>.0.0/16` that no route of this machine leads to. */
export function choosePlaces(): Places {
  const id = randomBytes(3).toString('hex');
  const net = `10.${freeOctet(routes())}`;
  return {
    id,
    folder: join(BASE, id),
    nodeName: `node-${id}`,
    link: `die-${id}`,
    cgroup: `die-operator-e2e-${id}`,
    hostAddress: `${net}.255.1`,
    nodeAddress: `${net}.255.2`,
    podRange: `${net}.0.0/18`,
    serviceRange: `${net}.64.0/24`,
    apiService: `${net}.64.1`,
  };
}

/** The first of 10.99, 10.100, ... of which none of the routes, in the words of `ip route`, says anything. */
export function freeOctet(routeLines: readonly string[]): number {
  for (let octet = 99; octet < 255; octet++) {
    if (!routeLines.some((line) => line.startsWith(`10.${octet}.`) || line.startsWith('10.0.0.0/8')))
      return octet;
  }
  throw new Error(
    'this machine has routes to all of 10.0.0.0/8: there is no address for a node of the tests',
  );
}

function routes(): string[] {
  return execFileSync('ip', ['route', 'show', 'table', 'all'], { encoding: 'utf8' }).split('\n');
}
