// Election on a real API server among processes that are killed, asked to end and stopped. DIE_PRINT=1 prints the times.
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { CONFIG_MAPS, LEASES } from '../../src/kube/resources.ts';
import { eventually, realApiTest } from '../support/real-api-test.ts';

const PROGRAM = fileURLToPath(new URL('../support/contender.ts', import.meta.url));
const LEASE_NAME = 'die-operator-responder';
const LINE_MS = 40_000;

/** A process that contends; `name` is its ConfigMap too. */
interface Contender {
  name: string;
  child: ChildProcess;
  /** Whether it said last that it leads. */
  leads: boolean;
  said: string[];
}

interface Arena {
  join: (name: string) => Promise<Contender>;
  /** Resolves to who leads, after that many milliseconds. */
  leader: (among: readonly Contender[]) => Promise<{ leader: Contender; tookMs: number }>;
  /** How often it wrote as the leader. */
  written: (contender: Contender) => Promise<number>;
}

const test = realApiTest.extend(
  'arena',
  async ({ access, client, namespace }, { onCleanup }): Promise<Arena> => {
    const all: Contender[] = [];
    onCleanup(async () => {
      for (const { child } of all) child.kill('SIGKILL');
    });
    // A Lease that was given back, so that not each test waits for the first leader.
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: LEASE_NAME } };
    await client.create(LEASES, { namespace }, { ...lease, spec: { leaseDurationSeconds: 1 } });
    return {
      join: async (name) => {
        await ensureCounter(client, namespace, name);
        const contender = start(JSON.stringify({ access, namespace, name }), name);
        all.push(contender);
        return contender;
      },
      leader: async (among) => {
        const since = performance.now();
        for (;;) {
          const leader = among.find(({ leads }) => leads);
          const tookMs = performance.now() - since;
          if (leader) return { leader, tookMs };
          if (tookMs > LINE_MS)
            throw new Error(`nobody leads: ${JSON.stringify(among.map(({ said }) => said))}`);
          await sleep(5);
        }
      },
      written: async ({ name }) => {
        const map = await client.get<KubeObject & { data?: { count?: string } }>(CONFIG_MAPS, {
          namespace,
          name,
        });
        return Number(map.data?.count ?? 0);
      },
    };
  },
);

async function ensureCounter(client: KubeClient, namespace: string, name: string): Promise<void> {
  const { items } = await client.list(CONFIG_MAPS, { namespace });
  if (items.some(({ metadata }) => metadata.name === name)) return;
  await client.create(
    CONFIG_MAPS,
    { namespace },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } },
  );
}

function start(told: string, name: string): Contender {
  const child = spawn(process.execPath, [PROGRAM, told], { stdio: ['ignore', 'pipe', 'inherit'] });
  const contender: Contender = { name, child, leads: false, said: [] };
  createInterface({ input: child.stdout }).on('line', (line) => {
    contender.said.push(line);
    if (line === 'leads' || line === 'stands by') contender.leads = line === 'leads';
  });
  return contender;
}

/** Resolves when it has looked at the Lease: on a busy machine a process takes seconds to start. */
function isReady({ name, said }: Contender): Promise<unknown> {
  return eventually(
    `${name} sees the leader`,
    async () => said,
    (lines) => lines.includes('sees a leader'),
  );
}

/** Three that contend, and who leads. */
async function threeOf(arena: Arena): Promise<{ all: Contender[]; leader: Contender; others: Contender[] }> {
  const all = await Promise.all(['a', 'b', 'c'].map((name) => arena.join(name)));
  const { leader } = await arena.leader(all);
  await Promise.all(all.map(isReady));
  return { all, leader, others: all.filter((contender) => contender !== leader) };
}

function print(what: string, tookMs: number): void {
  if (process.env['DIE_PRINT']) process.stdout.write(`${what}: ${(tookMs / 1000).toFixed(2)} s\n`);
}

const exited = ({ child }: Contender) => new Promise((resolve) => void child.once('exit', resolve));

describe.concurrent('another process leads', () => {
  test('after kill -9 of the leader', async ({ arena }) => {
    const { leader, others } = await threeOf(arena);
    leader.child.kill('SIGKILL');
    const { tookMs } = await arena.leader(others);
    print('takeover after kill -9, three replicas', tookMs);
    expect(tookMs).toBeLessThan(15_000);
    expect(tookMs).toBeGreaterThan(7_000);
  });

  test('after SIGTERM to the leader, which ends by itself', async ({ arena }) => {
    const { leader, others } = await threeOf(arena);
    const gone = exited(leader);
    leader.child.kill('SIGTERM');
    const { tookMs } = await arena.leader(others);
    print('takeover after SIGTERM, three replicas', tookMs);
    expect(tookMs).toBeLessThan(5_000);
    expect(await gone).toBe(0);
  });

  test('as often as one ends and comes back, of two', async ({ arena }) => {
    let [old, other] = [await arena.join('a'), await arena.join('b')];
    const first = (await arena.leader([old, other])).leader;
    if (first === other) [old, other] = [other, old];
    await isReady(other);
    for (let time = 0; time < 5; time++) {
      old.child.kill('SIGTERM');
      const { tookMs } = await arena.leader([other]);
      print('takeover after SIGTERM, two replicas', tookMs);
      expect(tookMs).toBeLessThan(5_000);
      const next = await arena.join(old.name);
      await isReady(next);
      [old, other] = [other, next];
    }
  });

  test('while the leader is stopped, which then sends nothing any more', async ({ arena }) => {
    const { leader, others } = await threeOf(arena);
    expect(await arena.written(leader)).toBeGreaterThan(0);
    leader.child.kill('SIGSTOP');
    const { leader: next, tookMs } = await arena.leader(others);
    print('takeover after SIGSTOP, three replicas', tookMs);
    const before = await arena.written(leader);
    leader.child.kill('SIGCONT');
    await eventually(
      'it stands by',
      async () => leader.leads,
      (leads) => !leads,
    );
    await sleep(2_000);
    expect(await arena.written(leader)).toBe(before);
    expect(next.leads).toBe(true);
  });
});
