// A file on its way into a bundle: what is stored of it, and what can be said of it afterwards.
import { hashed, limited, once, type Digest, type Ending } from './content.ts';
import { encrypt, encryptedOnly } from './encrypt.ts';
import { messageOf } from './error-message.ts';

/** What is known of content that arrives encrypted, once it is there. */
export interface SealedEnd {
  /** Of what was read, before it was encrypted. */
  plain?: Digest;
  /** There was more than was read. */
  truncated: boolean;
}

/** The part of a `BundleFile` that is about its content. */
export interface IncomingContent {
  content: Uint8Array | string | AsyncIterable<Uint8Array>;
  sealed?: () => SealedEnd;
  signal?: AbortSignal;
  truncated?: boolean;
}

/** What a bundle has for it. */
export interface IntakeOptions {
  /** Bytes before encryption that may be kept. */
  room: number;
  recipients: readonly string[];
}

/** What became of content. */
export interface Taken {
  stored: Digest;
  /** Before it was encrypted, where that is known. */
  plain?: Digest;
  truncated: boolean;
  /** Bytes that count against the limit. */
  counted: number;
  /** More than there is room for. */
  beyondLimit: boolean;
  /** Why the rest did not come. */
  failure?: string;
}

/** See the file's first line. */
export interface Intake {
  /** What is to be stored; never fails. */
  content: AsyncIterable<Uint8Array>;
  /** Once the content was read to its end. */
  taken: () => Taken;
  /** Ends the source, whether it was read or not. */
  release: () => void;
}

// What age adds: a header for up to 8 recipients, and 16 bytes to each 64 KiB.
const SEALED_HEADER = 32 * 1024;
const SEALED_SHARE = 2048;

/** See the file's first line. */
export function intakeOf(file: IncomingContent, options: IntakeOptions): Intake {
  return file.sealed ? sealedIntake(file, file.sealed, options) : openIntake(file, options);
}

/** Content as it was read: hashed here, and encrypted here if there is anybody to encrypt to. */
function openIntake(file: IncomingContent, { room, recipients }: IntakeOptions): Intake {
  const { content, ending, release } = limited(streamOf(file.content), { room, signal: file.signal });
  const about = (stored: Digest, plain?: Digest): Taken => {
    const { size, cut } = ending();
    const failure = failureOf(ending());
    const truncated = cut || failure !== undefined || (file.truncated ?? false);
    return { ...takenOf(stored, plain, failure), truncated, counted: size, beyondLimit: cut };
  };
  if (recipients.length === 0) {
    const plain = hashed(content);
    return { content: plain.content, taken: () => about(plain.digest()), release };
  }
  const { ciphertext, digests } = encrypt(recipients, content);
  return { content: ciphertext, taken: () => about(digests().stored, digests().plain), release };
}

/** Content that was made ready on the node: stored as it comes. */
function sealedIntake(
  file: IncomingContent,
  sealed: () => SealedEnd,
  { room, recipients }: IntakeOptions,
): Intake {
  const isEncrypted = recipients.length > 0;
  const source = isEncrypted ? encryptedOnly(streamOf(file.content)) : streamOf(file.content);
  const wireRoom = isEncrypted ? room + SEALED_HEADER + Math.ceil(room / SEALED_SHARE) : room;
  const { content, ending, release } = limited(source, { room: wireRoom, signal: file.signal });
  const { content: stored, digest } = hashed(content);
  const taken = (): Taken => {
    const { size, cut } = ending();
    const end = cut || 'failure' in ending() ? undefined : endOf(sealed);
    const failure = failureOf(ending()) ?? end?.failure;
    const { plain } = end ?? {};
    const truncated = end?.truncated ?? true;
    return {
      ...takenOf(digest(), isEncrypted ? plain : undefined, failure),
      truncated,
      counted: Math.max(plain?.size ?? size, size - SEALED_HEADER - Math.ceil(size / SEALED_SHARE)),
      beyondLimit: cut,
    };
  };
  return { content: stored, taken, release };
}

function takenOf(stored: Digest, plain: Digest | undefined, failure: string | undefined) {
  return { stored, ...(plain && { plain }), ...(failure !== undefined && { failure }) };
}

function failureOf(ending: Ending): string | undefined {
  return 'failure' in ending ? messageOf(ending.failure) : undefined;
}

function endOf(sealed: () => SealedEnd): SealedEnd & { failure?: string } {
  try {
    return sealed();
  } catch (error) {
    return { truncated: true, failure: messageOf(error) };
  }
}

function streamOf(content: IncomingContent['content']): AsyncIterable<Uint8Array> {
  if (typeof content === 'string') return once(Buffer.from(content));
  return content instanceof Uint8Array ? once(content) : content;
}
