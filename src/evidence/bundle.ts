// A bundle: the files of one incident, hashed and counted as they come. What all stores have in common.
import { timestamp, type Clock } from '../kube/clock.ts';
import { cleanText } from '../kube/text.ts';
import {
  buildManifest,
  canonicalJson,
  MANIFEST_FILE,
  sha256,
  summarize,
  type ManifestFile,
  type ManifestProblem,
} from './manifest.ts';
import { isSafePath } from './path.ts';
import type { BundleSummary, EvidenceBundle, EvidenceSubject } from './store.ts';

/** One piece of evidence on its way into a bundle. */
export interface BundleFile {
  /** Relative, with `/`; variable parts come from `pathSegment`. */
  path: string;
  content: Uint8Array | string;
  /** Name of the collector. */
  collector: string;
  contentType: string;
  /** What it was read from, for people. */
  source: string;
  /** True if there was more than the content holds. */
  truncated?: boolean;
  /** RFC 3339, UTC. */
  collectedAt: string;
}

/** The side of a bundle that collectors see. */
export interface BundleWriter {
  /**
   * Stores a file. Content beyond the bundle's limits is left out and recorded as a problem. Rejects with an
   * `EvidenceStoreError` if it could not be stored; from then on the bundle takes nothing and never finishes.
   */
  add(file: BundleFile): Promise<void>;
  /** Records what is missing, refused or cut, for people. Long messages are cut. */
  problem(collector: string, message: string): void;
}

/** What a store does with the bytes. The calls come one after the other, never at the same time. */
export interface BundleSink {
  write(path: string, content: Uint8Array): Promise<void>;
  /** Stores the manifest, makes everything durable and turns the whole into the finished bundle in one step. */
  seal(manifest: Uint8Array): Promise<void>;
}

/** Limits of one bundle. */
export interface BundleLimits {
  /** Bytes of all files, the manifest not counted. */
  maxBytes: number;
  maxFiles: number;
}

/** What {@link createBundle} needs beside the sink. */
export interface BundleOptions {
  subject: EvidenceSubject;
  /** Where the bundle will lie. */
  location: string;
  /** 1, or more if earlier captures were cut off and discarded. */
  attempt: number;
  /** Version of the tool. */
  version: string;
  limits: BundleLimits;
  clock: Clock;
}

/** Evidence kept of one incident unless the store is told otherwise: 256 MiB, 20,000 files. */
export const DEFAULT_LIMITS: BundleLimits = { maxBytes: 256 * 1024 * 1024, maxFiles: 20_000 };

const MAX_PROBLEMS = 256;
const MAX_PROBLEM = 1024;
const MAX_SOURCE = 1024;

/** A bundle that counts, hashes and limits what is added, and leaves the storing to the sink. */
export function createBundle(options: BundleOptions, sink: BundleSink): EvidenceBundle {
  return new OpenBundle(options, sink);
}

/** A bundle that an earlier run finished: it takes nothing more. */
export function finishedBundle(summary: BundleSummary): EvidenceBundle {
  return {
    finished: summary,
    add: (file) => Promise.reject(closed(file.path)),
    problem: () => {},
    finish: () => Promise.resolve(summary),
  };
}

class OpenBundle implements EvidenceBundle {
  readonly #options: BundleOptions;
  readonly #sink: BundleSink;
  readonly #startedAt: string;
  readonly #files = new Map<string, ManifestFile>();
  readonly #problems: ManifestProblem[] = [];
  #unlistedProblems = 0;
  #bytes = 0;
  #last: Promise<unknown> = Promise.resolve();
  #failure: { error: unknown } | undefined;
  #finishing: Promise<BundleSummary> | undefined;

  constructor(options: BundleOptions, sink: BundleSink) {
    this.#options = options;
    this.#sink = sink;
    this.#startedAt = timestamp(options.clock);
  }

  async add(file: BundleFile): Promise<void> {
    if (this.#finishing) throw closed(file.path);
    await this.#inOrder(() => this.#store(file));
  }

  problem(collector: string, message: string): void {
    if (this.#problems.length < MAX_PROBLEMS)
      this.#problems.push({ collector, message: cleanText(message, MAX_PROBLEM) });
    else this.#unlistedProblems += 1;
  }

  finish(): Promise<BundleSummary> {
    this.#finishing ??= this.#inOrder(() => this.#seal());
    return this.#finishing;
  }

  // One after the other: the byte count stays exact, and nothing is written once the manifest is made.
  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#last.then(work);
    this.#last = run.catch(() => {});
    return run;
  }

  async #store({ path, content, truncated = false, ...about }: BundleFile): Promise<void> {
    this.#checkPath(path);
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    const room = this.#roomFor(bytes.length);
    if (room === undefined) return this.problem(about.collector, `${path} is left out: ${this.#limitsMet()}`);
    const kept = bytes.subarray(0, room);
    await this.#sinkDoes(() => this.#sink.write(path, kept));
    this.#bytes += kept.length;
    this.#files.set(path, {
      ...about,
      source: cleanText(about.source, MAX_SOURCE),
      path,
      size: kept.length,
      sha256: sha256(kept),
      truncated: truncated || kept.length < bytes.length,
    });
    if (kept.length < bytes.length)
      this.problem(about.collector, `${path} is cut after ${kept.length} bytes: ${this.#limitsMet()}`);
  }

  /** Bytes that may be stored of `size`; undefined if the file must be left out. */
  #roomFor(size: number): number | undefined {
    const { maxBytes, maxFiles } = this.#options.limits;
    const left = maxBytes - this.#bytes;
    if (this.#files.size >= maxFiles || (left <= 0 && size > 0)) return undefined;
    return Math.min(left, size);
  }

  #limitsMet(): string {
    const { maxBytes, maxFiles } = this.#options.limits;
    return `the evidence of one incident is limited to ${maxBytes} bytes in ${maxFiles} files`;
  }

  // Paths are made by us, so a bad one is a defect; refusing it keeps the defect inside the bundle's directory.
  #checkPath(path: string): void {
    if (!isSafePath(path) || path === MANIFEST_FILE)
      throw new Error(`${JSON.stringify(path)} is not a path for evidence`);
    if (this.#files.has(path)) throw new Error(`${path} was added before`);
  }

  async #sinkDoes(work: () => Promise<void>): Promise<void> {
    if (this.#failure) throw this.#failure.error;
    try {
      await work();
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  async #seal(): Promise<BundleSummary> {
    const { subject, version, attempt, limits, location, clock } = this.#options;
    const manifest = buildManifest({
      subject,
      version,
      attempt,
      limits,
      startedAt: this.#startedAt,
      finishedAt: timestamp(clock),
      files: [...this.#files.values()],
      problems: [...this.#problems, ...this.#unlisted()],
    });
    const bytes = Buffer.from(canonicalJson(manifest));
    await this.#sinkDoes(() => this.#sink.seal(bytes));
    return summarize(manifest, bytes, location);
  }

  #unlisted(): ManifestProblem[] {
    if (this.#unlistedProblems === 0) return [];
    return [{ collector: 'bundle', message: `${this.#unlistedProblems} more problems are not listed` }];
  }
}

function closed(path: string): Error {
  return new Error(`${path} came after the bundle was finished`);
}
