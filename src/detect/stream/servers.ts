// Which NATS servers alerts may come from, depending on how they are protected.
import { isIP } from 'node:net';
import { isLoopback } from '../listen.ts';

/** A server to connect to. */
export interface StreamServer {
  /** `nats://host:port` or `tls://host:port`, as logs and probes show it. */
  url: string;
  host: string;
  encrypted: boolean;
}

/** How the stream is protected, and what somebody accepted. */
export interface StreamProtection {
  /** There are credentials or a client certificate to show. */
  authenticated: boolean;
  /** TLS is a must for all servers: a URL, a CA or a client certificate asks for it. */
  encrypted: boolean;
  allowUnauthenticated: boolean;
  insecure: boolean;
}

/** What a server tells about itself when one connects. */
export interface ServerGate {
  auth_required?: boolean;
  tls_verify?: boolean;
}

const DEFAULT_PORT = 4222;
const MAX_SERVERS = 16;
const FORGERY = 'whoever can publish to the stream can report drift and have pods evicted';

/** Reads `nats://` and `tls://` URLs. @throws Error that says what to do. */
export function parseServers(urls: readonly string[]): readonly StreamServer[] {
  if (urls.length === 0 || urls.length > MAX_SERVERS) {
    throw new Error(`--stream-servers: 1 to ${MAX_SERVERS} servers are needed, not ${urls.length}.`);
  }
  return urls.map(parseServer);
}

function parseServer(text: string, index: number): StreamServer {
  // Not quoted: it may hold a password.
  const name = `--stream-servers, number ${index + 1}`;
  const url = URL.parse(text);
  if (!url?.hostname) throw new Error(`${name}: is not a URL such as nats://nats.nats.svc:4222.`);
  const { protocol, hostname, port } = url;
  if (protocol !== 'nats:' && protocol !== 'tls:') {
    throw new Error(`${name}: must begin with nats:// or tls://, not ${protocol}//.`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new Error(
      `${name}: holds credentials, which would be seen in the list of processes. ` +
        'Put them into a file: --stream-token-file, --stream-password-file or --stream-creds-file.',
    );
  }
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '') {
    throw new Error(`${name}: has something after the port; leave it out.`);
  }
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    url: `${protocol}//${hostname}:${port || DEFAULT_PORT}`,
    host,
    encrypted: protocol === 'tls:',
  };
}

/**
 * Refuses to take alerts from servers in clear text, or without showing who we are: such a server lets in others the
 * same way. @throws Error that says what to do, unless all servers are on loopback.
 */
export function assertSafeServers(servers: readonly StreamServer[], protection: StreamProtection): void {
  const { authenticated, allowUnauthenticated, encrypted, insecure } = protection;
  const address = encrypted ? servers.find(({ host }) => isIP(host) !== 0) : undefined;
  if (address) {
    throw new Error(
      `--stream-servers: ${address.url} is an address, with which the client cannot check a certificate. Write the ` +
        'name that the certificate of the server is for.',
    );
  }
  const far = servers.filter(({ host }) => !isLoopback(host));
  const [first] = far;
  if (!first) return;
  if (!authenticated && !allowUnauthenticated) {
    throw new Error(
      `the stream at ${first.url} would be used without credentials: ${FORGERY}. Require credentials there, and set ` +
        '--stream-creds-file, --stream-token-file, --stream-password-file or --stream-tls-cert-file; or accept the ' +
        'risk with --allow-unauthenticated-stream.',
    );
  }
  if (!encrypted && !insecure) {
    throw new Error(
      `the stream at ${first.url} would be used without TLS: alerts could be forged and dropped on the way. Use ` +
        'tls:// or set --stream-tls-ca-file, or accept the risk with --insecure-stream.',
    );
  }
}

/** Why a server that one just connected to is not to be trusted; undefined if it may be. */
export function openServer(
  gate: ServerGate | undefined,
  servers: readonly StreamServer[],
  { allowUnauthenticated }: Pick<StreamProtection, 'allowUnauthenticated'>,
): string | undefined {
  if (gate?.auth_required === true || gate?.tls_verify === true) return undefined;
  if (allowUnauthenticated || servers.every(({ host }) => isLoopback(host))) return undefined;
  return (
    `it lets everybody in, with or without credentials: ${FORGERY}. Configure users or client certificates on the ` +
    'NATS server, or accept the risk with --allow-unauthenticated-stream'
  );
}
