// Where the intake may listen, depending on how it is protected.
import { BlockList, isIP } from 'node:net';

/** How the intake is protected. */
export interface Protection {
  /** It speaks TLS. */
  encrypted: boolean;
  /** It asks for a token or a client certificate. */
  authenticated: boolean;
  /** Somebody accepted that it does not speak TLS. */
  insecure: boolean;
}

/**
 * Refuses to take alerts from the network in clear text, or from anybody.
 * @throws Error that says what to do, unless the host is loopback.
 */
export function assertSafeListen(host: string, { encrypted, authenticated, insecure }: Protection): void {
  if (isLoopback(host)) return;
  if (!authenticated) {
    throw new Error(
      `the alert intake would take alerts from anybody who can reach ${host}: each could have pods evicted. ` +
        '--allow-unauthenticated-intake works on loopback only: listen on 127.0.0.1, or set --token-file or --tls-client-ca-file.',
    );
  }
  if (encrypted || insecure) return;
  throw new Error(
    `the alert intake would listen on ${host} without TLS: tokens and alerts could be read and forged on the way. ` +
      'Set --tls-cert-file and --tls-key-file, listen on 127.0.0.1, or accept the risk with --insecure-intake.',
  );
}

/** Whether only this machine can reach that address. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const family = isIP(host);
  if (family === 0) return false;
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8, 'ipv4');
  loopback.addAddress('::1', 'ipv6');
  return loopback.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
