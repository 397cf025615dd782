// One fault at a time, of every class, at every place: what random histories reach only seldom.
import { ANSWERS, FaultSchema, type Fault, type History } from './history.ts';
import type { Scenario } from './scenario.ts';

const REPLICA = 'r1';
const AWAY_MS = 3_000;
/** Long enough that the requests of a step are given up within it. */
const LONG_MS = 40_000;
/** Of the replicas of a response; where there are fewer writes, the rest strikes nothing. */
const WRITES = 12;

/** Every single fault for a history with one replica. */
export const SINGLE_FAULTS: readonly Fault[] = [...onWrites(), ...fromTheStart()];

/** Every history of that scenario with a single fault. */
export function sweep({ name }: Pick<Scenario, 'name'>, seed: number): History[] {
  return SINGLE_FAULTS.map((fault) => ({ scenario: name, seed, replicas: 1, faults: [fault] }));
}

/** Every history of that scenario in which people act after another number of writes, also while a watch lags. */
export function moments({ name, hasMoment }: Scenario, seed: number): History[] {
  if (!hasMoment) return [];
  const lagging = SINGLE_FAULTS.filter((fault) => fault.kind === 'Watch' && fault.how === 'Held');
  return Array.from({ length: WRITES + 1 }, (_, actAfter) => actAfter).flatMap((actAfter) =>
    [[], ...lagging.map((fault) => [fault])].map((faults): History => ({
      scenario: name,
      seed,
      replicas: 1,
      actAfter,
      faults,
    })),
  );
}

function onWrites(): Fault[] {
  return Array.from({ length: WRITES }, (_, n) => n + 1).flatMap((write): Fault[] => [
    { kind: 'Crash', replica: REPLICA, write, moment: 'before', awayMs: AWAY_MS },
    { kind: 'Crash', replica: REPLICA, write, moment: 'after', awayMs: AWAY_MS },
    { kind: 'Stop', replica: REPLICA, write, forMs: LONG_MS },
    ...ANSWERS.map((how): Fault => ({ kind: 'Write', replica: REPLICA, write, how })),
  ]);
}

// The alert comes two seconds after the start.
function fromTheStart(): Fault[] {
  const span = { replica: REPLICA, at: 1_500, forMs: LONG_MS };
  const all = [
    ...['all', 'pods', 'configmaps', 'driftpolicies', 'driftincidents', 'networkpolicies', 'log'].flatMap(
      (of) => ['InternalError', 'Lost'].map((how) => ({ kind: 'Outage', of, how, ...span })),
    ),
    ...['pods', 'driftpolicies', 'driftincidents'].flatMap((of) =>
      ['Held', 'Closed', 'Expired'].map((how) => ({ kind: 'Watch', of, how, ...span })),
    ),
    ...['Refused', 'Silent'].map((how) => ({ kind: 'Partition', how, ...span, at: 2_050 })),
    ...['Slow', 'Full', 'ReadOnly', 'FailingSync'].map((how) => ({ kind: 'Disk', how, ...span })),
    { kind: 'Lag', ...span },
  ];
  return all.map((fault) => FaultSchema.parse(fault));
}
