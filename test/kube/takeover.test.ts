// Responders that take over from each other, as processes: killed, or told to stop, in the middle of a response.
import { describe, expect } from 'vitest';
import type { DriftIncident } from '../../src/api/incident.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import type { ApiProxy, PassingRequest } from '../support/api-proxy.ts';
import type { AuditCall } from '../support/audit-log.ts';
import {
  auditedFor,
  broken,
  claimsOf,
  evictionsOf,
  nothingForbidden,
  operatorWrites,
} from '../support/audited.ts';
import { postTo, type Member, type OperatorProcess } from '../support/fleet.ts';
import { fleetTest as test, freeLease, leaderOf, print } from '../support/fleet-test.ts';

const isLogRead = ({ path }: PassingRequest) => path.includes('/log?');
const isEviction = ({ path }: PassingRequest) => path.includes('/eviction') && !path.includes('dryRun');

interface Case {
  what: string;
  signal: 'SIGKILL' | 'SIGTERM';
  /** Where the leader is in the response: this request of its is on the way. */
  during: (request: PassingRequest) => boolean;
  /** How long it may take at the most until another one leads, in milliseconds. A busy machine gets twice that. */
  withinMs: number;
}

const CASES: readonly Case[] = [
  { what: 'killed while it reads logs', signal: 'SIGKILL', during: isLogRead, withinMs: 15_000 },
  { what: 'told to stop while it reads logs', signal: 'SIGTERM', during: isLogRead, withinMs: 2_000 },
  { what: 'killed while it evicts', signal: 'SIGKILL', during: isEviction, withinMs: 15_000 },
  { what: 'told to stop while it evicts', signal: 'SIGTERM', during: isEviction, withinMs: 2_000 },
];

describe('a leader of several responders', () => {
  test.for([2, 3])(
    'of %i that ends in the middle of a response is followed by another, which ends it',
    {
      timeout: 300_000,
    },
    async (count, { access, client, fleet, mark, proxy, openWorld }) => {
      const world = await openWorld();
      const { namespace } = world;
      const lease = await freeLease(client, `responder-${namespace}`);
      const receiver = await fleet.start({ name: 'receiver', role: 'receiver', namespaces: [namespace] });
      const gates = new Map<string, ApiProxy>();
      const join = async (name: string): Promise<OperatorProcess> => {
        const gate = gates.get(name) ?? (await proxy());
        gates.set(name, gate);
        const member: Member = {
          name,
          role: 'responder',
          namespaces: [namespace],
          lease,
          server: gate.server,
        };
        return fleet.start(member);
      };
      let responders = await Promise.all(Array.from({ length: count }, (_, n) => join(`responder-${n}`)));
      const victims = await world.deployment(CASES.length);
      await world.policy();

      for (const [n, { what, signal, during, withinMs }] of CASES.entries()) {
        await Promise.all([receiver, ...responders].map((life) => life.addresses));
        const leader = await leaderOf(client, lease, responders);
        const victim = victims[n] as KubeObject;
        const passing = gates.get(leader.member.name)?.hold(during);
        expect(await postTo(receiver, world.alert(victim))).toMatchObject({ status: 202, outcome: 'Opened' });
        const held = await passing;
        const at = Date.now();
        leader.signal(signal);
        // A stop waits for the answer to a write, since whoever comes next has to find what it did.
        if (signal === 'SIGTERM' && during === isEviction) await held?.release();
        expect(await leader.exit).toBe(signal === 'SIGTERM' ? 0 : 'SIGKILL');
        const { status } = await world.incident('that is over', (one) => isAbout(one, victim) && isOver(one));
        expect(status?.phase).toBe('Resolved');

        const tookMs = takeoverMs(await operatorWrites(access.auditLog, mark), leader, at);
        print(`${count} responders, ${what}: another one leads after ${tookMs} ms`);
        expect(tookMs).toBeLessThan(2 * withinMs);
        responders = [...responders.filter((life) => life !== leader), await join(leader.member.name)];
      }
      const calls = await operatorWrites(access.auditLog, mark);
      const audited = auditedFor(calls, victims);
      expect(broken(audited, fleet.lives)).toEqual([]);
      expect(nothingForbidden(audited)).toEqual([]);
      expect(new Set(evictionsOf(calls).keys())).toEqual(audited.targets);
    },
  );
});

const isAbout = ({ spec }: DriftIncident, { metadata }: KubeObject): boolean =>
  spec.target.uid === metadata.uid;

/** Final, and nothing of ours is left. */
const isOver = ({ metadata, status }: DriftIncident): boolean =>
  status?.phase === 'Resolved' && (metadata.finalizers ?? []).length === 0;

/** Milliseconds from then until another one took the Lease. */
function takeoverMs(calls: readonly AuditCall[], leader: OperatorProcess, since: number): number {
  const next = claimsOf(calls).find(
    ({ credential, at }) =>
      credential !== undefined && credential !== leader.credential && Date.parse(at) >= since,
  );
  if (!next) throw new Error('nobody took over');
  return Date.parse(next.at) - since;
}
