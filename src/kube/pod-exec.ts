// Runs a command in a container and takes what it prints, over a WebSocket in the form that Kubernetes calls v5.channel.k8s.io:
// the first byte of each message says which stream it is of.
import { Agent, WebSocket, type ErrorEvent, type MessageEvent } from 'undici';
import { isSuccess, readError } from './answer.ts';
import { deadline, type Clock } from './clock.ts';
import type { Connection, Credentials } from './connection.ts';
import { PODS, resourcePath } from './resources.ts';
import { cleanText } from './text.ts';
import type { Transport } from './transport.ts';

/** Where, and what. */
export interface ExecAsked {
  namespace: string;
  pod: string;
  container: string;
  /** The program and its arguments; no shell. */
  command: readonly string[];
}

/** What a command may take. */
export interface ExecLimits {
  withinMs: number;
  /** Of each stream. */
  maxBytes: number;
  signal: AbortSignal;
}

/** What a stream gave. */
export interface ExecStream {
  bytes: Uint8Array;
  /** There was more, or the command was given up before it ended. */
  truncated: boolean;
}

/** What became of a command. All of it is under the control of whoever controls the container. */
export interface ExecOutcome {
  stdout: ExecStream;
  stderr: ExecStream;
  /** Absent: it did not end by itself. */
  exitCode?: number;
  /** Why there is not everything, or it did not run, for people. */
  problem?: string;
}

/** Runs commands in containers. */
export interface PodExec {
  /** Never rejects: what went wrong is in the outcome. */
  run(asked: ExecAsked, limits: ExecLimits): Promise<ExecOutcome>;
}

/** What {@link createPodExec} is made of. */
export interface PodExecGiven {
  connection: Connection;
  /** To the same API server: asked why a command may not run, which a WebSocket does not tell. */
  transport: Transport;
  clock: Clock;
}

/** v5 differs from v4 in what is sent to a command, which is nothing. */
const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const STDOUT = 1;
const STDERR = 2;
const STATUS = 3;
const MAX_STATUS = 16 * 1024;
const MAX_WORDS = 512;
/** What an API server says to a request that should be a WebSocket and is none. */
const NO_UPGRADE = 400;
const CONNECT_TIMEOUT_MS = 10_000;

/** See the file's first line. */
export function createPodExec({ connection, transport, clock }: PodExecGiven): PodExec {
  return {
    run: async (asked, limits) => {
      const session = new Session(limits.maxBytes);
      const limit = deadline(clock, limits.withinMs, limits.signal);
      try {
        const credentials = await connection.credentials();
        await session.run(connection, { asked, credentials, signal: limit.signal });
        if (!session.hasOpened && !limit.signal.aborted)
          session.fail(await refusal(transport, asked, limit.signal));
      } catch (error) {
        session.fail(error instanceof Error ? error.message : String(error));
      } finally {
        limit.done();
      }
      return session.outcome();
    },
  };
}

interface Opening {
  asked: ExecAsked;
  credentials: Credentials;
  signal: AbortSignal;
}

/** Bytes of one stream, up to a limit. */
class Kept {
  readonly #pieces: Uint8Array[] = [];
  readonly #max: number;
  #size = 0;
  isFull = false;

  constructor(max: number) {
    this.#max = max;
  }

  add(bytes: Uint8Array): void {
    const kept = bytes.subarray(0, this.#max - this.#size);
    // A copy: what it is a part of would be held otherwise.
    if (kept.length > 0) this.#pieces.push(Uint8Array.from(kept));
    this.#size += kept.length;
    this.isFull ||= kept.length < bytes.length;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#pieces);
  }
}

class Session {
  readonly #stdout: Kept;
  readonly #stderr: Kept;
  readonly #status = new Kept(MAX_STATUS);
  #problem: string | undefined;
  /** There was a connection, so the command may have run. */
  hasOpened = false;

  constructor(maxBytes: number) {
    this.#stdout = new Kept(maxBytes);
    this.#stderr = new Kept(maxBytes);
  }

  async run({ server, proxyUrl }: Connection, { asked, credentials, signal }: Opening): Promise<void> {
    if (proxyUrl !== undefined) return this.fail('commands are not run through a proxy');
    signal.throwIfAborted();
    const agent = new Agent({
      allowH2: false,
      connections: 1,
      connect: { ...credentials.tls, timeout: CONNECT_TIMEOUT_MS },
    });
    const socket = new WebSocket(`${server.replace(/^http/, 'ws').replace(/\/+$/, '')}${pathOf(asked)}`, {
      protocols: PROTOCOLS,
      dispatcher: agent,
      headers: { ...credentials.headers },
    });
    socket.binaryType = 'arraybuffer';
    const ended = Promise.withResolvers<undefined>();
    const giveUp = () => {
      this.fail(`given up: ${cleanText((signal.reason as Error).message, MAX_WORDS)}`);
      ended.resolve(undefined);
    };
    signal.addEventListener('abort', giveUp, { once: true });
    socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      this.#take(data);
      if (this.#isOver()) ended.resolve(undefined);
    });
    socket.addEventListener('open', () => (this.hasOpened = true));
    socket.addEventListener('error', ({ error, message }: ErrorEvent) => {
      if (this.hasOpened) this.fail(error instanceof Error ? error.message : message);
      ended.resolve(undefined);
    });
    socket.addEventListener('close', () => ended.resolve(undefined));
    try {
      await ended.promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
      // Also where the other end does not say good-bye.
      await agent.destroy();
    }
  }

  /** The first reason counts. */
  fail(why: string): void {
    this.#problem ??= cleanText(why, MAX_WORDS);
  }

  outcome(): ExecOutcome {
    const end = this.#end();
    const cut = end === undefined;
    const problem =
      this.#problem ?? end?.problem ?? (cut ? 'the connection ended before the command' : undefined);
    return {
      stdout: { bytes: this.#stdout.bytes(), truncated: cut || this.#stdout.isFull },
      stderr: { bytes: this.#stderr.bytes(), truncated: cut || this.#stderr.isFull },
      ...(end?.exitCode !== undefined && { exitCode: end.exitCode }),
      ...(problem !== undefined && { problem }),
    };
  }

  #take(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) return this.fail('a message came that is none of Kubernetes');
    const [stream, bytes] = [new Uint8Array(data)[0], new Uint8Array(data).subarray(1)];
    if (stream === STDOUT) this.#stdout.add(bytes);
    else if (stream === STDERR) this.#stderr.add(bytes);
    else if (stream === STATUS) this.#status.add(bytes);
  }

  /** Nothing more is wanted: it has ended, or one stream is full, which may go on for ever. */
  #isOver(): boolean {
    if (this.#stdout.isFull || this.#stderr.isFull) this.fail('it printed more than is kept');
    return this.#problem !== undefined || this.#status.bytes().length > 0;
  }

  #end(): { exitCode?: number; problem?: string } | undefined {
    const bytes = this.#status.bytes();
    return bytes.length === 0 ? undefined : endOf(Buffer.from(bytes).toString('utf8'));
  }
}

/** Reads the `Status` that comes last. Of a command that ended with an error it has the exit code. */
function endOf(text: string): { exitCode?: number; problem?: string } {
  try {
    const value = JSON.parse(text) as {
      status?: unknown;
      message?: unknown;
      details?: { causes?: { reason?: unknown; message?: unknown }[] };
    };
    if (value.status === 'Success') return { exitCode: 0 };
    const cause = value.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
    const exitCode = Number(cause);
    if (typeof cause === 'string' && Number.isInteger(exitCode)) return { exitCode };
    return { problem: cleanText(`it could not be run: ${String(value.message)}`, MAX_WORDS) };
  } catch {
    return { problem: 'how it ended cannot be read' };
  }
}

function pathOf({ namespace, pod, container, command }: ExecAsked): string {
  const path = resourcePath(PODS, { namespace, name: pod, subresource: 'exec' });
  const query = new URLSearchParams([
    ['container', container],
    ['stdout', 'true'],
    ['stderr', 'true'],
    ...command.map((part) => ['command', part]),
  ]);
  return `${path}?${query.toString()}`;
}

/** The same request without a WebSocket: it is authorized and admitted as that was, and runs nothing. */
async function refusal(transport: Transport, asked: ExecAsked, signal: AbortSignal): Promise<string> {
  const { namespace, pod } = asked;
  const request = { method: 'GET', path: pathOf(asked), headers: {}, streaming: false, signal } as const;
  const response = await transport(request);
  if (isSuccess(response) || response.status === NO_UPGRADE)
    return 'the way to the API server lets no WebSocket through';
  return (await readError(`exec in pod ${namespace}/${pod}`, response, signal)).message;
}
