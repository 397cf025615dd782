// A thin client of one endpoint of kubelets: the checkpoint of a container. Each request is a connection of its own, to a
// node whose certificate is verified, with a token that is good for nothing else.
import { readUpTo } from './body.ts';
import { deadline, type Clock } from './clock.ts';
import type { Connection } from './connection.ts';
import { cleanText } from './text.ts';
import type { HttpResponse, Transport } from './transport.ts';

/** Port of kubelets, unless a node says otherwise. */
export const KUBELET_PORT = 10_250;

/** A kubelet. */
export interface KubeletAddress {
  /** Name of its node. */
  node: string;
  /** IP address of its node. */
  host: string;
  port: number;
}

/** A container to checkpoint. */
export interface CheckpointAsked {
  namespace: string;
  pod: string;
  container: string;
}

/** What {@link Kubelets.checkpoint} is told besides. */
export interface KubeletCallOptions {
  /** Milliseconds for all of it, which the kubelet is told, too. */
  withinMs: number;
  signal: AbortSignal;
  /** Bearer token; every kubelet that gets it can use it. */
  token: string;
}

/** Why there is no checkpoint. The message is for people and holds the kubelet's words, cleaned and cut. */
export class KubeletError extends Error {
  /**
   * `Unverified`: nothing was sent, since the certificate is not that of the node. `Refused`: it may not be asked for, or
   * there is no such container. `Failed`: the kubelet or its runtime could not do it. `Unreachable`: it was never asked.
   * `NoAnswer`: it was, and the checkpoint may still be made.
   */
  readonly reason: 'Unverified' | 'Refused' | 'Failed' | 'Unreachable' | 'NoAnswer';

  constructor(reason: KubeletError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KubeletError';
    this.reason = reason;
  }
}

/** The kubelets of a cluster. */
export interface Kubelets {
  /**
   * Has a checkpoint made of a container, which stops for that time and goes on then.
   * @returns the paths of its archives on the node, as the kubelet says: not checked, beyond that there are few short ones.
   * @throws KubeletError
   */
  checkpoint(at: KubeletAddress, asked: CheckpointAsked, options: KubeletCallOptions): Promise<string[]>;
}

/** What {@link createKubelets} is made of. */
export interface KubeletsGiven {
  clock: Clock;
  /** The CAs that sign the certificates of kubelets, PEM; asked each time. Rejects when they cannot be read. */
  authorities: () => Promise<string | undefined>;
  /** Makes the way to one of them: `createUndiciTransport`. */
  transportTo: (connection: Connection) => Transport & { close(): Promise<void> };
}

const MAX_ANSWER = 64 * 1024;
const MAX_WORDS = 512;
const MAX_PATHS = 16;
const MAX_PATH = 1_024;
/** The certificate is for another name than the one that was looked for. */
const OTHER_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID';
const UNVERIFIED = new Set([
  OTHER_NAME,
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
/** Of connections that were never there. */
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const CURE = 'name the CA of your kubelets with --kubelet-ca-file';

/** See the file's first line. */
export function createKubelets(given: KubeletsGiven): Kubelets {
  return {
    checkpoint: async (at, asked, options) => {
      const ca = await authoritiesOf(given);
      const limit = deadline(given.clock, options.withinMs, options.signal);
      try {
        return await ask(given, { at, asked, options, ca, signal: limit.signal });
      } finally {
        limit.done();
      }
    },
  };
}

async function authoritiesOf({ authorities }: KubeletsGiven): Promise<string> {
  let ca: string | undefined;
  try {
    ca = await authorities();
  } catch (cause) {
    throw new KubeletError('Unverified', `the CA of kubelets cannot be read: ${words(cause)}`, { cause });
  }
  if (ca !== undefined && ca !== '') return ca;
  throw new KubeletError('Unverified', `no CA is known that kubelets could be verified with: ${CURE}`);
}

interface Question {
  at: KubeletAddress;
  asked: CheckpointAsked;
  options: KubeletCallOptions;
  ca: string;
  signal: AbortSignal;
}

/** Certificates of kubelets have the address of the node, its name, or both. Nothing was sent where a name was wrong. */
async function ask(given: KubeletsGiven, question: Question): Promise<string[]> {
  try {
    return await askAs(given, question, undefined);
  } catch (error) {
    if (!(error instanceof OtherNameError)) throw error;
  }
  return askAs(given, question, question.at.node);
}

class OtherNameError extends Error {}

async function askAs(
  { transportTo }: KubeletsGiven,
  question: Question,
  servername: string | undefined,
): Promise<string[]> {
  const { at, options, ca, signal } = question;
  const transport = transportTo({
    server: `https://${at.host.includes(':') ? `[${at.host}]` : at.host}:${at.port}`,
    credentials: async () => ({
      headers: { authorization: `Bearer ${options.token}` },
      tls: { ca, rejectUnauthorized: true, ...(servername !== undefined && { servername }) },
    }),
  });
  try {
    const response = await transport({
      method: 'POST',
      path: pathOf(question),
      headers: { accept: 'application/json' },
      streaming: false,
      signal,
    });
    return await read(at, response, signal);
  } catch (error) {
    throw explained(error, question, servername);
  } finally {
    await transport.close();
  }
}

function pathOf({ asked: { namespace, pod, container }, options: { withinMs } }: Question): string {
  const path = [namespace, pod, container].map(encodeURIComponent).join('/');
  return `/checkpoint/${path}?timeout=${Math.max(1, Math.floor(withinMs / 1000))}`;
}

async function read(
  { node }: KubeletAddress,
  response: HttpResponse,
  signal: AbortSignal,
): Promise<string[]> {
  const { bytes } = await readUpTo(response.body, MAX_ANSWER, signal);
  const text = Buffer.from(bytes).toString('utf8');
  const { status } = response;
  if (status === 200) return pathsOf(node, text);
  const said = `the kubelet of node ${node} answers ${status}: ${cleanText(text, MAX_WORDS)}`;
  if (status === 401 || status === 403)
    throw new KubeletError('Refused', `${said}. The account needs create on nodes/checkpoint`);
  if (status === 404)
    throw new KubeletError('Refused', `${said}. It has no such container, or no checkpoints`);
  throw new KubeletError('Failed', said);
}

function pathsOf(node: string, text: string): string[] {
  const items = itemsOf(text);
  const isUsable = items?.every((item) => typeof item === 'string' && item.length <= MAX_PATH) ?? false;
  if (!items || !isUsable || items.length === 0 || items.length > MAX_PATHS)
    throw new KubeletError('Failed', `the kubelet of node ${node} answers with something else than paths`);
  return items as string[];
}

function itemsOf(text: string): unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const items = (value as { items?: unknown } | null)?.items;
    return Array.isArray(items) ? (items as unknown[]) : undefined;
  } catch {
    return undefined;
  }
}

function explained(error: unknown, { at, signal }: Question, servername: string | undefined): Error {
  if (error instanceof KubeletError) return error;
  const code = codeOf(error);
  if (code === OTHER_NAME && servername === undefined) return new OtherNameError(at.node, { cause: error });
  const where = `the kubelet of node ${at.node} at ${at.host}, port ${at.port},`;
  if (code !== undefined && UNVERIFIED.has(code))
    return new KubeletError(
      'Unverified',
      `${where} has no certificate that can be verified (${code}): ${CURE}`,
      {
        cause: error,
      },
    );
  if (code !== undefined && UNREACHABLE.has(code))
    return new KubeletError('Unreachable', `${where} cannot be reached (${code})`, { cause: error });
  const why = signal.aborted ? words(signal.reason) : words(error);
  return new KubeletError('NoAnswer', `${where} gave no answer: ${why}`, { cause: error });
}

function codeOf(error: unknown): string | undefined {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  if (typeof code === 'string') return code;
  return cause === undefined ? undefined : codeOf(cause);
}

function words(error: unknown): string {
  return cleanText(error instanceof Error ? error.message : String(error), MAX_WORDS);
}
