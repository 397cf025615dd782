// Plays one history to its end, and judges it.
import { createHash } from 'node:crypto';
import { findCondition, INCIDENT_CONDITIONS } from '../../../src/api/conditions.ts';
import { isFinal } from '../../../src/api/incident.ts';
import { INTAKE_CONFIGMAP } from '../../../src/api/names.ts';
import { hasFinalizer } from '../../../src/incidents/facts.ts';
import { lastFaultMs, type History } from './history.ts';
import { judge } from './promises.ts';
import type { Promised } from './promises/promised.ts';
import type { Scenario } from './scenario.ts';
import { scenarioNamed } from './scenarios.ts';
import { Stage } from './stage.ts';

/** A promise that a history broke. */
export interface Violation {
  promise: Promised;
  /** What happened, on which object. */
  message: string;
}

/** What came of a history. */
export interface Played {
  history: History;
  violations: readonly Violation[];
  /** SHA-256 of all that the API server and the senders of alerts saw. */
  trace: string;
  /** Writes that each replica sent, by its name: the points at which it can crash. */
  writes: Readonly<Record<string, number>>;
  reads: Readonly<Record<string, number>>;
  /** For people: what the API server saw. */
  lines(): string[];
}

/** Without a write for so long, everything is at rest; reports are written at most so far apart. */
const QUIET_MS = 75_000;
/** After the last fault and the last act of a person, everything must be at rest after so long. */
const SETTLES_MS = 30 * 60_000;
const STORY_MS = 60 * 60_000;

/** Plays it; see the file's first line. Throws what is no violation but a mistake of the simulation. */
export async function play(history: History): Promise<Played> {
  const stage = new Stage(history);
  const scenario = scenarioNamed(history.scenario);
  try {
    // The controllers see to the new namespaces first.
    await stage.clock.runUntil(stage.clock.now() + 1_000);
    await scenario.setUp(stage);
    stage.start();
    const settled = (await tellStory(stage, scenario)) && (await settle(stage));
    return report(stage, judge(stage, scenario, settled));
  } finally {
    stage.cluster.stop();
    for (const replica of stage.replicas) replica.forget();
  }
}

/** Whether it came to its end. Throws what the story throws. */
async function tellStory(stage: Stage, scenario: Scenario): Promise<boolean> {
  let over = false;
  const story = scenario.play(stage).finally(() => (over = true));
  // A rejection is looked at below.
  story.catch(() => {});
  await stage.clock.runUntil(stage.clock.now() + STORY_MS, () => over);
  if (over) await story;
  return over;
}

async function settle(stage: Stage): Promise<boolean> {
  const { clock, log, history } = stage;
  const since = () => Math.max(lastFaultMs(history), stage.lastActAt, lastRestart(stage));
  // The record of when alerts came is written for ever: test events are asked for, and come.
  const lastWrite = () => log.writes.findLast(({ name }) => name !== INTAKE_CONFIGMAP);
  const quietFor = () => clock.elapsed() - Math.max(since(), lastWrite()?.servedAt ?? 0);
  const atRest = () => quietFor() >= QUIET_MS && stage.incidents().every(rests);
  // Waits that were begun before a clock was set back last so much longer.
  const setBack = history.faults.map((fault) => (fault.kind === 'ClockJump' ? Math.max(0, -fault.byMs) : 0));
  const limit = SETTLES_MS + setBack.reduce((sum, ms) => sum + ms, 0);
  while (clock.elapsed() < since() + limit) {
    await clock.runUntil(clock.now() + QUIET_MS, atRest);
    if (atRest()) return true;
  }
  return false;
}

function lastRestart({ replicas }: Stage): number {
  return Math.max(...replicas.map(({ startedAt }) => startedAt));
}

// Whether where it rests is a good place is for the promises to say.
function rests(incident: Parameters<typeof isFinal>[0]): boolean {
  const phase = incident.status?.phase;
  if (isFinal(incident)) return !hasFinalizer(incident);
  if (findCondition(incident.status?.conditions, INCIDENT_CONDITIONS.Stalled)?.reason === 'HeldByFinalizer')
    return true;
  return ['Observed', 'AwaitingApproval', 'Quarantined', 'Held'].includes(phase ?? '');
}

function report(stage: Stage, violations: readonly Violation[]): Played {
  const byName = (count: (replica: Stage['replicas'][number]) => number) =>
    Object.fromEntries(stage.replicas.map((replica) => [replica.name, count(replica)]));
  return {
    history: stage.history,
    violations,
    trace: traceOf(stage),
    writes: byName(({ network }) => network.writes),
    reads: byName(({ network }) => network.reads),
    lines: () => linesOf(stage),
  };
}

function traceOf({ log, alerts }: Stage): string {
  const hash = createHash('sha256');
  for (const { replica, life, sentAt, servedAt, verb, path, status, body } of log.served) {
    hash.update(JSON.stringify([replica, life, sentAt, servedAt, verb, path, status, body]));
  }
  return hash.update(JSON.stringify(alerts)).digest('hex');
}

function linesOf({ log, alerts, logged, listener }: Stage): string[] {
  const requests = log.served
    .filter(({ of }) => of !== 'leases')
    .map((entry): [number, string] => [
      entry.servedAt,
      `${entry.replica}.${entry.life} ${entry.verb} ${entry.path} ${entry.status}${entry.verb === 'get' || entry.verb === 'list' ? '' : ` ${JSON.stringify(entry.body)?.slice(0, 600)}`}`,
    ]);
  const changes = log.changes
    .filter(({ by }) => !by.startsWith('die-operator'))
    .map((change): [number, string] => [
      change.at,
      `${change.by} ${change.operation} ${change.of}/${change.subresource ?? ''} ${(change.object ?? change.before)?.metadata.name}`,
    ]);
  const told = alerts.flatMap(({ rule, answers }) =>
    answers.map(({ replica, at, answer }): [number, string] => [
      at,
      `alert ${rule} to ${replica}: ${JSON.stringify(answer)}`,
    ]),
  );
  const said = logged.map(({ replica, at, message }): [number, string] => [
    at,
    `  ${replica} says: ${message}`,
  ]);
  const tries = listener.told.map(({ replica, life, sentAt, notice, heard }): [number, string] => [
    sentAt,
    `${replica}.${life} tells ${notice.rule} of ${notice.time}: ${heard?.status ?? 'no answer'} ${notice.output}`,
  ]);
  const all = [...requests, ...changes, ...told, ...said, ...tries].toSorted(([a], [b]) => a - b);
  return all.map(([at, text]) => `${at.toFixed(0).padStart(8)} ${text}`);
}
