// One random history of an election: three replicas, a network that delays, loses and refuses, processes that stand
// still, clocks that jump, people who write into the Lease. What must never be is checked after each event.
import fc from 'fast-check';
import type { JsonPatchOp } from '../../src/kube/client.ts';
import { LEASES } from '../../src/kube/resources.ts';
import type { HttpResponse } from '../../src/kube/transport.ts';
import { createElection, LEASE, type Election, type Replica } from '../support/election.ts';
import { seededRandom } from '../support/seeded-random.ts';
import type { Fate } from '../support/virtual-process.ts';

/** What happens to a replica or to the Lease, and when. */
export interface Happening {
  atMs: number;
  replica: number;
  what: 'Stop' | 'Sleep' | 'Kill' | 'Terminate' | 'Jump' | 'Outage' | 'Delete' | 'Empty' | 'Garble' | 'Edit';
  /** How long, or by how much. */
  ms: number;
}

/** All that makes a history. */
export interface Plot {
  seed: number;
  happenings: Happening[];
}

/** How a history went. */
export interface Course {
  /** What must not be, in words. */
  violations: string[];
  terms: number;
}

const HOUR_MS = 3_600_000;
const LENGTH_MS = 90_000;
const DEADLINE_MS = 7_000;
/** In which somebody must lead once everything runs and the network is well: the longest wait for a Lease, and some. */
const SETTLES_MS = 45_000;
const NAMES = ['a', 'b', 'c'];

const EMPTIED = { leaseDurationSeconds: 10, leaseTransitions: 3 };
const LARGEST = 2 ** 31 - 1;
const GARBAGE = {
  holderIdentity: 'x'.repeat(5_000),
  leaseDurationSeconds: LARGEST,
  leaseTransitions: LARGEST,
};

const durations = { Stop: 30_000, Sleep: 30_000, Kill: 5_000, Terminate: 5_000, Outage: 25_000 };
const what = fc.constantFrom<Happening['what']>(
  ...([
    'Stop',
    'Stop',
    'Stop',
    'Sleep',
    'Kill',
    'Terminate',
    'Jump',
    'Outage',
    'Delete',
    'Empty',
    'Garble',
    'Edit',
  ] as const),
);
const anything: fc.Arbitrary<Happening> = what.chain((kind) =>
  fc.record({
    what: fc.constant(kind),
    atMs: fc.integer({ min: 0, max: LENGTH_MS }),
    replica: fc.nat(NAMES.length - 1),
    ms:
      kind === 'Jump'
        ? fc.integer({ min: -5 * HOUR_MS, max: 5 * HOUR_MS })
        : fc.nat(durations[kind as keyof typeof durations] ?? 0),
  }),
);

/** Any history. */
export const plots: fc.Arbitrary<Plot> = fc.record({
  seed: fc.integer({ min: 1 }),
  happenings: fc.array(anything, { maxLength: 20 }),
});

/** What a run may change, to see that the check finds what it is for. */
export interface Sabotage {
  /** How fast the clock of the replica runs. */
  rate?: (name: string) => number;
  /** What a person writes in place of the empty holder. */
  emptied?: object;
}

/** Plays it. */
export async function play({ seed, happenings }: Plot, sabotage: Sabotage = {}): Promise<Course> {
  const history = new History(seed, sabotage);
  for (const happening of happenings.toSorted((one, other) => one.atMs - other.atMs)) {
    await history.until(happening.atMs);
    history.happen(happening);
  }
  await history.settle();
  return history.course;
}

class History {
  readonly course: Course = { violations: [], terms: 0 };
  readonly #election: Election;
  readonly #sabotage: Sabotage;
  readonly #start: number;
  readonly #replicas: Replica[];
  readonly #all: Replica[] = [];
  readonly #draw: () => number;
  #calm = false;
  #outages = 0;
  readonly #setBackAt = new Map<Replica, number>();

  constructor(seed: number, sabotage: Sabotage) {
    this.#election = createElection(seed);
    this.#sabotage = sabotage;
    this.#draw = seededRandom(seed ^ 0x5eed);
    this.#start = this.#election.clock.now();
    this.#replicas = NAMES.map((name) => this.#join(name));
  }

  /** Lets time pass to that time of the history. */
  async until(ms: number): Promise<void> {
    const { clock } = this.#election;
    const end = this.#start + ms;
    let over = clock.now() >= end;
    clock.after(end - clock.now(), () => (over = true));
    await clock.until(() => (this.#check(), over), Infinity, 'the end');
  }

  /** Everything is well from now on. */
  async settle(): Promise<void> {
    await this.until(LENGTH_MS);
    this.#calm = true;
    this.#outages = 0;
    for (const { process } of this.#replicas) process.resume();
    await this.until(LENGTH_MS + SETTLES_MS);
    if (this.#election.leaders().length !== 1) this.course.violations.push('nobody leads in the end');
    for (const { terms } of this.#all) this.course.terms += terms;
    for (const replica of this.#all) replica.process.kill();
  }

  happen({ what: kind, replica: index, ms }: Happening): void {
    const replica = this.#replicas[index];
    if (!replica) return;
    const { clock } = this.#election;
    const { process } = replica;
    const after = (fn: () => void) => void clock.after(ms, fn);
    const byKind: Record<Happening['what'], () => void> = {
      Stop: () => (process.stop(), after(() => process.resume())),
      Sleep: () => this.#mayLoseTime(replica) && (process.suspend(), after(() => process.resume())),
      Kill: () => (process.kill(), after(() => this.#replace(index))),
      Terminate: () => (replica.terminate(), after(() => this.#replace(index))),
      Jump: () => this.#jump(replica, ms),
      Outage: () => ((this.#outages += 1), after(() => (this.#outages = Math.max(0, this.#outages - 1)))),
      Delete: () => this.#election.cluster.api.delete(LEASES, LEASE),
      Empty: () => this.#edit('/spec', this.#sabotage.emptied ?? EMPTIED),
      Garble: () => this.#edit('/spec', GARBAGE),
      Edit: () => this.#edit('/metadata/labels', { edited: `by-hand-${clock.now()}` }),
    };
    byKind[kind]();
  }

  // A machine that is set back while it sleeps, or sleeps right after, cannot know by any clock of its own that it slept.
  #jump(replica: Replica, ms: number): void {
    if (replica.process.state === 'Asleep') return;
    replica.process.jump(ms);
    if (ms < 0) this.#setBackAt.set(replica, this.#election.clock.now());
  }

  /** Whether a leadership that began before it was set back is renewed or over. */
  #mayLoseTime(replica: Replica): boolean {
    return this.#election.clock.now() - (this.#setBackAt.get(replica) ?? 0) > DEADLINE_MS;
  }

  #edit(path: string, value: object): void {
    const patch: JsonPatchOp[] = [{ op: 'add', path, value }];
    void this.#election.client.jsonPatch(LEASES, LEASE, patch).catch(() => {});
  }

  /** The pod comes back under its name, which is not the identity of its former life. */
  #replace(index: number): void {
    const before = this.#replicas[index];
    if (!before) return;
    before.process.kill();
    this.#replicas[index] = this.#join(before.name);
  }

  #join(name: string): Replica {
    const replica = this.#election.join({
      name,
      lingerMs: this.#draw() * 6_000,
      fateOf: ({ method }) => this.#fate(name, method === 'PATCH'),
      onChange: () => this.#check(),
      rate: this.#sabotage.rate?.(name) ?? 1,
    });
    this.#all.push(replica);
    return replica;
  }

  #fate(name: string, writes: boolean): Fate {
    const fate: Fate = { beforeMs: 1 + this.#draw() * 40, afterMs: 1 + this.#draw() * 40 };
    if (this.#calm) return fate;
    if (this.#draw() < (writes ? 0.05 : 0.005)) this.#stopNow(name);
    const dice = this.#draw();
    if (this.#outages > 0)
      return dice < 0.5 ? { ...fate, lost: 'Request' } : { ...fate, refusal: refusal(503) };
    if (dice < 0.06) return { ...fate, beforeMs: this.#draw() * 20_000 };
    if (dice < 0.12) return { ...fate, afterMs: this.#draw() * 20_000 };
    if (dice < 0.15) return { ...fate, lost: 'Request' };
    if (dice < 0.18) return { ...fate, lost: 'Answer' };
    if (dice < 0.21)
      return { ...fate, refusal: refusal([409, 429, 500][Math.floor(this.#draw() * 3)] ?? 500) };
    return fate;
  }

  /** Stops the process in the middle of a request. */
  #stopNow(name: string): void {
    const process = this.#all.findLast((replica) => replica.name === name)?.process;
    process?.stop();
    this.#election.clock.after(this.#draw() * durations.Stop, () => process?.resume());
  }

  #check(): void {
    const { clock, leaders } = this.#election;
    const at = `${((clock.now() - this.#start) / 1000).toFixed(3)} s`;
    const names = leaders().map(({ elector }) => elector.identity);
    if (names.length > 1) this.course.violations.push(`${at}: ${names.join(' and ')} may send`);
    for (const { name, working } of this.#all)
      if (working > 1) this.course.violations.push(`${at}: ${name} leads twice at once`);
  }
}

const REASONS: Readonly<Record<number, string>> = { 409: 'Conflict', 429: 'TooManyRequests' };

function refusal(code: number): HttpResponse {
  const reason = REASONS[code] ?? 'InternalError';
  const text = JSON.stringify({ kind: 'Status', status: 'Failure', code, reason, message: 'by chance' });
  return { status: code, headers: { 'content-type': 'application/json' }, body: chunk(text) };
}

async function* chunk(text: string): AsyncGenerator<Uint8Array, void, void> {
  yield Buffer.from(text);
}
