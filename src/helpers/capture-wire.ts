// How evidence goes from a node to the responder: frames on one TLS connection that both ends open with the same one-time key.
import { constants, createHash, type Hash } from 'node:crypto';
import { z } from 'zod';
import type { CaptureOrder } from './capture-order.ts';

/** Port on which a capture pod listens. The NetworkPolicy in config/components/helpers lets the responder reach it. */
export const CAPTURE_PORT = 7071;
/** Bytes of the key. */
export const KEY_BYTES = 32;
/** Name under which both ends know the key; it says nothing. */
export const KEY_IDENTITY = 'die-operator';

/**
 * The only ways of TLS that are spoken: the key proves both ends to each other, and what was sent cannot be read by somebody
 * who learns it later (ECDHE). TLS 1.3 is not offered since Node.js has pre-shared keys for 1.2 only.
 */
export const TLS_OPTIONS = {
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  // Neither a second handshake on a connection nor a ticket that would open another one.
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
} as const;

/** First word of the reader, and its only one: how many milliseconds it waits for all of it, as a number of 32 bits. */
export const START_BYTES = 4;

/** Kinds of frames. `beat` is empty: nothing else was to be sent for a while, and the node is alive. */
export const FRAME_TYPES = { head: 1, data: 2, end: 3, problem: 4, done: 5, beat: 6 } as const;
/** See {@link FRAME_TYPES}. */
export type FrameType = keyof typeof FRAME_TYPES;

/** Bytes of content in one frame at the most. */
export const MAX_DATA = 64 * 1024;
/** Bytes of JSON in one frame at the most. */
export const MAX_JSON = 16 * 1024;
/** How often a node that has nothing to send says that it is alive, and without a byte for how long it counts as lost. */
export const BEAT_MS = 5_000;
/** See {@link BEAT_MS}. Collectors that work without a pause are silent meanwhile. */
export const SILENCE_MS = 45_000;
/** Problems that one capture may tell; the node counts the others. */
export const MAX_PROBLEMS = 512;
/** Characters of one. */
export const MAX_PROBLEM = 1024;

const HEADER = 5;
/** What records (processes, changes of files) may take besides contents. */
const RECORD_BYTES = 128 * 1024 * 1024;
const RECORD_FILES = 1_024;

/** What is told of something that is missing. */
export const ProblemSchema = z.strictObject({
  collector: z.string().min(1).max(63),
  message: z.string().max(MAX_PROBLEM),
});

/** The last frame. */
export const DoneSchema = z.strictObject({
  /** Over all frames of heads, ends and problems; the ends hold the hashes of contents. See {@link transcript}. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  files: z.int().min(0),
});
/** See {@link DoneSchema}. */
export type CaptureDone = z.output<typeof DoneSchema>;

/** A frame as it came. */
export interface Frame {
  type: FrameType;
  payload: Buffer;
}

/** Why what came is not taken, or no more comes. */
export class CaptureWireError extends Error {
  /** `Broken`: the connection ended. `Malformed`: what came is none of ours. `Mismatch`: it is, and a hash differs. */
  readonly reason: 'Broken' | 'Malformed' | 'Mismatch' | 'Limit';

  constructor(reason: CaptureWireError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CaptureWireError';
    this.reason = reason;
  }
}

/** A frame as it is sent: length of the payload (32 bits), type (8 bits), payload. */
export function encodeFrame(type: FrameType, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt32BE(payload.length);
  header.writeUInt8(FRAME_TYPES[type], 4);
  return Buffer.concat([header, payload]);
}

/** A frame whose payload is JSON. @throws Error if it is larger than a reader takes, which is a defect. */
export function encodeJson(type: FrameType, value: unknown): Buffer {
  const payload = Buffer.from(JSON.stringify(value));
  if (payload.length > MAX_JSON) throw new Error(`a frame ${type} of ${payload.length} bytes is too large`);
  return encodeFrame(type, payload);
}

/** Cuts bytes, in whatever pieces they come, into frames. @throws CaptureWireError */
export async function* decodeFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  const pieces = new Pieces();
  for await (const bytes of source) {
    pieces.add(bytes);
    yield* whole(pieces);
  }
  if (pieces.length > 0) throw new CaptureWireError('Broken', 'the connection ended within a frame');
}

function* whole(pieces: Pieces): Generator<Frame> {
  while (pieces.length >= HEADER) {
    const header = pieces.peek(HEADER);
    const type = typeOf(header.readUInt8(4));
    const size = header.readUInt32BE();
    if (size > maxOf(type)) throw new CaptureWireError('Malformed', `a frame ${type} of ${size} bytes came`);
    if (pieces.length < HEADER + size) return;
    yield { type, payload: pieces.take(HEADER + size).subarray(HEADER) };
  }
}

function typeOf(code: number): FrameType {
  const found = Object.entries(FRAME_TYPES).find(([, one]) => one === code);
  if (!found) throw new CaptureWireError('Malformed', `a frame of the unknown type ${code} came`);
  return found[0] as FrameType;
}

function maxOf(type: FrameType): number {
  if (type === 'data') return MAX_DATA;
  return type === 'beat' ? 0 : MAX_JSON;
}

/** Bytes that came and were not taken yet; at most one frame and what came along with its end. */
class Pieces {
  length = 0;
  #pieces: Uint8Array[] = [];

  add(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.length += bytes.length;
  }

  peek(size: number): Buffer {
    return this.#joined().subarray(0, size);
  }

  take(size: number): Buffer {
    const all = this.#joined();
    this.#pieces = [all.subarray(size)];
    this.length -= size;
    return all.subarray(0, size);
  }

  #joined(): Buffer {
    const [first] = this.#pieces;
    if (this.#pieces.length === 1 && Buffer.isBuffer(first)) return first;
    const all = Buffer.concat(this.#pieces);
    this.#pieces = [all];
    return all;
  }
}

/** A hash over frames, type and length included: what an end says that it sent and what the other one took compare by it. */
export function transcript(): Hash {
  return createHash('sha256').update('die-operator capture 1\n');
}

/** What a reader takes, and a node sends, at the most. */
export interface WireLimits {
  files: number;
  /** Of all files, as they are read. */
  bytes: number;
}

/** What follows from an order. Collectors keep to it by themselves; this holds when they do not. */
export function wireLimits({ limits }: Pick<CaptureOrder, 'limits'>): WireLimits {
  return { files: limits.maxEntries + RECORD_FILES, bytes: limits.maxBytes + RECORD_BYTES };
}

/** Bytes that encryption makes of so many: a header for each recipient, and a tag on each 64 KiB. */
export function sentBytes(plain: number, files: number): number {
  return plain + Math.ceil(plain / 1024) + files * 16 * 1024;
}
