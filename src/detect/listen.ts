// Where the intake may listen without TLS.
import { BlockList, isIP } from 'node:net';

/**
 * Refuses to take alerts and tokens over the network in clear text.
 * @throws Error that says what to do, unless the host is loopback or `insecure` is set.
 */
export function assertSafeListen(host: string, insecure: boolean): void {
  if (insecure || isLoopback(host)) return;
  throw new Error(
    `the alert intake would listen on ${host} without TLS: tokens and alerts could be read and forged on the way. ` +
      'Listen on 127.0.0.1, or accept the risk with --insecure-intake.',
  );
}

function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const family = isIP(host);
  if (family === 0) return false;
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8, 'ipv4');
  loopback.addAddress('::1', 'ipv6');
  return loopback.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
