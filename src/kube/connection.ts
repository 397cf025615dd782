// How to reach and prove ourselves to the API server, from a kubeconfig or the pod's service account.
// The only file that knows @kubernetes/client-node, which takes a second to load: hence by type, or lazily.
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { z } from 'zod';

/** What a TLS connection is made with. Certificates and keys are PEM. */
export interface TlsMaterial {
  ca?: string;
  cert?: string;
  key?: string;
  /** Name that the server's certificate must have, if not its host. */
  servername?: string;
  rejectUnauthorized: boolean;
}

/** What the next request is sent with. */
export interface Credentials {
  /** Lower-case names; may hold a secret. */
  headers: Readonly<Record<string, string>>;
  tls: TlsMaterial;
}

/** One API server and one identity. */
export interface Connection {
  /** Origin, and a path prefix if there is one. */
  server: string;
  /** URL of an HTTP proxy. */
  proxyUrl?: string;
  /** Reads what may have changed: CA, certificates, token; a plugin's token when it expired. Rejects when it cannot. */
  credentials(): Promise<Credentials>;
}

/** Where to look for a kubeconfig; by default as kubectl does, then in the pod. */
export interface ConnectionSource {
  /** Path of a kubeconfig. */
  kubeconfig?: string | undefined;
  /** Context in it; default its current one. */
  context?: string | undefined;
}

/** Loads a kubeconfig and makes a connection of it. Throws with what is wrong in it. */
export async function loadConnection({ kubeconfig, context }: ConnectionSource = {}): Promise<Connection> {
  const library = await import('@kubernetes/client-node');
  const config = new library.KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  if (context !== undefined) config.setCurrentContext(context);
  return connectionFrom(config);
}

// The library reads a file that people write, and checks no types.
const ClusterSchema = z.object({
  name: z.string(),
  server: z.string(),
  proxyUrl: z.string().optional(),
  skipTLSVerify: z.boolean().nullish(),
});

/** The connection of the current context. Throws with what is wrong or not supported in it. */
export function connectionFrom(kubeConfig: KubeConfig): Connection {
  const context = JSON.stringify(kubeConfig.getCurrentContext());
  const cluster = kubeConfig.getCurrentCluster();
  if (cluster === null) throw new Error(`kubeconfig: context ${context} names no known cluster`);
  if (kubeConfig.getCurrentUser() === null)
    throw new Error(`kubeconfig: context ${context} names no known user`);
  const parsed = ClusterSchema.safeParse(cluster);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const what = `${issue?.path.join('.')} of its cluster: ${issue?.message}`;
    throw new Error(`kubeconfig: context ${context} cannot be used, ${what}`);
  }
  const { server, proxyUrl, skipTLSVerify } = parsed.data;
  if (server.startsWith('http:') && !skipTLSVerify)
    throw new Error(
      `kubeconfig: ${server} is not encrypted; use https, or set insecure-skip-tls-verify for a test`,
    );
  if (proxyUrl !== undefined && !/^https?:/.test(proxyUrl))
    throw new Error(
      `kubeconfig: proxy-url of cluster "${parsed.data.name}" must be http or https; SOCKS is not supported`,
    );
  const credentials = oneAtATime(() => readCredentials(kubeConfig));
  return { server, ...(proxyUrl ? { proxyUrl } : {}), credentials };
}

/** Calls that come while one is under way share its result, so that a burst starts a credential plugin once. */
function oneAtATime<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  const finish = () => {
    running = undefined;
  };
  return () => (running ??= read().finally(finish));
}

/**
 * applyToHTTPSOptions() runs the same authenticators as applySecurityAuthentication(), and gives the certificates of
 * plugins as data, where the other hides them in a new dispatcher per call.
 */
async function readCredentials(kubeConfig: KubeConfig): Promise<Credentials> {
  const options: RequestOptions = {};
  try {
    await kubeConfig.applyToHTTPSOptions(options);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`no credentials for user "${kubeConfig.getCurrentUser()?.name}": ${why}`, { cause });
  }
  return { headers: headersOf(options), tls: tlsOf(options) };
}

/** Tokens are trimmed: a file often ends in a newline, which no header may hold. */
function headersOf({ headers = {}, auth }: RequestOptions): Record<string, string> {
  const basic = auth ? { authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {};
  const given = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value).trim()]);
  return { ...basic, ...(Object.fromEntries(given) as Record<string, string>) };
}

function tlsOf({ ca, cert, key, servername, rejectUnauthorized }: RequestOptions): TlsMaterial {
  return {
    ...(ca ? { ca: pem(ca) } : {}),
    ...(cert ? { cert: pem(cert) } : {}),
    ...(key ? { key: pem(key) } : {}),
    ...(servername ? { servername } : {}),
    rejectUnauthorized: rejectUnauthorized ?? true,
  };
}

/** KubeConfig gives a buffer of the file or of the decoded data, and plugins a string. */
function pem(of: unknown): string {
  if (typeof of === 'string') return of;
  if (of instanceof Uint8Array) return Buffer.from(of).toString('utf8');
  throw new Error('kubeconfig: certificates and keys must be PEM');
}
