// What is known of digests, and how more gets known: asked from memory, learned beside everything else.
import { readDocument, sameImage, unknownOf, type ImageDocument } from '../decide/digest-set.ts';
import type { Clock } from '../kube/clock.ts';
import type { Log } from '../kube/log.ts';
import type { ReadManifest } from './client.ts';
import { RegistryError } from './errors.ts';

/** See the file's first line. */
export interface Digests {
  /** Whether the registry of a repository may be asked at all. */
  asks: (repository: string) => boolean;
  /** Whether who runs the second digest runs the image of the first; undefined: not known. Asks nobody. */
  equivalent: (repository: string, expected: string, runs: string) => boolean | undefined;
  /** Reads what is needed to know that. Never rejects; resolves to whether anything new was read. */
  learn: (repository: string, expected: string, runs: string) => Promise<boolean>;
}

/** What {@link createDigests} needs. */
export interface DigestsOptions {
  /** See {@link Digests.asks}. */
  asks: Digests['asks'];
  read: ReadManifest;
  clock: Clock;
  log: Pick<Log, 'warn'>;
  /** Ends all reading. */
  signal: AbortSignal;
}

/** Documents in memory, of some hundred bytes each. */
const MAX_DOCUMENTS = 4_096;
/** What could not be read is not asked for again before, in milliseconds. */
const RETRY_MS = 60_000;
const PARALLEL = 4;
/** The two digests, and then what is in them. */
const ROUNDS = 2;
/** More than this waits for nothing: other pods are looked at later. */
const MAX_WAITING = 256;

type Known = { document: ImageDocument | null } | { retryAt: number };

/** See the file's first line. */
export function createDigests({ asks, read, clock, log, signal }: DigestsOptions): Digests {
  // By repository and digest. The document of a digest never changes; that there is none may.
  const known = new Map<string, Known>();
  const reading = new Map<string, Promise<void>>();
  const take = limiter(PARALLEL, MAX_WAITING);
  const documentsOf = (repository: string) => (digest: string) => {
    const found = known.get(`${repository}@${digest}`);
    return found && 'document' in found ? found.document : undefined;
  };
  const keep = (key: string, entry: Known) => {
    known.delete(key);
    known.set(key, entry);
    const [oldest] = known.keys();
    if (known.size > MAX_DOCUMENTS && oldest !== undefined) known.delete(oldest);
  };
  const fetch = async (repository: string, digest: string): Promise<void> => {
    const key = `${repository}@${digest}`;
    try {
      const { text, mediaType } = await read(repository, digest, signal);
      keep(key, { document: readDocument(text, mediaType) ?? null });
    } catch (error) {
      const isAbsent = error instanceof RegistryError && error.reason === 'NotFound';
      keep(key, isAbsent ? { document: null } : { retryAt: clock.elapsed() + RETRY_MS });
      if (!isAbsent && !signal.aborted)
        log.warn({ image: key, err: error }, `registry: ${key} could not be read`);
    }
  };
  const fetchOnce = (repository: string, digest: string): Promise<void> => {
    const key = `${repository}@${digest}`;
    const running = reading.get(key);
    if (running) return running;
    const begun = take(() => fetch(repository, digest)).finally(() => reading.delete(key));
    reading.set(key, begun);
    return begun;
  };
  const isDue = (key: string) => {
    const found = known.get(key);
    return !(found && 'retryAt' in found && clock.elapsed() < found.retryAt);
  };
  return {
    asks,
    equivalent: (repository, expected, runs) => sameImage(expected, runs, documentsOf(repository)),
    learn: async (repository, expected, runs) => {
      let learned = false;
      if (!asks(repository)) return learned;
      for (let round = 0; round < ROUNDS; round++) {
        const missing = unknownOf(expected, runs, documentsOf(repository));
        const due = missing.filter((digest) => isDue(`${repository}@${digest}`));
        if (due.length === 0 || signal.aborted) break;
        await Promise.all(due.map((digest) => fetchOnce(repository, digest)));
        // What too many waited for was not even asked for: then nothing is new.
        learned ||= due.some((digest) => documentsOf(repository)(digest) !== undefined);
      }
      return learned;
    },
  };
}

/** Runs few at a time, in their order; what finds too many waiting is not done. */
function limiter(parallel: number, most: number): (work: () => Promise<void>) => Promise<void> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (waiting.length >= most) return;
    if (running >= parallel) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      await work();
    } finally {
      // Its place goes to the next one.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
