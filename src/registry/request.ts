// One request to a registry, with limits of size and number of redirects; time is limited by the signal.
import { Agent, type Dispatcher } from 'undici';
import { RegistryError } from './errors.ts';
import { mayAsk } from './places.ts';

/** An answer, read whole. */
export interface Answer {
  status: number;
  header: (name: string) => string | undefined;
  bytes: Buffer;
}

/** What {@link ask} takes. */
export interface Ask {
  url: URL;
  headers: Readonly<Record<string, string>>;
  /** Sent to that host and to no other one. */
  authorization?: string | undefined;
  /** Bytes. */
  limit: number;
  /** Hosts that may be asked. */
  allowed: ReadonlySet<string>;
  signal: AbortSignal;
}

const MAX_REDIRECTS = 3;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const CONNECT_TIMEOUT_MS = 5_000;

/** Connections of a client. */
export function createConnections(): Agent {
  return new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS }, connections: 4, maxHeaderSize: 32_768 });
}

/** @throws RegistryError, and whatever the connection says. */
export async function ask(dispatcher: Dispatcher, asked: Ask): Promise<Answer> {
  const first = asked.url.origin;
  let url = asked.url;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const { authorization } = asked;
    const credentials = authorization !== undefined && url.origin === first ? { authorization } : {};
    const answer = await once(dispatcher, { ...asked, url, headers: { ...asked.headers, ...credentials } });
    const location = REDIRECTS.has(answer.status) ? answer.header('location') : undefined;
    if (location === undefined) return answer;
    if (!URL.canParse(location, url)) throw new RegistryError('Answer', 'it redirects to no address');
    url = mayAsk(new URL(location, url), asked.allowed);
  }
  throw new RegistryError('Answer', `it redirects more than ${MAX_REDIRECTS} times`);
}

async function once(dispatcher: Dispatcher, { url, headers, limit, signal }: Ask): Promise<Answer> {
  const answer = await dispatcher.request({
    origin: url.origin,
    path: url.pathname + url.search,
    method: 'GET',
    headers: { ...headers, 'accept-encoding': 'identity' },
    signal,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const header = (name: string) => {
    const value = answer.headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    size += chunk.length;
    // To leave the loop closes the connection.
    if (size > limit) throw new RegistryError('TooLarge', `it answers with more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return { status: answer.statusCode, header, bytes: Buffer.concat(chunks) };
}
