// Where collectors on the node put what they find: hashed, encrypted where that is asked for, cut at the limits and sent.
import { hashed, limited, type Digest } from '../../../evidence/content.ts';
import { encrypt } from '../../../evidence/encrypt.ts';
import { cleanText } from '../../../kube/text.ts';
import { FileHeadSchema, type CaptureSink, type FileEnd, type FileHead } from '../../capture-stream.ts';
import {
  encodeFrame,
  encodeJson,
  MAX_DATA,
  MAX_PROBLEM,
  MAX_PROBLEMS,
  transcript,
  type CaptureDone,
  type WireLimits,
} from '../../capture-wire.ts';

type Content = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** What {@link createSink} takes. */
export interface SinkGiven {
  /** Resolves when there is room for more; rejects once nobody reads any more. Calls come one after the other. */
  send: (frame: Buffer) => Promise<void>;
  limits: WireLimits;
  /** Public keys of age; none: contents are sent as they are. */
  recipients: readonly string[];
}

/** The sink of a whole capture. */
export interface Sink {
  /** What one collector gets. Once the signal fires its file ends where it is, and everything later is refused. */
  of(signal: AbortSignal): CaptureSink;
  /** Sends the last frame. No file may be open. */
  done(): Promise<CaptureDone>;
}

/** See the file's first line. */
export function createSink(given: SinkGiven): Sink {
  const sink = new WireSink(given);
  return {
    of: (signal) => ({
      file: (head, content) => sink.file(head, content, signal),
      problem: (collector, message) => sink.problem(collector, message),
    }),
    done: () => sink.done(),
  };
}

class WireSink {
  readonly #given: SinkGiven;
  readonly #hash = transcript();
  readonly #paths = new Set<string>();
  /** Told and not sent yet: a collector does not wait for it. */
  #untold: Buffer[] = [];
  #problems = 0;
  #bytes = 0;
  #open: string | undefined;

  constructor(given: SinkGiven) {
    this.#given = given;
  }

  problem(collector: string, message: string): void {
    this.#problems += 1;
    // Room for the one that counts the others.
    if (this.#problems < MAX_PROBLEMS)
      this.#untold.push(encodeJson('problem', { collector, message: cleanText(message, MAX_PROBLEM) }));
  }

  async file(head: FileHead, content: Content, signal: AbortSignal): Promise<FileEnd> {
    const frame = encodeJson('head', FileHeadSchema.parse(head));
    this.#mayOpen(head.path, signal);
    this.#open = head.path;
    try {
      await this.#tell();
      await this.#sendHashed(frame);
      this.#paths.add(head.path);
      return await this.#content(head, content, signal);
    } finally {
      this.#open = undefined;
    }
  }

  async done(): Promise<CaptureDone> {
    const unlisted = this.#problems - MAX_PROBLEMS + 1;
    if (unlisted > 0)
      this.#untold.push(
        encodeJson('problem', { collector: 'node', message: `${unlisted} more problems are not listed` }),
      );
    await this.#tell();
    const done = { sha256: this.#hash.digest('hex'), files: this.#paths.size };
    await this.#given.send(encodeJson('done', done));
    return done;
  }

  #mayOpen(path: string, signal: AbortSignal): void {
    signal.throwIfAborted();
    const { files } = this.#given.limits;
    if (this.#open !== undefined) throw new Error(`${path} was begun while ${this.#open} was open`);
    if (this.#paths.has(path)) throw new Error(`${path} was sent before`);
    if (this.#paths.size >= files) throw new Error(`${path} is left out: the limit are ${files} files`);
  }

  async #content({ path, collector }: FileHead, content: Content, signal: AbortSignal): Promise<FileEnd> {
    const { recipients, limits } = this.#given;
    const plain = limited(asynchronous(content), { room: limits.bytes - this.#bytes, signal });
    let ends: { stored: Digest; plain?: Digest };
    if (recipients.length > 0) {
      const { ciphertext, digests } = encrypt(recipients, plain.content);
      await this.#send(ciphertext);
      ends = digests();
    } else {
      const { content: stored, digest } = hashed(plain.content);
      await this.#send(stored);
      ends = { stored: digest() };
    }
    const { size, cut, failure } = plain.ending();
    this.#bytes += size;
    if (cut) this.problem(collector, `${path} is cut after ${size} bytes: the whole capture is at its limit`);
    const truncated = cut || failure !== undefined;
    const end = { ...ends.stored, ...(ends.plain && { plain: ends.plain }), truncated };
    await this.#tell();
    await this.#sendHashed(encodeJson('end', end));
    if (failure !== undefined)
      throw failure instanceof Error ? failure : new Error(`${path} failed`, { cause: failure });
    return end;
  }

  async #send(content: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const piece of content)
      for (let at = 0; at < piece.length; at += MAX_DATA)
        await this.#given.send(encodeFrame('data', piece.subarray(at, at + MAX_DATA)));
  }

  async #tell(): Promise<void> {
    const frames = this.#untold;
    this.#untold = [];
    for (const frame of frames) await this.#sendHashed(frame);
  }

  async #sendHashed(frame: Buffer): Promise<void> {
    this.#hash.update(frame);
    await this.#given.send(frame);
  }
}

async function* asynchronous(content: Content): AsyncGenerator<Uint8Array> {
  yield* content;
}
