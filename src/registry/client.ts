// Reads image documents from registries (OCI distribution, "Pulling manifests") by digest only, so that whatever a registry
// says is checked against the digest that was asked for.
import { createHash } from 'node:crypto';
import type { Dispatcher } from 'undici';
import { INDEX_TYPES, MANIFEST_TYPES } from '../decide/digest-set.ts';
import { deadline, type Clock } from '../kube/clock.ts';
import type { Credentials } from './credentials.ts';
import { RegistryError } from './errors.ts';
import { mayAsk, placeOf, type Place } from './places.ts';
import { ask, type Answer } from './request.ts';

/** A document whose bytes have the digest. */
export interface Manifest {
  text: string;
  mediaType: string;
}

/** Reads the document with a digest. @throws RegistryError; whatever a connection says */
export type ReadManifest = (repository: string, digest: string, signal: AbortSignal) => Promise<Manifest>;

/** What {@link createRegistryClient} needs. */
export interface RegistryOptions {
  clock: Clock;
  dispatcher: Dispatcher;
  /** Hosts that may be asked, as images name them. */
  allowed: ReadonlySet<string>;
  credentials: Credentials;
}

/** As registries have to take (OCI distribution 1.1). */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const MAX_TOKEN_BYTES = 64 * 1024;
const MAX_TOKEN = 16_384;
/** For a document with its token, in milliseconds. */
const TIMEOUT_MS = 10_000;
const MAX_TOKENS_KEPT = 64;
const ACCEPT = [...INDEX_TYPES, ...MANIFEST_TYPES].join(', ');
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const CHALLENGE = /^Bearer\s+(.*)$/is;
const PARAMETER = /([a-z]+)="([^"]{0,1024})"/gi;

/** See the file's first line. */
export function createRegistryClient(options: RegistryOptions): ReadManifest {
  const { clock, allowed } = options;
  // By repository; a token that a registry does not take any more is asked for anew.
  const tokens = new Map<string, string>();
  return async (repository, digest, parent) => {
    if (!DIGEST.test(digest)) throw new RegistryError('NotAllowed', 'its digest is none of SHA-256');
    const place = placeOf(repository, allowed);
    const { signal, done } = deadline(clock, TIMEOUT_MS, parent);
    try {
      const read = (authorization?: string) => readOnce(options, place, { digest, authorization, signal });
      let answer = await read(tokens.get(repository));
      if (answer.status === 401) {
        const authorization = await authorize(options, place, answer, signal);
        if (tokens.size >= MAX_TOKENS_KEPT) tokens.clear();
        tokens.set(repository, authorization);
        answer = await read(authorization);
      }
      return checked(answer, digest);
    } finally {
      done();
    }
  };
}

async function readOnce(
  { dispatcher, allowed }: RegistryOptions,
  { origin, path }: Place,
  { digest, ...rest }: { digest: string; authorization?: string | undefined; signal: AbortSignal },
): Promise<Answer> {
  const url = new URL(`${origin}/v2/${path}/manifests/${digest}`);
  return ask(dispatcher, { url, headers: { accept: ACCEPT }, limit: MAX_MANIFEST_BYTES, allowed, ...rest });
}

function checked({ status, bytes, header }: Answer, digest: string): Manifest {
  if (status === 404) throw new RegistryError('NotFound', 'it has no manifest with that digest');
  if (status === 401 || status === 403) throw new RegistryError('Denied', `it answers ${status}`);
  if (status !== 200) throw new RegistryError('Answer', `it answers ${status}`);
  const found = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  if (found !== digest) throw new RegistryError('WrongBytes', 'what it sends has another digest');
  const [mediaType = ''] = (header('content-type') ?? '').split(';', 1);
  return { text: bytes.toString('utf8'), mediaType: mediaType.trim() };
}

/** The header for a second try. */
async function authorize(
  { dispatcher, allowed, credentials }: RegistryOptions,
  { host, path }: Place,
  { header }: Answer,
  signal: AbortSignal,
): Promise<string> {
  const challenge = header('www-authenticate') ?? '';
  const basic = await credentials(host);
  const [, told] = CHALLENGE.exec(challenge) ?? [];
  if (told === undefined) {
    if (basic === undefined) throw new RegistryError('Denied', 'it wants credentials, and there are none');
    return basic;
  }
  const { realm = '', service } = Object.fromEntries(
    [...told.matchAll(PARAMETER)].map(([, name = '', value = '']) => [name.toLowerCase(), value]),
  ) as Partial<Record<string, string>>;
  if (!URL.canParse(realm)) throw new RegistryError('Answer', 'it says nowhere to get a token from');
  const url = mayAsk(new URL(realm), allowed);
  if (service !== undefined) url.searchParams.set('service', service);
  // What is asked for is ours to say, not the registry's.
  url.searchParams.set('scope', `repository:${path}:pull`);
  const limit = MAX_TOKEN_BYTES;
  const answer = await ask(dispatcher, { url, headers: {}, authorization: basic, limit, allowed, signal });
  if (answer.status !== 200) throw new RegistryError('Denied', `it gives no token: ${answer.status}`);
  return `Bearer ${tokenIn(answer.bytes.toString('utf8'))}`;
}

function tokenIn(text: string): string {
  const { token, access_token: other } = objectIn(text);
  const found = token ?? other;
  // A header takes no more.
  if (typeof found === 'string' && found.length <= MAX_TOKEN && /^[!-~]+$/.test(found)) return found;
  throw new RegistryError('Answer', 'it gives no token that can be used');
}

function objectIn(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
