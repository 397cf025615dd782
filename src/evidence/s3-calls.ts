// One call of S3: its deadline, its second try, and its error in words.
import type { S3, S3ClientConfig } from '@aws-sdk/client-s3';
import { deadline, sleep, type Clock, type Random } from '../kube/clock.ts';
import { explainS3Error, isPassing } from './s3-errors.ts';
import { loadS3 } from './s3-library.ts';

/** How the server is reached. */
export interface S3Connection {
  /** Absent: AWS. */
  endpoint?: string;
  region: string;
  /** The bucket's name in the path and not in the host's name, as most servers but AWS want it. */
  forcePathStyle?: boolean;
  /** Absent: the SDK's default chain (web identity, environment, the node's role). */
  credentials?: NonNullable<S3ClientConfig['credentials']>;
  /** For tests: what sends the requests. */
  requestHandler?: NonNullable<S3ClientConfig['requestHandler']>;
}

/** Longest time of a call with all its tries, in milliseconds. */
export interface S3Timeouts {
  /** Default 15 s. */
  callMs?: number;
  /** Of a call that sends up to 8 MiB. Default 60 s. */
  partMs?: number;
}

/** What {@link createS3Calls} needs. */
export interface S3CallOptions {
  connection: S3Connection;
  clock: Clock;
  random: Random;
  timeouts?: S3Timeouts;
}

/** What a call is about and how long it may take. */
export interface S3About {
  /** `s3://` URL, for the error. */
  path: string;
  signal?: AbortSignal | undefined;
  /** It sends or reads up to 8 MiB. */
  large?: boolean;
}

/** Runs the work with a client; it must pass the signal on. May run it again after an error that passes. */
export type S3Calls = <T>(
  about: S3About,
  work: (s3: S3, options: { abortSignal: AbortSignal }) => Promise<T>,
) => Promise<T>;

const CALL_MS = 15_000;
const PART_MS = 60_000;
const CONNECT_MS = 5_000;
const TRIES = 3;
const FIRST_WAIT_MS = 250;

/**
 * Calls over one client, which is made at the first of them. A call is tried three times within its deadline, so the
 * work must be one that can be done again. Rejects with an `EvidenceStoreError`, or with the reason of the caller's
 * signal once that has fired.
 */
export function createS3Calls({ connection, clock, random, timeouts = {} }: S3CallOptions): S3Calls {
  let client: Promise<S3> | undefined;
  const connected = () => (client ??= connect(connection));
  return async (about, work) => {
    const ms = about.large ? (timeouts.partMs ?? PART_MS) : (timeouts.callMs ?? CALL_MS);
    const limit = deadline(clock, ms, about.signal);
    const once = (signal: AbortSignal) => connected().then((s3) => work(s3, { abortSignal: signal }));
    try {
      return await severalTimes({ clock, random, ms, signal: limit.signal }, once);
    } catch (error) {
      about.signal?.throwIfAborted();
      throw explainS3Error(error, about.path);
    } finally {
      limit.done();
    }
  };
}

interface Trying {
  clock: Clock;
  random: Random;
  /** For all tries; one has half of it, so that a connection that fell silent is left for another. */
  ms: number;
  signal: AbortSignal;
}

async function severalTimes<T>(trying: Trying, once: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, random, signal } = trying;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tryOnce(trying, once);
    } catch (error) {
      if (attempt === TRIES || signal.aborted || !isPassing(error)) throw error;
      await sleep(clock, FIRST_WAIT_MS * 3 ** (attempt - 1) * (0.5 + random()), signal);
      signal.throwIfAborted();
    }
  }
}

/** One try. It ends when its time is over, even if the library does not notice. */
async function tryOnce<T>(
  { clock, ms, signal }: Trying,
  once: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = deadline(clock, ms / 2, signal);
  try {
    return await Promise.race([once(limit.signal), rejectOn(limit.signal)]);
  } catch (error) {
    // Which of the two noticed first does not matter: the reason is that of the signal.
    limit.signal.throwIfAborted();
    throw error;
  } finally {
    limit.done();
  }
}

async function connect(connection: S3Connection): Promise<S3> {
  const { S3 } = await loadS3();
  return new S3({
    requestHandler: { connectionTimeout: CONNECT_MS },
    ...connection,
    // The tries are counted here, by a clock that tests own.
    maxAttempts: 1,
    // Checksums are SHA-256 and made by us; servers other than AWS refuse the ones that the SDK adds by itself.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}
