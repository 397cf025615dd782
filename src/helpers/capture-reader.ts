// Takes in what a capture pod sends: each file as it comes, and nothing that is not exactly as it must be.
import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { isSafePath, parentsOf } from '../evidence/path.ts';
import { FileEndSchema, FileHeadSchema, type FileEnd, type FileHead } from './capture-stream.ts';
import {
  CaptureWireError,
  decodeFrames,
  DoneSchema,
  encodeFrame,
  MAX_PROBLEMS,
  ProblemSchema,
  sentBytes,
  transcript,
  type CaptureDone,
  type Frame,
  type WireLimits,
} from './capture-wire.ts';

/** Where all that a node sends lies in a bundle. */
const NODE_FOLDER = 'node/';

/** A file on its way. */
export interface ReceivedFile {
  head: FileHead;
  /** Once. Throws a {@link CaptureWireError} if the file does not come whole, or is another one than its end says. */
  content: AsyncIterable<Uint8Array>;
  /** What is known once the content came to its end. @throws Error before, and if it did not come whole. */
  end: () => FileEnd;
}

/** What {@link readCapture} takes. */
export interface ReadGiven {
  /** What comes on the connection. Its errors count as a broken connection. */
  source: AsyncIterable<Uint8Array>;
  limits: WireLimits;
  /** Is given one file after the other. What it leaves of a content is read and dropped. */
  take: (file: ReceivedFile) => Promise<void>;
  problem: (collector: string, message: string) => void;
}

/**
 * Reads a capture to its end.
 * @returns what the node says that it sent, which is what came.
 * @throws CaptureWireError that names how far it came; what `take` throws, before anything more is read.
 */
export async function readCapture(given: ReadGiven): Promise<CaptureDone> {
  return new Reader(given).run();
}

/** How a content ended. */
interface Ended {
  end?: FileEnd;
  error?: Error;
}

class Reader {
  readonly #given: ReadGiven;
  readonly #frames: AsyncGenerator<Frame>;
  readonly #hash = transcript();
  readonly #paths = new Set<string>();
  readonly #folders = new Set<string>();
  readonly #maxBytes: number;
  #bytes = 0;
  #problems = 0;
  #open: string | undefined;

  constructor(given: ReadGiven) {
    this.#given = given;
    this.#frames = decodeFrames(given.source);
    this.#maxBytes = sentBytes(given.limits.bytes, given.limits.files);
  }

  async run(): Promise<CaptureDone> {
    try {
      for (;;) {
        const frame = await this.#next();
        if (frame.type === 'done') return await this.#finish(frame);
        if (frame.type !== 'head')
          throw this.#error('Malformed', `${frame.type} came where no file was open`);
        await this.#file(frame);
      }
    } finally {
      await this.#frames.return(undefined);
    }
  }

  async #file(frame: Frame): Promise<void> {
    const head = this.#parse(FileHeadSchema, frame);
    this.#claim(head.path);
    this.#open = head.path;
    const ended: Ended = {};
    const content = this.#content(ended);
    // A loop over it that is left early must not end it: the rest is still to be read.
    const next = () => content.next();
    const end = () => {
      if (!ended.end) throw new Error(`${head.path} did not come to its end`);
      return ended.end;
    };
    await this.#given.take({ head, content: { [Symbol.asyncIterator]: () => ({ next }) }, end });
    while ((await next()).done !== true);
    // Also where the one who took it kept what had come.
    if (ended.error) throw ended.error;
    this.#open = undefined;
  }

  /** What a node says has a place of its own: it can neither stand for other evidence nor be in its way. */
  #claim(path: string): void {
    if (!isSafePath(path) || !path.startsWith(NODE_FOLDER))
      throw this.#error('Malformed', 'a file came under a path that is not safe');
    if (this.#paths.has(path)) throw this.#error('Malformed', `${path} came twice`);
    const parents = parentsOf(path);
    if (this.#folders.has(path) || parents.some((parent) => this.#paths.has(parent)))
      throw this.#error('Malformed', `${path} came, which is a file and a folder`);
    if (this.#paths.size >= this.#given.limits.files)
      throw this.#error('Limit', 'more files came than asked for');
    this.#paths.add(path);
    for (const parent of parents) this.#folders.add(parent);
  }

  async *#content(ended: Ended): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    let size = 0;
    try {
      let frame = await this.#next();
      for (; frame.type === 'data'; frame = await this.#next()) {
        hash.update(frame.payload);
        size += frame.payload.length;
        this.#bytes += frame.payload.length;
        if (this.#bytes > this.#maxBytes) throw this.#error('Limit', 'more bytes came than asked for');
        yield frame.payload;
      }
      if (frame.type !== 'end') throw this.#error('Malformed', `${frame.type} came within a file`);
      const end = this.#parse(FileEndSchema, frame);
      if (end.size !== size || end.sha256 !== hash.digest('hex'))
        throw this.#error('Mismatch', 'the content is not the one that the node says it sent');
      // It would count as so many bytes of the evidence, which then has no room for what comes from elsewhere.
      if (end.plain !== undefined && end.plain.size > size)
        throw this.#error('Malformed', 'more is said to be encrypted in a file than it has bytes');
      ended.end = end;
    } catch (error) {
      ended.error = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }

  /** The next frame that is no problem and no beat; what they say is passed on. */
  async #next(): Promise<Frame> {
    for (;;) {
      const frame = await this.#read();
      if (frame.type === 'head' || frame.type === 'end' || frame.type === 'problem')
        this.#hash.update(encodeFrame(frame.type, frame.payload));
      if (frame.type === 'problem') this.#problem(frame);
      else if (frame.type !== 'beat') return frame;
    }
  }

  async #read(): Promise<Frame> {
    try {
      const step: IteratorResult<Frame, unknown> = await this.#frames.next();
      if (step.done !== true) return step.value;
    } catch (error) {
      if (error instanceof CaptureWireError) throw this.#error(error.reason, error.message);
      const why = error instanceof Error ? error.message : String(error);
      throw this.#error('Broken', `the connection broke: ${why}`, { cause: error });
    }
    throw this.#error('Broken', 'the connection ended before everything was sent');
  }

  #problem(frame: Frame): void {
    const { collector, message } = this.#parse(ProblemSchema, frame);
    this.#problems += 1;
    if (this.#problems > MAX_PROBLEMS) throw this.#error('Limit', 'more problems came than asked for');
    this.#given.problem(collector, message);
  }

  async #finish(frame: Frame): Promise<CaptureDone> {
    const done = this.#parse(DoneSchema, frame);
    if (done.files !== this.#paths.size || done.sha256 !== this.#hash.digest('hex'))
      throw this.#error('Mismatch', 'what came is not what the node says it sent');
    // Whatever the connection does now, everything has come; but nothing may come after it.
    const after = await this.#frames.next().catch(() => undefined);
    if (after !== undefined && after.done !== true)
      throw this.#error('Malformed', 'something came after the end');
    return done;
  }

  #parse<T>(schema: z.ZodType<T>, { type, payload }: Frame): T {
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    } catch (error) {
      throw this.#error('Malformed', `a frame ${type} is not JSON`, { cause: error });
    }
    const { data, error } = schema.safeParse(value);
    if (data !== undefined) return data;
    const [issue] = error?.issues ?? [];
    throw this.#error(
      'Malformed',
      `a frame ${type} is not as it must be: ${issue?.path.join('.')} ${issue?.message}`,
    );
  }

  #error(reason: CaptureWireError['reason'], what: string, options?: ErrorOptions): CaptureWireError {
    const whole = this.#paths.size - Number(this.#open !== undefined);
    const where = this.#open === undefined ? '' : `, within ${this.#open}`;
    return new CaptureWireError(
      reason,
      `${what} (after ${whole} files and ${this.#bytes} bytes${where})`,
      options,
    );
  }
}
