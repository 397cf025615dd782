// An election while the API fails, people write into the Lease, and clocks are set: what a leader does about it.
import { describe, expect, test } from 'vitest';
import { LEASES } from '../../../src/kube/resources.ts';
import type { HttpRequest } from '../../../src/kube/transport.ts';
import { createElection, LEASE, type Election, type Replica } from '../../support/election.ts';
import type { Fate } from '../../support/virtual-process.ts';
import { refusal } from '../kube/support/fake-transport.ts';

const FINE: Fate = { beforeMs: 5, afterMs: 5 };
const HOUR_MS = 3_600_000;
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

/** What the network does from now on to the requests of the leader, or of all. */
interface Trouble {
  fate: (request: HttpRequest) => Fate;
}

async function led(
  names: string[],
): Promise<{ election: Election; all: Replica[]; first: Replica; trouble: Trouble }> {
  const election = createElection();
  giveBack(election);
  const trouble: Trouble = { fate: () => FINE };
  const all = names.map((name) => election.join({ name, fateOf: (request) => trouble.fate(request) }));
  await election.clock.until(() => election.leaders().length > 0, 60_000, 'a leader');
  await election.clock.advance(5_000);
  const [first] = election.leaders();
  if (!first) throw new Error('nobody leads');
  return { election, all, first, trouble };
}

/** A Lease that may be taken at once. */
function giveBack({ cluster }: Election): void {
  const spec = { leaseDurationSeconds: 1 };
  cluster.api.create(LEASES, LEASE.namespace, { metadata: { name: LEASE.name }, spec });
}

function edit({ cluster }: Election, spec: object): void {
  cluster.api.update(LEASES, LEASE, 'object', (current) => ({ ...current, spec }));
}

/** Whether that replica leads without an interruption for that time. */
async function leadsOn(election: Election, replica: Replica, ms: number): Promise<boolean> {
  const { terms } = replica;
  const end = election.clock.now() + ms;
  let always = true;
  await election.clock.until(
    () => {
      always &&= replica.elector.isLeader;
      return election.clock.now() >= end;
    },
    ms + 5_000,
    'the end',
  );
  return always && replica.terms === terms;
}

describe('a leader goes on without an interruption', () => {
  test.each<[string, Fate]>([
    ['a hanging API', { ...FINE, lost: 'Request' }],
    ['lost answers', { ...FINE, lost: 'Answer' }],
    ['answers that take 3 s', { ...FINE, afterMs: 3_000 }],
    ['500', { ...FINE, refusal: refusal(500, 'InternalError') }],
    ['409', { ...FINE, refusal: refusal(409, 'Conflict') }],
    ['429', { ...FINE, refusal: refusal(429, 'TooManyRequests') }],
    ['403', { ...FINE, refusal: refusal(403, 'Forbidden') }],
  ])('through 4 s of %s', async (_, fate) => {
    const { election, first, trouble } = await led(['a', 'b']);
    trouble.fate = () => fate;
    election.clock.after(4_000, () => (trouble.fate = () => FINE));
    expect(await leadsOn(election, first, 30_000)).toBe(true);
  });

  test('though every answer takes 3 s', async () => {
    const { election, first, trouble } = await led(['a', 'b']);
    trouble.fate = () => ({ beforeMs: 1_500, afterMs: 1_500 });
    expect(await leadsOn(election, first, 60_000)).toBe(true);
  });

  test('though the Lease is deleted by hand, again and again', async () => {
    const { election, first, all } = await led(['a', 'b', 'c']);
    for (let time = 0; time < 10; time++) {
      election.cluster.api.delete(LEASES, LEASE);
      expect(await leadsOn(election, first, 3_300)).toBe(true);
    }
    expect(all.map(({ terms }) => terms).toSorted((a, b) => a - b)).toEqual([0, 0, 1]);
  });

  test.each<[string, object]>([
    ['emptied', { holderIdentity: '', leaseDurationSeconds: 10 }],
    ['left without a spec', {}],
  ])('though the Lease is %s by hand', async (_, spec) => {
    const { election, first, all } = await led(['a', 'b', 'c']);
    edit(election, spec);
    expect(await leadsOn(election, first, 30_000)).toBe(true);
    expect(all.map(({ terms }) => terms).toSorted((a, b) => a - b)).toEqual([0, 0, 1]);
  });

  test('though somebody edits the labels of the Lease all the time', async () => {
    const { election, first } = await led(['a', 'b']);
    let count = 0;
    const relabel = () => {
      const labels = { count: String(count++) };
      election.cluster.api.update(LEASES, LEASE, 'object', (current) => ({
        ...current,
        metadata: { ...current.metadata, labels },
      }));
      if (count < 200) election.clock.after(100, relabel);
    };
    relabel();
    expect(await leadsOn(election, first, 25_000)).toBe(true);
  });

  test('when its machine is set back by hours', async () => {
    const { election, first } = await led(['a', 'b']);
    first.process.jump(-5 * HOUR_MS);
    expect(await leadsOn(election, first, 30_000)).toBe(true);
  });
});

describe('a leader steps down', () => {
  test.each<[string, Fate]>([
    ['hangs', { ...FINE, lost: 'Request' }],
    ['refuses everything', { ...FINE, refusal: refusal(503, 'ServiceUnavailable') }],
    ['answers too late', { ...FINE, afterMs: 8_000 }],
  ])('7 s after its last renewal began, while the API %s', async (_, fate) => {
    const { election, first, trouble } = await led(['a']);
    trouble.fate = () => fate;
    const remains = first.elector.remainingMs();
    expect(remains).toBeLessThanOrEqual(7_000);
    await election.clock.advance(remains - 1);
    expect(first.elector.isLeader).toBe(true);
    await election.clock.advance(2);
    expect(first.elector.isLeader).toBe(false);
    // A read that waits for its next try finds out when that is due.
    await election.clock.advance(5_000);
    expect(first.working).toBe(0);
    expect(first.log).toContain('this replica leads no longer: its Lease was not renewed in time');
  });

  test('and leads again as soon as the API answers: nobody else could have led meanwhile', async () => {
    const { election, first, trouble } = await led(['a']);
    trouble.fate = () => ({ ...FINE, lost: 'Request' });
    await election.clock.advance(60_000);
    expect(election.leaders()).toEqual([]);
    trouble.fate = () => FINE;
    await election.clock.advance(5_000);
    expect(first.elector.isLeader).toBe(true);
    expect(first.terms).toBe(2);
  });

  test('at its next renewal when a person writes another holder, and nobody leads for a lease', async () => {
    const { election, first, all } = await led(['a', 'b', 'c']);
    edit(election, { holderIdentity: 'somebody', leaseDurationSeconds: 10 });
    const start = election.clock.now();
    await election.clock.until(() => election.leaders().length === 0, 3_000, 'the leader steps down');
    expect(first.log).toContain('this replica leads no longer: the Lease is held by another replica');
    await election.clock.until(() => election.leaders().length > 0, 60_000, 'a leader');
    expect(election.clock.now() - start).toBeGreaterThanOrEqual(10_000);
    expect(election.clock.now() - start).toBeLessThan(13_000);
    expect(all.reduce((sum, { terms }) => sum + terms, 0)).toBe(2);
  });

  test('when its machine is set forward, which looks like a sleep, and one leads again within seconds', async () => {
    const { election, first } = await led(['a', 'b']);
    first.process.jump(5 * HOUR_MS);
    expect(first.elector.remainingMs()).toBe(0);
    const start = election.clock.now();
    await election.clock.until(() => election.leaders().length > 0, 60_000, 'a leader');
    expect(election.clock.now() - start).toBeLessThan(4_000);
  });

  test('after it stood still, before anything of it is sent', async () => {
    const { election, first, all } = await led(['a', 'b']);
    first.process.stop();
    const other = all.find((replica) => replica !== first);
    await election.clock.until(() => other?.elector.isLeader === true, 60_000, 'the other leads');
    const resumed = election.clock.now();
    first.process.resume();
    await election.clock.advance(20_000);
    expect(first.sent.filter(({ at, byLeader }) => byLeader && at >= resumed)).toEqual([]);
    expect(election.leaders()).toEqual([other]);
  });
});

describe('a replica that stands by', () => {
  test.each(SEEDS)('does not lead by an answer that it read 20 s late (seed %i)', async (seed) => {
    const election = createElection(seed);
    giveBack(election);
    let stops = true;
    const stopsAtItsWrite = ({ method }: HttpRequest) => {
      if (stops && method === 'PATCH') slow.process.stop();
      return FINE;
    };
    const slow = election.join({ name: 'slow', fateOf: stopsAtItsWrite });
    await election.clock.advance(1_000);
    expect(slow.process.state).toBe('Stopped');
    const other = election.join({ name: 'other' });
    await election.clock.advance(20_000);
    expect(election.leaders()).toEqual([other]);
    stops = false;
    slow.process.resume();
    await election.clock.advance(0);
    expect(election.leaders()).toEqual([other]);
    expect(await leadsOn(election, other, 10_000)).toBe(true);
    expect(slow.terms).toBe(0);
  });

  test.each([5 * HOUR_MS, -5 * HOUR_MS])(
    'takes nothing from a living leader when it is set by %i ms',
    async (ms) => {
      const { election, first, all } = await led(['a', 'b']);
      const other = all.find((replica) => replica !== first);
      other?.process.jump(ms);
      expect(await leadsOn(election, first, 30_000)).toBe(true);
      expect(other?.terms).toBe(0);
    },
  );

  test.each<[string, object, number]>([
    [
      'that ask for years',
      { holderIdentity: 'x', leaseDurationSeconds: 2 ** 31 - 1, leaseTransitions: 2 ** 31 - 1 },
      31_000,
    ],
    [
      'of a holder that nobody is',
      { holderIdentity: '☃'.repeat(1_000), renewTime: '9999-01-01T00:00:00.000000Z' },
      11_500,
    ],
    ['without anything', {}, 11_500],
    ['of another version, which leads for 20 s', { holderIdentity: 'x', leaseDurationSeconds: 20 }, 21_500],
  ])('takes a Lease with fields %s', async (_, spec, withinMs) => {
    const election = createElection();
    election.cluster.api.create(LEASES, LEASE.namespace, { metadata: { name: LEASE.name }, spec });
    const start = election.clock.now();
    election.join({ name: 'a' });
    await election.clock.until(() => election.leaders().length > 0, 60_000, 'a leader');
    expect(election.clock.now() - start).toBeGreaterThanOrEqual(10_000);
    expect(election.clock.now() - start).toBeLessThan(withinMs);
  });

  test('says once what it cannot do, with what a person can do', async () => {
    const election = createElection();
    const message =
      'leases.coordination.k8s.io "leader" is forbidden: User "u" cannot get resource "leases" in API group "coordination.k8s.io" in the namespace "default"';
    const replica = election.join({
      name: 'a',
      fateOf: () => ({ ...FINE, refusal: refusal(403, 'Forbidden', { message }) }),
    });
    await election.clock.advance(60_000);
    expect(replica.log).toHaveLength(1);
    expect(replica.log[0]).toContain(
      'grant die-operator the verb get on leases of API group coordination.k8s.io',
    );
  });

  test('that is second is not told of as trouble', async () => {
    const { election, all, first } = await led(['a', 'b', 'c', 'd', 'e']);
    first.process.kill();
    await election.clock.advance(30_000);
    expect(election.leaders()).toHaveLength(1);
    expect(all.flatMap(({ log }) => log).filter((line) => line.includes('cannot'))).toEqual([]);
  });
});
