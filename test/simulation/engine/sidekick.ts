// Stands in for Falcosidekick: asked for a test event, it posts one to a receiver, while the way there is open.
import { INTAKE_CONFIGMAP, SYSTEM_NAMESPACE } from '../../../src/api/names.ts';
import { CONFIG_MAPS } from '../../../src/kube/resources.ts';
import type { AskForTest, SilenceSettings } from '../../../src/roles/silence.ts';
import type { SimClock } from './clock.ts';
import { drawInt, drawOf, drawsFor } from './draws.ts';
import type { History } from './history.ts';
import { never, type Process } from './process.ts';
import type { Replica } from './replica.ts';
import type { Stage } from './stage.ts';

/**
 * How it is: it works; `Cut`: what it posts reaches no receiver; `Away`: nobody is there to be asked; `Deaf`: it takes the
 * request and posts nothing; `Slow`: it posts after longer than the operator waits for.
 */
export type SidekickState = 'Works' | 'Cut' | 'Away' | 'Deaf' | 'Slow';

/** One test event that reached a receiver. Times are milliseconds after the start. */
export interface Posted {
  replica: string;
  life: number;
  at: number;
}

/** One request for a test event. */
export interface Asked {
  replica: string;
  life: number;
  /** When it left the process. */
  at: number;
  /** The event; absent: it reached no receiver. */
  posted?: Posted;
}

/** In milliseconds. Mostly little, and more seldom than often a second. */
const LONGEST_TRIP_MS = 1_000;
/** Who asks gives up after this time, as `run` does. */
export const ASK_TIMEOUT_MS = 10_000;
/** More than the minute that an answer may take, and less than it takes until two are late. */
const SLOW_MS = [61_000, 110_000] as const;

/** See the file's first line. */
export class Sidekick {
  /** From one test event to the next, in milliseconds; undefined: nobody asks for any. */
  readonly intervalMs: number | undefined;
  readonly #clock: SimClock;
  readonly #history: History;
  readonly #replicas: readonly Replica[];
  /** How it was when, the last one is how it is. */
  readonly states: { at: number; state: SidekickState }[] = [{ at: -Infinity, state: 'Works' }];
  readonly asked: Asked[] = [];
  readonly posted: Posted[] = [];
  /** Every process that watches for silence. */
  readonly processes: Process[] = [];

  constructor({ clock, history, replicas }: Stage, intervalMs: number | undefined) {
    this.#clock = clock;
    this.#history = history;
    this.#replicas = replicas;
    this.intervalMs = intervalMs;
  }

  get state(): SidekickState {
    return this.states.at(-1)?.state ?? 'Works';
  }

  /** From now on it is like that. */
  become(state: SidekickState): void {
    this.states.push({ at: this.#clock.elapsed(), state });
  }

  /** What a process is told of silence. */
  settingsFor(process: Process): SilenceSettings {
    this.processes.push(process);
    const { intervalMs } = this;
    return intervalMs === undefined ? {} : { canary: { intervalMs, ask: this.#askOf(process) } };
  }

  /** Posts a test event though nobody asked, as a person has it do. */
  async test(): Promise<void> {
    await this.#post(this.#draws('person'), undefined);
  }

  #askOf(process: Process): AskForTest {
    const { replica, life } = process;
    return async () => {
      this.#clock.stir();
      await process.turn();
      const asked: Asked = { replica, life, at: this.#clock.elapsed() };
      const draws = this.#draws(`${replica} ${this.asked.push(asked)}`);
      await this.#clock.sleep(trip(draws));
      const isThere = this.state !== 'Away';
      // What is there queues it; who is not may refuse the connection, or say nothing.
      if (isThere) void this.#post(draws, asked);
      else if (draws() < 0.5) await this.#clock.sleep(ASK_TIMEOUT_MS);
      await this.#clock.sleep(trip(draws));
      await process.turn();
      if (!process.alive) return never();
      return isThere ? undefined : 'connection refused: no server listens there';
    };
  }

  async #post(draws: () => number, asked: Asked | undefined): Promise<void> {
    if (this.state === 'Deaf') return;
    await this.#clock.sleep(trip(draws) + (this.state === 'Slow' ? drawInt(draws, ...SLOW_MS) : 0));
    // A Service only leads to those that are ready.
    const ready = this.#replicas.filter((each) => each.ready && each.roles.includes('receiver'));
    if (this.state === 'Cut' || ready.length === 0) return;
    const receiver = drawOf(draws, ready);
    const posted = { replica: receiver.name, life: receiver.life, at: this.#clock.elapsed() };
    this.posted.push(posted);
    if (asked) asked.posted = posted;
    await receiver.post(testEvent(new Date(this.#clock.now())));
  }

  #draws(name: string): () => number {
    return this.#history.seed === 0 ? () => 0 : drawsFor(this.#history.seed, `sidekick ${name}`);
  }
}

/** Silence is watched from the start, as `config/default` has it. @param intervalMs of test events; absent: none. */
export function watchSilence(stage: Stage, intervalMs?: number): Sidekick {
  const metadata = { name: INTAKE_CONFIGMAP, namespace: SYSTEM_NAMESPACE };
  stage.cluster.api.create(CONFIG_MAPS, SYSTEM_NAMESPACE, { metadata });
  stage.sidekick = new Sidekick(stage, intervalMs);
  return stage.sidekick;
}

/** In the form of test/fixtures/falcosidekick/04-test-event.json. */
function testEvent(time: Date): object {
  return {
    uuid: '442d65bd-3e25-4d40-8d00-258dfbbdb86f',
    output: 'This is a test from falcosidekick',
    priority: 'Debug',
    rule: 'Test rule',
    time: `${time.toISOString().slice(0, -5)}Z`,
    output_fields: { 'proc.name': 'falcosidekick', 'user.name': 'falcosidekick' },
    source: 'internal',
    tags: ['example', 'test'],
    hostname: 'falcosidekick',
  };
}

function trip(draws: () => number): number {
  return 1 + Math.floor(draws() ** 4 * LONGEST_TRIP_MS);
}
