// Confirm: looks on the node of a pod whether a program is in the container's own layer, so not as the image has it.
import { FileChangeSchema, type FileChange } from '../api/file-change.ts';
import type { DriftIncident } from '../api/incident.ts';
import type { KubeObject } from '../api/meta.ts';
import type { Suspect } from '../decide/confirm.ts';
import type { BundleFile, BundleWriter } from '../evidence/bundle.ts';
import { deadline } from '../kube/clock.ts';
import type { RespondContext } from './context.ts';
import { nodeCollector } from './node-capture.ts';

/** What was found out. */
export interface Confirmation {
  state: 'Confirmed' | 'NotConfirmed' | 'Unknown';
  kind?: 'Added' | 'Modified';
  /** For people. */
  message: string;
}

/** How long all of it may take, in milliseconds. */
const WITHIN_MS = 120_000;
/** Longest line that is read: of more no path of the attacker's can make one. */
const MAX_LINE = 64 * 1024;
const CHANGES = 'node/filesystem.ndjson';

/**
 * Looks for a program. What cannot be looked for is `Unknown`, with what a person can do.
 * @throws the reason of `stopping` when that fired.
 */
export async function confirm(
  context: RespondContext,
  incident: DriftIncident,
  pod: KubeObject,
  suspect: Suspect,
): Promise<Confirmation> {
  const { client, clock, stopping, log, nodeCollector: collectorOf = nodeCollector } = context;
  const limit = deadline(clock, WITHIN_MS, stopping);
  const look = new Look(suspect);
  const { namespace = '', name, uid } = incident.metadata;
  // Nothing of it is kept: it is read as it comes.
  const request = {
    collectors: ['Filesystem' as const],
    contents: false,
    maxBytes: 0,
    withinMs: WITHIN_MS,
    recipients: [],
  };
  try {
    await collectorOf(request, { log }).collect(
      {
        client,
        clock,
        signal: limit.signal,
        pod,
        target: incident.spec.target,
        incident: { namespace, name, uid },
      },
      look,
    );
  } catch (error) {
    look.problem('filesystem', error instanceof Error ? error.message : String(error));
  } finally {
    limit.done();
  }
  stopping.throwIfAborted();
  return look.result();
}

class Look implements BundleWriter {
  readonly #suspect: Suspect;
  readonly #problems: string[] = [];
  #isWhole = false;
  #found: FileChange | undefined;

  constructor(suspect: Suspect) {
    this.#suspect = suspect;
  }

  async add(file: BundleFile): Promise<undefined> {
    const { content } = file;
    const isWanted = file.path === CHANGES;
    const pieces = typeof content === 'string' || content instanceof Uint8Array ? [content] : content;
    const decoder = new TextDecoder();
    let rest = '';
    // Also what is not wanted has to be taken, or the node does not go on.
    for await (const piece of pieces) {
      if (isWanted) rest = this.#takeLines(rest + textOf(piece, decoder));
    }
    if (!isWanted) return;
    this.#take(rest);
    const isCut = file.sealed?.().truncated ?? file.truncated ?? false;
    this.#isWhole = !isCut;
  }

  problem(_collector: string, message: string): void {
    this.#problems.push(message);
  }

  failed(collector: string, message: string): void {
    this.problem(collector, message);
  }

  result(): Confirmation {
    const { container, path } = this.#suspect;
    const what = `${JSON.stringify(path)} of container ${container}`;
    const kind = this.#found?.kind;
    if (kind === 'Added' || kind === 'Modified') {
      const how = kind === 'Added' ? 'is not in its image' : 'is not as in its image';
      return { state: 'Confirmed', kind, message: `${what} ${how}` };
    }
    const [problem] = this.#problems;
    if (this.#isWhole && problem === undefined)
      return { state: 'NotConfirmed', message: `${what} is as in its image, or is gone` };
    const why = problem ?? 'the node did not tell all';
    const message = `whether ${what} is as in its image is not known: ${why}. Look at the pod; release the incident, or delete the pod`;
    return { state: 'Unknown', message: message.slice(0, 1024) };
  }

  /** Returns the line that is not at its end yet. */
  #takeLines(text: string): string {
    const lines = text.split('\n');
    const rest = lines.pop() ?? '';
    for (const line of lines) this.#take(line);
    if (rest.length > MAX_LINE) throw new Error('the node sent a line that is too long');
    return rest;
  }

  // Lines that are none are the node's mistake, or somebody else's: then nothing is said of what is not found.
  #take(line: string): void {
    if (line === '') return;
    const change = FileChangeSchema.safeParse(parsed(line)).data;
    if (!change) return this.problem('filesystem', 'the node told of a file in a way that cannot be read');
    const { container, path } = this.#suspect;
    if (change.where === 'Root' && change.container === container && change.path === path)
      this.#found = worse(this.#found, change);
  }
}

// A container that was restarted has two layers: what counts is whether it was there in either.
function worse(before: FileChange | undefined, next: FileChange): FileChange {
  return before && (before.kind === 'Added' || before.kind === 'Modified') ? before : next;
}

function textOf(piece: string | Uint8Array, decoder: TextDecoder): string {
  return typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true });
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
