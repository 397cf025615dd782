// Stands in for capture pods: what they read on the nodes of pods, or do not.
import type { Target } from '../../../src/api/incident.ts';
import { COLLECTORS, type CollectorName } from '../../../src/api/policy.ts';
import type { RespondContext } from '../../../src/respond/context.ts';
import { sleep, timestamp } from '../../../src/kube/clock.ts';
import type { SimClock } from './clock.ts';
import { drawInt, drawsFor } from './draws.ts';
import type { History } from './history.ts';

/** Until a node has answered, in milliseconds. */
const WITHIN_MS = 3_000;

/** See the file's first line. */
export class NodeReader {
  readonly #history: History;
  readonly #clock: SimClock;
  #reads = 0;
  /** When a node told of a program that was added. */
  readonly confirmedAt: number[] = [];
  /** What nodes can tell now. */
  tells: readonly CollectorName[] = COLLECTORS;

  /** Paths that were added to containers. */
  added: readonly string[] = [];

  constructor({ clock, history }: { clock: SimClock; history: History }) {
    this.#clock = clock;
    this.#history = history;
  }

  /** In the place of what starts capture pods. */
  readonly collector: NonNullable<RespondContext['nodeCollector']> = ({ collectors }) => ({
    name: 'node',
    collect: async ({ clock, signal, target }, bundle) => {
      const draws = drawsFor(this.#history.seed, `node ${++this.#reads}`);
      for (const asked of collectors) {
        await sleep(clock, drawInt(draws, 100, WITHIN_MS), signal);
        const collector = asked.toLowerCase();
        if (!this.tells.includes(asked)) bundle.failed(collector, 'the node does not answer');
        else
          await bundle.add({
            path: asked === 'Filesystem' ? 'node/filesystem.ndjson' : `node/${collector}.json`,
            content: asked === 'Filesystem' ? this.#changes(target) : '[]',
            collector,
            contentType: 'application/json',
            source: 'the node',
            collectedAt: timestamp(clock),
          });
      }
    },
  });

  #changes({ containers }: Target): string {
    if (this.added.length > 0) this.confirmedAt.push(this.#clock.elapsed());
    const changes = containers.flatMap(({ name: container }) =>
      this.added.map((path) => ({
        container,
        containerId: 'a'.repeat(64),
        where: 'Root',
        path,
        kind: 'Added',
        type: 'File',
        executable: true,
      })),
    );
    return changes.map((change) => `${JSON.stringify(change)}\n`).join('');
  }
}
