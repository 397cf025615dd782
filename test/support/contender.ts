// A process that contends for a Lease of a real API server, and while it leads counts up in a ConfigMap of its own.
//   node contender.ts '{"access": ..., "namespace": ..., "name": ...}'
// On its standard output it says `sees a leader`, and `leads` and `stands by` when that changes. With SIGTERM it ends.
import { LeaderElector } from '../../src/controller/leader.ts';
import { sleep, systemClock, systemRandom } from '../../src/kube/clock.ts';
import { fencedClient } from '../../src/kube/fence.ts';
import { createKubeClient } from '../../src/kube/http-client.ts';
import { CONFIG_MAPS } from '../../src/kube/resources.ts';
import { createUndiciTransport } from '../../src/kube/undici-transport.ts';
import { connectionFor, type ClusterAccess } from './cluster-access.ts';

/** What it is told at the start. */
interface Contention {
  access: ClusterAccess;
  namespace: string;
  name: string;
}

const LEASE_NAME = 'die-operator-responder';
const COUNT_EVERY_MS = 20;

const { access, namespace, name } = JSON.parse(process.argv[2] ?? '') as Contention;
const say = (line: string) => void process.stdout.write(`${line}\n`);
const transport = createUndiciTransport(connectionFor(access, access.admin));
const parts = { transport, clock: systemClock, random: systemRandom, userAgent: name };
const elector = new LeaderElector({
  ...parts,
  client: createKubeClient(parts),
  log: { debug: () => {}, info: () => {}, warn: (_, text) => say(`warns: ${text}`), error: () => {} },
  lease: { namespace, name: LEASE_NAME },
  identity: name,
  onChange: ({ holder }) => holder !== undefined && say('sees a leader'),
});

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
// The timers of the clock keep no process alive.
const alive = setInterval(() => {}, 60_000);
await elector.run(stop.signal, async (signal, term) => {
  say('leads');
  const client = fencedClient(parts, term);
  for (let count = 1; !signal.aborted; count++) {
    const patch = [{ op: 'add', path: '/data', value: { count: String(count) } }] as const;
    await client
      .jsonPatch(CONFIG_MAPS, { namespace, name }, patch)
      .catch((error: unknown) => say(String(error)));
    await sleep(systemClock, COUNT_EVERY_MS, signal);
  }
  say('stands by');
});
clearInterval(alive);
await transport.close();
