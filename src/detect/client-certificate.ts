// Whether a connection has shown a client certificate that is as good as a token.
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** What a connection has shown: a good certificate, or why it has none; `NONE` if it has shown none at all. */
export type ClientCertificate = { verified: true } | { verified: false; reason: string };

/** The reason if no certificate was shown. */
export const NONE = 'none was shown';
// A chain of issuers can be a circle.
const MAX_CHAIN = 10;

/**
 * OpenSSL verified the certificate when the connection was made (chain, purpose, dates). A connection can outlive that,
 * so dates and issuers are compared with those of now: removing a CA takes effect at once.
 * @param authorities who may issue client certificates now.
 */
export function clientCertificate(
  socket: Socket,
  authorities: readonly X509Certificate[],
  now: number,
): ClientCertificate {
  const shown = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  if (!(socket instanceof TLSSocket) || shown === undefined) return refused(NONE);
  if (!socket.authorized) return refused(String(socket.authorizationError));
  if (shown.validToDate.getTime() <= now) return refused('CERT_HAS_EXPIRED');
  if (!isIssuedBy(shown, authorities)) return refused('its issuer is not trusted any more');
  return { verified: true };
}

function isIssuedBy(shown: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  let link: X509Certificate | undefined = shown;
  for (let depth = 0; link && depth < MAX_CHAIN; depth++) {
    const subject: X509Certificate = link;
    if (authorities.some((authority) => signed(authority, subject))) return true;
    const issuer: X509Certificate | undefined = subject.issuerCertificate;
    link = issuer && signed(issuer, subject) ? issuer : undefined;
  }
  return false;
}

function signed(issuer: X509Certificate, subject: X509Certificate): boolean {
  return subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
}

function refused(reason: string): ClientCertificate {
  return { verified: false, reason };
}
