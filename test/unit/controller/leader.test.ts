// Who leads, from when to when, and how soon another one does.
import { describe, expect, test } from 'vitest';
import { LeaderElector, type LeaderState } from '../../../src/controller/leader.ts';
import { LEASES } from '../../../src/kube/resources.ts';
import { createElection, LEASE, type Election, type Replica } from '../../support/election.ts';

const GIVEN_BACK = { leaseDurationSeconds: 1 };
const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);

/** A Lease that may be taken at once. */
function givenBack(election: Election): void {
  election.cluster.api.create(LEASES, LEASE.namespace, { metadata: { name: LEASE.name }, spec: GIVEN_BACK });
}

/** Waits until one that pleases leads; resolves to it, and to how long that took. */
async function leader(
  { clock, leaders }: Election,
  pleases: (replica: Replica) => boolean = () => true,
): Promise<{ replica: Replica; tookMs: number }> {
  const start = clock.now();
  await clock.until(() => leaders().some(pleases), 60_000, 'a leader');
  const [replica] = leaders();
  if (!replica) throw new Error('there is no leader');
  return { replica, tookMs: clock.now() - start };
}

/** Some replicas of which one leads; the first that did. */
async function led(
  names: string[],
  seed = 1,
): Promise<{ election: Election; all: Replica[]; first: Replica }> {
  const election = createElection(seed);
  givenBack(election);
  const all = names.map((name) => election.join({ name }));
  const { replica: first } = await leader(election);
  return { election, all, first };
}

const specOf = (election: Election) => election.lease()?.['spec'] as Record<string, unknown> | undefined;

describe('in a cluster where nobody ever led', () => {
  test('a Lease is made, and waited for as if somebody led by it', async () => {
    const election = createElection();
    const replicas = ['a', 'b', 'c'].map((name) => election.join({ name }));
    const { tookMs } = await leader(election);
    expect(tookMs).toBeGreaterThanOrEqual(10_000);
    expect(tookMs).toBeLessThan(11_000);
    await election.clock.advance(30_000);
    expect(election.leaders()).toHaveLength(1);
    expect(replicas.map(({ terms }) => terms).toSorted((a, b) => a - b)).toEqual([0, 0, 1]);
  });

  test('the Lease names the leader by a name that no other process has', async () => {
    const { election, first } = await led(['responder-1']);
    expect(first.elector.identity).toMatch(/^responder-1_[0-9a-f]{16}$/);
    expect(specOf(election)).toMatchObject({
      holderIdentity: first.elector.identity,
      leaseDurationSeconds: 10,
    });
    const other = election.join({ name: 'responder-1' });
    expect(other.elector.identity).not.toBe(first.elector.identity);
  });
});

describe('another replica leads', () => {
  test.each(SEEDS)('within 13 s after kill -9 of the leader (seed %i)', async (seed) => {
    const { election, first } = await led(['a', 'b', 'c'], seed);
    await election.clock.advance(5_000 + election.random() * 10_000);
    first.process.kill();
    const { tookMs } = await leader(election, (replica) => replica !== first);
    expect(tookMs).toBeLessThan(13_000);
  });

  test.each(SEEDS)('within 1.2 s after SIGTERM of the leader (seed %i)', async (seed) => {
    const { election, first } = await led(['a', 'b', 'c'], seed);
    await election.clock.advance(5_000 + election.random() * 10_000);
    first.terminate();
    const { tookMs } = await leader(election, (replica) => replica !== first);
    expect(tookMs).toBeLessThan(1_200);
    await first.ended;
    expect(first.working).toBe(0);
  });

  test('soon after SIGTERM also where there is one other only', async () => {
    const { election, first } = await led(['a', 'b']);
    first.terminate();
    const { tookMs } = await leader(election, (replica) => replica !== first);
    expect(tookMs).toBeLessThan(1_200);
  });

  test('not before the wait is over, under the name of the one that was killed: it has a former life', async () => {
    const { election, first } = await led(['a']);
    first.process.kill();
    const next = election.join({ name: 'a' });
    const { tookMs } = await leader(election, (replica) => replica === next);
    expect(tookMs).toBeGreaterThan(9_500);
    expect(tookMs).toBeLessThan(13_000);
  });
});

describe('a leader that is asked to end', () => {
  test('renews while it ends what is in hand, and then gives the Lease back', async () => {
    const election = createElection();
    givenBack(election);
    const slow = election.join({ name: 'slow', lingerMs: 25_000 });
    await leader(election);
    const other = election.join({ name: 'other' });
    await election.clock.advance(3_000);
    slow.terminate();
    const { tookMs } = await leader(election, (replica) => replica === other);
    expect(tookMs).toBeGreaterThan(25_000);
    expect(tookMs).toBeLessThan(26_500);
    await slow.ended;
    expect(slow.log.at(-1)).toBe('the Lease is given back');
  });

  test('sends until then, and nothing thereafter', async () => {
    const election = createElection();
    givenBack(election);
    const slow = election.join({ name: 'slow', lingerMs: 4_000 });
    await leader(election);
    await election.clock.advance(1_000);
    slow.terminate();
    const asked = election.clock.now();
    await election.clock.advance(10_000);
    const { sent } = slow;
    expect(sent.filter(({ at, byLeader }) => byLeader && at > asked)).toHaveLength(1);
    expect(sent.filter(({ at }) => at > asked + 4_500)).toEqual([]);
  });

  test('just as it takes the Lease, gives it back without leading', async () => {
    const election = createElection();
    givenBack(election);
    const replica = election.join({
      name: 'a',
      fateOf: ({ method }) => {
        if (method === 'PATCH') replica.terminate();
        return { beforeMs: 5, afterMs: 500 };
      },
    });
    await election.clock.advance(10_000);
    await replica.ended;
    expect(replica.terms).toBe(0);
    expect(specOf(election)).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
  });

  test('ends at once while it stands by, also if the API hangs', async () => {
    const { election } = await led(['a']);
    const other = election.join({ name: 'b', fateOf: () => ({ beforeMs: 0, afterMs: 0, lost: 'Request' }) });
    await election.clock.advance(1_000);
    let ended = false;
    void other.ended.then(() => (ended = true));
    other.terminate();
    await election.clock.advance(0);
    expect(ended).toBe(true);
    expect(other.log).toEqual([]);
  });
});

test('three replicas cost the API server less than four requests a second', async () => {
  const { election, all, first } = await led(['a', 'b', 'c']);
  const since = election.clock.now();
  await election.clock.advance(60_000);
  const toLease = ({ sent }: Replica) => sent.filter(({ at, byLeader }) => at > since && !byLeader);
  expect(all.flatMap(toLease).length).toBeLessThan(240);
  expect(toLease(first).filter(({ method }) => method === 'PATCH').length).toBeLessThan(40);
  for (const other of all.filter((replica) => replica !== first))
    expect(toLease(other).every(({ method }) => method === 'GET')).toBe(true);
});

test('who leads is told when it changes, and only then', async () => {
  const election = createElection();
  givenBack(election);
  const told: LeaderState[] = [];
  const a = election.join({ name: 'a', onChange: (state) => told.push(state) });
  await election.clock.advance(20_000);
  const holder = a.elector.identity;
  expect(told.at(-1)).toEqual({ holder, isLeader: true });
  const count = told.length;
  await election.clock.advance(20_000);
  expect(told).toHaveLength(count);
  a.terminate();
  await election.clock.advance(5_000);
  expect(told.at(-1)).toEqual({ holder: undefined, isLeader: false });
  expect(told.filter(({ isLeader }) => isLeader)).toHaveLength(1);
  expect(a.elector.holder).toBeUndefined();
});

test('a holder that somebody else wrote is shown without what would harm a log', async () => {
  const election = createElection();
  const spec = { holderIdentity: `x\u001b[2J\n${'y'.repeat(100_000)}`, leaseDurationSeconds: 10 };
  election.cluster.api.create(LEASES, LEASE.namespace, { metadata: { name: LEASE.name }, spec });
  const { elector } = election.join({ name: 'a' });
  await election.clock.advance(1_000);
  expect(elector.holder).toMatch(/^x \[2J y{200,}…$/);
  expect(elector.holder?.length).toBeLessThan(300);
});

describe('what is led', () => {
  const parts = (election: Election) => ({
    client: election.client,
    clock: election.clock,
    random: election.random,
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    lease: LEASE,
    identity: 'a',
  });

  test('ends the run if it fails, after the Lease was given back', async () => {
    const election = createElection();
    givenBack(election);
    const elector = new LeaderElector(parts(election));
    const failing = () => Promise.reject(new Error('the disk is full'));
    const run = elector.run(new AbortController().signal, failing).catch((error: unknown) => error);
    await election.clock.advance(2_000);
    expect(await run).toMatchObject({ message: 'the disk is full' });
    expect(specOf(election)).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
  });

  test('is begun again if it ends by itself, with a pause in which another replica can lead', async () => {
    const election = createElection();
    givenBack(election);
    let begun = 0;
    const stop = new AbortController();
    const elector = new LeaderElector(parts(election));
    const run = elector.run(stop.signal, async () => void begun++);
    await election.clock.advance(60_000);
    expect(begun).toBeGreaterThan(30);
    expect(begun).toBeLessThan(130);
    stop.abort();
    await election.clock.advance(1_000);
    await run;
  });

  test('cannot be led by one elector twice', async () => {
    const election = createElection();
    const elector = new LeaderElector(parts(election));
    const stop = new AbortController();
    const run = elector.run(stop.signal, async () => {});
    await expect(elector.run(stop.signal, async () => {})).rejects.toThrow('running already');
    stop.abort();
    await election.clock.advance(1_000);
    await run;
  });

  test.each([
    { leaseMs: 7_000 },
    { renewDeadlineMs: 10_000 },
    { renewDeadlineMs: 2_000 },
    { retryMs: 0 },
    { retryMs: Number.NaN },
  ])('needs times that keep two leaders apart: not %o', (times) => {
    const election = createElection();
    expect(() => new LeaderElector({ ...parts(election), ...times })).toThrow(RangeError);
  });
});
