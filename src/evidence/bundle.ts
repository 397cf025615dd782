// A bundle: the files of one incident, hashed and counted as they come. What all stores have in common.
import { timestamp, type Clock } from '../kube/clock.ts';
import { cleanText } from '../kube/text.ts';
import type { Digest } from './content.ts';
import { ENCRYPTED_ENDING } from './encrypt.ts';
import { messageOf } from './error-message.ts';
import { intakeOf, type SealedEnd, type Taken } from './intake.ts';
import {
  buildManifest,
  canonicalJson,
  MAX_MANIFEST_BYTES,
  RESERVED_FILES,
  summarize,
  type ManifestFile,
  type ManifestProblem,
} from './manifest.ts';
import { isSafePath } from './path.ts';
import type { Signer } from './sign.ts';
import { signManifest } from './statement.ts';
import type { BundleSummary, EvidenceBundle, EvidenceSubject } from './store.ts';

/** One piece of evidence on its way into a bundle. */
export interface BundleFile {
  /** Relative, with `/`; variable parts come from `pathSegment`. Stored with `.age` at its end if it is encrypted. */
  path: string;
  /** A stream is read once, a piece at a time; what is not wanted of it is ended with `return()`. */
  content: Uint8Array | string | AsyncIterable<Uint8Array>;
  /**
   * Set of content that was made ready where it was read, on the node: encrypted there already if the store has
   * recipients. Asked once, after the content came to its end. Throws if the end is not known.
   */
  sealed?: () => SealedEnd;
  /** When it fires, a stream ends where it is, as truncated. */
  signal?: AbortSignal;
  /** Name of the collector. */
  collector: string;
  contentType: string;
  /** What it was read from, for people. */
  source: string;
  /** True if there was more than the content holds. */
  truncated?: boolean;
  /** RFC 3339, UTC. */
  collectedAt: string;
  /** Set of what the pod itself was asked for. */
  trust?: 'low';
}

/** The side of a bundle that collectors see. */
export interface BundleWriter {
  /**
   * Stores a file, encrypted if the store has recipients. Content beyond the bundle's limits is left out and recorded as a
   * problem; so is what did not come because the stream failed. Rejects with an `EvidenceStoreError` if it could not be
   * stored; from then on the bundle takes nothing and never finishes.
   * @returns what was stored; undefined if the file was left out.
   */
  add(file: BundleFile): Promise<StoredFile | undefined>;
  /** Records what is missing, refused or cut, for people. Long messages are cut. */
  problem(collector: string, message: string): void;
  /** A problem that left the collector with nothing to give. If it gave something all the same, a problem only. */
  failed(collector: string, message: string): void;
}

/** What became of a file. `plain` is set where it is encrypted and what was encrypted is known. */
export type StoredFile = Pick<ManifestFile, 'path' | 'size' | 'sha256' | 'plain' | 'truncated'>;

/** What a store does with the bytes. The calls come one after the other, never at the same time. */
export interface BundleSink {
  /** Stores the content as it comes. The stream never fails; if the storing does, it may be left where it is. */
  write(path: string, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** Makes everything durable and turns the whole into the finished bundle in one step. */
  seal(end: BundleEnd): Promise<void>;
}

/** What is stored last. */
export interface BundleEnd {
  /** Stored as {@link MANIFEST_FILE}; where there is no one step, its being there is what finishes a bundle. */
  manifest: Uint8Array;
  /** Signatures, stored before it as {@link ENVELOPE_FILE}; absent if nobody signs. */
  envelope?: Uint8Array;
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
  /** Public keys of age to which every file is encrypted. None: it is not encrypted. */
  recipients?: readonly string[];
  /** Called for each bundle as it is finished. If it rejects, the bundle is not signed and says so. */
  signer?: () => Promise<Signer>;
}

/** Evidence kept of one incident unless the store is told otherwise: 256 MiB, 20,000 files. */
export const DEFAULT_LIMITS: BundleLimits = { maxBytes: 256 * 1024 * 1024, maxFiles: 20_000 };

const MAX_PROBLEMS = 256;
const MAX_PROBLEM = 1024;
const MAX_SOURCE = 1024;
// The rest of the largest manifest is for all that is no file, and for one more file.
const MAX_LISTED_BYTES = MAX_MANIFEST_BYTES - 1024 * 1024;

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
    failed: () => {},
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
  readonly #failed = new Set<string>();
  #bytes = 0;
  #manifestBytes = 0;
  #last: Promise<unknown> = Promise.resolve();
  #failure: { error: unknown } | undefined;
  #finishing: Promise<BundleSummary> | undefined;

  constructor(options: BundleOptions, sink: BundleSink) {
    this.#options = options;
    this.#sink = sink;
    this.#startedAt = timestamp(options.clock);
  }

  async add(file: BundleFile): Promise<StoredFile | undefined> {
    if (this.#finishing) throw closed(file.path);
    return this.#inOrder(() => this.#store(file));
  }

  problem(collector: string, message: string): void {
    if (this.#problems.length < MAX_PROBLEMS)
      this.#problems.push({ collector, message: cleanText(message, MAX_PROBLEM) });
    else this.#unlistedProblems += 1;
  }

  failed(collector: string, message: string): void {
    this.problem(collector, message);
    this.#failed.add(collector);
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

  async #store(file: BundleFile): Promise<StoredFile | undefined> {
    const { content, sealed: _sealed, signal: _signal, truncated: _truncated, ...about } = file;
    const path = this.#storedPath(file.path);
    const room = this.#roomFor(sizeOf(content));
    const recipients = this.#options.recipients ?? [];
    const intake = intakeOf(file, { room: room ?? 0, recipients });
    try {
      if (room === undefined) return this.#leaveOut(about);
      await this.#sinkDoes(() => this.#sink.write(path, intake.content));
      return this.#list({ ...about, path }, intake.taken());
    } finally {
      intake.release();
    }
  }

  #leaveOut({ collector, path }: Pick<BundleFile, 'collector' | 'path'>): undefined {
    this.problem(collector, `${path} is left out: ${this.#limitsMet()}`);
  }

  #list(about: Omit<ManifestFile, keyof Digest | 'truncated'>, taken: Taken): StoredFile {
    const { stored, plain, truncated, counted, beyondLimit, failure } = taken;
    const file = { path: about.path, ...stored, ...(plain && { plain }), truncated };
    const entry = { ...about, ...file, source: cleanText(about.source, MAX_SOURCE) };
    this.#bytes += counted;
    this.#manifestBytes += Buffer.byteLength(JSON.stringify(entry));
    this.#files.set(about.path, entry);
    const why = failure ?? (beyondLimit ? this.#limitsMet() : undefined);
    if (why !== undefined)
      this.problem(about.collector, `${about.path} is cut after ${counted} bytes: ${why}`);
    return file;
  }

  /** Bytes that may be stored of `size`, of an unknown one as many as come; undefined if the file must be left out. */
  #roomFor(size: number | undefined): number | undefined {
    const { maxBytes, maxFiles } = this.#options.limits;
    const left = maxBytes - this.#bytes;
    if (this.#files.size >= maxFiles || this.#manifestBytes > MAX_LISTED_BYTES) return undefined;
    return left <= 0 && size !== 0 ? undefined : Math.max(left, 0);
  }

  #limitsMet(): string {
    const { maxBytes, maxFiles } = this.#options.limits;
    return `the evidence of one incident is limited to ${maxBytes} bytes in ${maxFiles} files`;
  }

  /** Paths are made by us, so a bad one is a defect; refusing it keeps the defect inside the bundle's directory. */
  #storedPath(path: string): string {
    const stored = (this.#options.recipients ?? []).length > 0 ? `${path}${ENCRYPTED_ENDING}` : path;
    if (!isSafePath(stored) || RESERVED_FILES.includes(path))
      throw new Error(`${JSON.stringify(path)} is not a path for evidence`);
    if (this.#files.has(stored)) throw new Error(`${path} was added before`);
    return stored;
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
    const { subject, version, attempt, limits, location, clock, recipients = [] } = this.#options;
    const signer = await this.#signer();
    const manifest = buildManifest({
      subject,
      version,
      attempt,
      limits,
      startedAt: this.#startedAt,
      finishedAt: timestamp(clock),
      encryption: recipients.length > 0 ? { kind: 'Age', recipients: [...recipients] } : { kind: 'None' },
      files: [...this.#files.values()],
      missing: this.#missing(),
      problems: [...this.#problems, ...this.#unlisted()],
    });
    const bytes = Buffer.from(canonicalJson(manifest));
    const envelope = signer && signManifest(manifest, bytes, signer);
    await this.#sinkDoes(() => this.#sink.seal({ manifest: bytes, ...(envelope && { envelope }) }));
    return summarize({ manifest: bytes, ...(envelope && { envelope }) }, location);
  }

  // Evidence without a signature is worth more than none.
  async #signer(): Promise<Signer | undefined> {
    try {
      return await this.#options.signer?.();
    } catch (error) {
      this.problem('bundle', `not signed: ${messageOf(error)}`);
      return undefined;
    }
  }

  #missing(): string[] {
    const gave = new Set([...this.#files.values()].filter(holdsSomething).map(({ collector }) => collector));
    return [...this.#failed].filter((collector) => !gave.has(collector)).toSorted();
  }

  #unlisted(): ManifestProblem[] {
    if (this.#unlistedProblems === 0) return [];
    return [{ collector: 'bundle', message: `${this.#unlistedProblems} more problems are not listed` }];
  }
}

function closed(path: string): Error {
  return new Error(`${path} came after the bundle was finished`);
}

/** Bytes of content that is there as a whole. */
function sizeOf(content: BundleFile['content']): number | undefined {
  if (typeof content === 'string') return Buffer.byteLength(content);
  return content instanceof Uint8Array ? content.length : undefined;
}

/** A file that is empty because nothing of it came holds nothing. */
function holdsSomething({ size, plain, truncated }: ManifestFile): boolean {
  return !truncated || (plain?.size ?? size) > 0;
}
