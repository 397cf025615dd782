// Who may report drift: who has a token or a client certificate.
import type { FastifyRequest } from 'fastify';
import { bearerMatches } from './bearer.ts';
import { clientCertificate, NONE } from './client-certificate.ts';
import type { Tokens } from './tokens.ts';
import type { IntakeTls } from './tls.ts';

/** What the intake lets in. */
export interface Access {
  /** Bearer tokens that are valid; none: tokens are of no use. */
  tokens: Tokens;
  /** Certificate of the intake, and the CA of client certificates; absent: no TLS. */
  tls?: IntakeTls;
  /** Lets everybody in: on loopback only, and only if somebody said so. Default false. */
  allowUnauthenticated?: boolean;
}

/**
 * Either credential is enough, and a bad one does no harm beside a good one.
 * @param now milliseconds since the epoch.
 * @returns why the request is not let in; undefined if it is.
 */
export function noCredential(
  { headers, socket }: Pick<FastifyRequest, 'headers' | 'socket'>,
  { tokens, tls, allowUnauthenticated = false }: Access,
  now: number,
): string | undefined {
  if (allowUnauthenticated || bearerMatches(headers.authorization, tokens())) return undefined;
  const material = tls?.current();
  if (material?.clientCa === undefined) return 'needs `Bearer` and a valid token';
  const client = clientCertificate(socket, material.authorities, now);
  if (client.verified) return undefined;
  const needed = 'needs `Bearer` and a valid token, or a client certificate on the connection';
  return client.reason === NONE ? needed : `${needed}; the one shown is not good: ${client.reason}`;
}
