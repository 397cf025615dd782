// Waves of drift in 200 pods through an operator whose processes are killed with -9 all the while. One wave here; ten, or
// as many as DIE_WAVES says, by `npm run kill-waves`.
import { describe, expect } from 'vitest';
import type { AuditCall } from '../support/audit-log.ts';
import { auditedFor, broken, mayBeEvicted, nothingForbidden, operatorWrites } from '../support/audited.ts';
import type { Member } from '../support/fleet.ts';
import { fleetTest, freeLease, print } from '../support/fleet-test.ts';
import {
  createTargets,
  killPlan,
  membersOf,
  type Kill,
  Wave,
  WAVE_POLICY,
  type WaveSize,
} from '../support/wave.ts';
import { countsOf, remainsOf, wrongEnds } from '../support/wave-verdict.ts';

const WAVES = Number(process.env['DIE_WAVES'] ?? 1);
const SIZE: WaveSize = { workloads: 20, targets: 10, kills: 10 };
const SEED = Number(process.env['DIE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** Few enough that it takes less than a minute: what counts are the servers, which need seconds to come back. */
const SMALL: WaveSize = { workloads: 5, targets: 8, kills: 0 };
const NODES = 8;
const TIMEOUT_MS = 600_000;

/** A wave that is ready to run. */
interface Open {
  wave: Wave;
  members: readonly Member[];
  /** Ends it, says how it went, and what is wrong. */
  judge: (what: string) => Promise<{ problems: string[]; calls: AuditCall[] }>;
}

/** Fixture `open`: makes one of that size. */
const test = fleetTest.extend(
  'open',
  ({ access, client, fleet, mark, openWorld }) =>
    async (size: WaveSize): Promise<Open> => {
      const world = await openWorld(NODES);
      const members = membersOf(world, await freeLease(client, `responder-${world.namespace}`));
      const pods = await createTargets(world, size);
      const wave = new Wave(world, fleet, members, pods);
      await wave.start();
      await world.policy(WAVE_POLICY);
      const started = performance.now();
      const judge = async (what: string) => {
        const tookMs = Math.round(performance.now() - started);
        const exits = await wave.stop();
        const calls = await operatorWrites(access.auditLog, mark);
        const remains = await remainsOf(world);
        const counts = { incidents: remains.incidents.length, ...countsOf(calls, wave.deliveries) };
        print(`${what}: ${tookMs} ms, ${JSON.stringify(counts)}`);
        const problems = [
          ...broken(auditedFor(calls, pods, remains.incidents), fleet.lives),
          ...(await wrongEnds(remains, wave.deliveries)),
          ...pods
            .filter((pod) => !mayBeEvicted(calls, pod))
            .map((pod) => `${pod.metadata.name} was not evicted`),
          ...exits.filter((code) => code !== 0).map((code) => `a process ended with ${String(code)}`),
        ];
        return { problems, calls };
      };
      return { wave, members, judge };
    },
);

describe('an operator whose processes are killed', () => {
  test.for(Array.from({ length: WAVES }, (_, n) => SEED + n))(
    'loses no alert of a wave and does nothing twice (DIE_SEED=%i)',
    { timeout: TIMEOUT_MS },
    async (seed, { open }) => {
      const { wave, members, judge } = await open(SIZE);
      const plan = killPlan(seed, SIZE.kills, members);
      print(`seed ${seed}: kills at ${plan.map(describeKill).join(', ')}`);
      await wave.run(plan.map(({ progress, member }) => ({ progress, act: () => wave.kill(member) })));
      const { problems, calls } = await judge(`seed ${seed}, ${SIZE.kills} kills`);
      expect(problems).toEqual([]);
      expect(nothingForbidden(auditedFor(calls, []))).toEqual([]);
    },
  );
});

describe('an operator whose API server and etcd are killed and come back', () => {
  test(
    'loses no alert of a wave and does nothing twice',
    { timeout: TIMEOUT_MS },
    async ({ open, ownPlane }) => {
      const { wave, judge } = await open(SMALL);
      await wave.run([
        { progress: 0.2, act: () => ownPlane.restartApiServer() },
        { progress: 0.4, act: () => ownPlane.restartEtcd() },
        { progress: 0.7, act: () => ownPlane.restartApiServer() },
        { progress: 0.9, act: () => ownPlane.restartEtcd() },
      ]);
      const { problems } = await judge('kube-apiserver and etcd killed twice each');
      expect(problems).toEqual([]);
    },
  );
});

function describeKill({ progress, member }: Kill): string {
  return `${progress.toFixed(2)} ${member.replace(/^t-\w+?-/, '')}`;
}
