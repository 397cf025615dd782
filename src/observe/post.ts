// Posts JSON to a server that is not of Kubernetes: one request over a connection of its own, within limits.
import { readFile } from 'node:fs/promises';
import { Agent } from 'undici';
import { OPERATOR_NAME } from '../api/names.ts';
import { readUpTo } from '../kube/body.ts';
import { deadline, type Clock } from '../kube/clock.ts';
import { cleanText } from '../kube/text.ts';

/** What a request shows and trusts; all absent: no token, and the CAs of this machine. */
export interface PostAccess {
  /** Sent as `Authorization: Bearer`. */
  bearer?: string;
  /** Certificates of the CAs that are trusted in place of the machine's (PEM). */
  ca?: string;
  /** Client certificate, and its private key (PEM). */
  cert?: string;
  key?: string;
}

/** Files that {@link PostAccess} is read from. */
export interface PostFiles {
  tokenFile?: string | undefined;
  caFile?: string | undefined;
  certFile?: string | undefined;
  keyFile?: string | undefined;
}

/** How {@link postJson} posts. */
export interface PostOptions extends PostAccess {
  clock: Clock;
  /** Milliseconds for connecting, sending and reading the answer together. */
  timeoutMs: number;
  /** Ends it before. */
  signal?: AbortSignal | undefined;
}

/** What the server answered, whatever the status is: redirects are not followed. */
export interface PostAnswer {
  status: number;
  /** What `Retry-After` asks for, in milliseconds; undefined: nothing that can be read. */
  retryAfterMs: number | undefined;
  /** The first 2 KiB of the answer: foreign text. */
  text: string;
}

/** Posts a body of JSON and resolves to the answer. */
export type Post = (body: string, signal?: AbortSignal) => Promise<PostAnswer>;

/** Of an answer no more than this is read. */
const MAX_ANSWER_BYTES = 2_048;
const MAX_HEADER_BYTES = 16_384;
const MAX_WHY_BYTES = 256;
const HTTP_DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT$/;
// As for tokens of the webhook: visible ASCII.
const TOKEN = /^[\x21-\x7e]{1,4096}$/;

const WHY: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: no server listens there',
  ECONNRESET: 'the server broke the connection off',
  UND_ERR_SOCKET: 'the server broke the connection off',
  ENOTFOUND: 'no such host name',
  EAI_AGAIN: 'the host name could not be looked up now',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the host cannot be reached',
  UND_ERR_HEADERS_OVERFLOW: 'the headers of the answer are too large',
};

/** There was no answer that could be read. The message is a clause for people and tells no secret. */
export class PostError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PostError';
  }
}

/**
 * Posts `body` (JSON text) to `url` (http or https, without credentials in it).
 * @throws PostError if the server cannot be reached, is not trusted, or does not answer in time.
 */
export async function postJson(url: URL, body: string, options: PostOptions): Promise<PostAnswer> {
  const { clock, timeoutMs, bearer, signal: parent } = options;
  const { signal, done } = deadline(clock, timeoutMs, parent);
  // A connection of its own: none that broke unseen is used again, and renewed certificates count at once.
  let agent: Agent | undefined;
  try {
    signal.throwIfAborted();
    agent = new Agent({ connections: 1, maxHeaderSize: MAX_HEADER_BYTES, connect: connectOf(options) });
    const answer = await agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: 'POST',
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'user-agent': OPERATOR_NAME,
        'accept-encoding': 'identity',
        ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
      },
      body,
      signal,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const { bytes } = await readUpTo(answer.body, MAX_ANSWER_BYTES, signal);
    return {
      status: answer.statusCode,
      retryAfterMs: retryAfterMs(answer.headers['retry-after'], clock),
      text: Buffer.from(bytes).toString('utf8'),
    };
  } catch (error) {
    throw new PostError(whyOf(signal.aborted ? signal.reason : error), { cause: error });
  } finally {
    done();
    await agent?.destroy();
  }
}

/**
 * Reads the files that are named; to be done for each request, as they are renewed.
 * @throws PostError that names the file; it never quotes one.
 */
export async function readAccess(files: PostFiles): Promise<PostAccess> {
  const { tokenFile, caFile, certFile, keyFile } = files;
  const paths = { bearer: tokenFile, ca: caFile, cert: certFile, key: keyFile };
  const texts = await Promise.all(
    Object.entries(paths).map(async ([name, path]) => path !== undefined && [name, await textOf(path)]),
  );
  const access = Object.fromEntries(texts.filter((entry) => entry !== false)) as PostAccess;
  if (access.bearer === undefined) return access;
  const bearer = access.bearer.trim();
  if (!TOKEN.test(bearer))
    throw new PostError(`${tokenFile} must hold one token of visible ASCII and nothing else`);
  return { ...access, bearer };
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new PostError(`${path} cannot be read (${code ?? 'no reason given'})`, { cause: error });
  }
}

function connectOf({ timeoutMs, ca, cert, key }: PostOptions) {
  return {
    timeout: timeoutMs,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

// RFC 9110, 10.2.3: seconds, or a date.
function retryAfterMs(header: string | string[] | undefined, clock: Clock): number | undefined {
  const text = String(header ?? '').trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const at = HTTP_DATE.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - clock.now());
}

// A host with several addresses fails with an error for each.
function whyOf(error: unknown): string {
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
  if (!(first instanceof Error)) return 'it failed for no reason that is known';
  const { code } = first as NodeJS.ErrnoException;
  return WHY[code ?? ''] ?? cleanText(first.message || (code ?? first.name), MAX_WHY_BYTES);
}
