// Histories out of a seed: a scenario, a number of replicas, and up to six faults of all classes.
import type { Random } from '../../../src/kube/clock.ts';
import { drawInt, drawOf, drawsFor } from './draws.ts';
import { ANSWERS, type Fault, type FaultKind, type History } from './history.ts';
import type { Scenario } from './scenario.ts';

const MAX_FAULTS = 6;
/** Where faults fall: writes and reads of a response, and the time that one takes. */
const WRITES = 16;
const READS = 70;
const STORY_MS = 8_000;
const LONG_MS = 60_000;

type Draw = (replica: string, random: Random) => Fault;

const DRAWS: Readonly<Record<FaultKind, Draw>> = {
  Crash: (replica, random) => ({
    kind: 'Crash',
    replica,
    write: drawInt(random, 1, WRITES),
    moment: drawOf(random, ['before', 'after'] as const),
    awayMs: duration(random),
  }),
  Kill: (replica, random) => ({
    kind: 'Kill',
    replica,
    at: drawInt(random, 0, STORY_MS),
    awayMs: duration(random),
  }),
  Stop: (replica, random) => ({
    kind: 'Stop',
    replica,
    write: drawInt(random, 1, WRITES),
    forMs: duration(random),
  }),
  Write: (replica, random) => ({
    kind: 'Write',
    replica,
    write: drawInt(random, 1, WRITES),
    how: drawOf(random, ANSWERS),
  }),
  Read: (replica, random) => ({
    kind: 'Read',
    replica,
    read: drawInt(random, 1, READS),
    how: drawOf(random, ANSWERS),
  }),
  Outage: (replica, random) => ({
    kind: 'Outage',
    replica,
    of: drawOf(random, [
      'all',
      'pods',
      'configmaps',
      'driftpolicies',
      'driftincidents',
      'networkpolicies',
      'leases',
      'log',
    ] as const),
    how: drawOf(random, ['Throttled', 'InternalError', 'Unavailable', 'Lost'] as const),
    ...span(random),
  }),
  Watch: (replica, random) => ({
    kind: 'Watch',
    replica,
    of: drawOf(random, ['pods', 'driftpolicies', 'driftincidents'] as const),
    how: drawOf(random, ['Held', 'Closed', 'Expired'] as const),
    ...span(random),
  }),
  Lag: (replica, random) => ({ kind: 'Lag', replica, ...span(random) }),
  Partition: (replica, random) => ({
    kind: 'Partition',
    replica,
    how: drawOf(random, ['Refused', 'Silent'] as const),
    ...span(random),
  }),
  Disk: (replica, random) => ({
    kind: 'Disk',
    replica,
    how: drawOf(random, ['Slow', 'Full', 'ReadOnly', 'FailingSync'] as const),
    ...span(random),
  }),
  ClockJump: (replica, random) => ({
    kind: 'ClockJump',
    replica,
    at: drawInt(random, 0, STORY_MS),
    byMs: drawOf(random, [-3_600_000, -30_000, -1_000, 1_000, 30_000, 600_000]),
  }),
};

/** Every class of fault. */
export const FAULT_KINDS = Object.keys(DRAWS) as FaultKind[];

/** The history of that seed. Scenarios that cost much come seldom. */
export function historyFor(seed: number, scenarios: readonly Scenario[]): History {
  const random = drawsFor(seed, 'history');
  const drawn = drawOf(random, scenarios);
  // Twenty times as dear as the others.
  const scenario = drawn.name === 'storm' && random() < 0.9 ? drawOf(random, scenarios) : drawn;
  const replicas = random() < 0.5 ? 1 : 3;
  const count = drawInt(random, 0, MAX_FAULTS);
  const faults = Array.from({ length: count }, () => {
    const replica = `r${drawInt(random, 1, replicas)}`;
    return DRAWS[drawOf(random, FAULT_KINDS)](replica, random);
  });
  return { scenario: scenario.name, seed, replicas, faults };
}

function duration(random: Random): number {
  return random() < 0.5 ? drawInt(random, 10, 2_000) : drawInt(random, 2_000, LONG_MS);
}

function span(random: Random): { at: number; forMs: number } {
  return { at: drawInt(random, 0, STORY_MS), forMs: duration(random) };
}
