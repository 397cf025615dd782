// The certificate of the intake, renewed from its files while the process runs.
import { constants } from 'node:crypto';
import type { ServerOptions } from 'node:https';
import type { Server } from 'node:tls';
import type { Clock } from '../kube/clock.ts';
import type { ReadinessCheck } from '../observe/health.ts';
import type { Logger } from '../observe/log.ts';
import { throttle } from '../observe/throttle.ts';
import { reloading } from './reloading.ts';
import { checkTls, readTlsTexts, type TlsFiles, type TlsMaterial, type TlsTexts } from './tls-files.ts';

/** What the intake needs to speak TLS. */
export interface IntakeTls {
  /** The newest good files; the same object as long as they have not changed. */
  current(): TlsMaterial;
  /** Does not hold once the certificate has expired; warns of new files that cannot be used. */
  readonly check: ReadinessCheck;
}

const CHECK_EVERY_MS = 5_000;
const HOUR_MS = 3_600_000;
const WARN_BEFORE_MS = 24 * HOUR_MS;

/**
 * Reads the files, and again at most every 5 seconds when a client connects, sends or readiness is asked for: no
 * watching of the file system, which misses the swapped links of mounted secrets. New files that are not good leave the
 * old ones in use.
 * @throws Error if the files are not good at the start; the message says what to do.
 */
export function fileTls(files: TlsFiles, clock: Clock, log: Logger): IntakeTls {
  const read = changedOnly(files, clock, log);
  const source = { what: 'certificate', path: files.cert, read, everyMs: CHECK_EVERY_MS, clock, log };
  const reloaded = reloading(source);
  const warnOfExpiry = expiryWarning(files.cert, clock, log);
  const current = () => {
    const material = reloaded.current();
    warnOfExpiry(material.expiresAt);
    return material;
  };
  current();
  return {
    current,
    check: {
      name: 'certificate',
      reason: () => {
        const { expiresAt } = current();
        return expiresAt <= clock.now() ? `${files.cert} expired at ${iso(expiresAt)}` : undefined;
      },
      warning: () => {
        const { expiresAt } = current();
        const problem = reloaded.problem();
        return problem && `${problem} The one read before is served, until ${iso(expiresAt)}.`;
      },
    },
  };
}

/** Options of a TLS server with this certificate. A bad client certificate is answered with 401, not cut off. */
export function serverOptions(material: TlsMaterial): ServerOptions {
  const requestCert = material.clientCa !== undefined;
  return { ...contextOptions(material), requestCert, rejectUnauthorized: false };
}

/** Gives every connection the newest certificate; those that are open keep what they have. */
export function followCertificate(server: Server, tls: IntakeTls, served: TlsMaterial): void {
  let inUse = served;
  // Before the listener that starts the handshake.
  server.prependListener('connection', () => {
    const material = tls.current();
    if (material === inUse) return;
    server.setSecureContext(contextOptions(material));
    inUse = material;
  });
}

function contextOptions({ cert, key, clientCa }: TlsMaterial): ServerOptions {
  return {
    cert,
    key,
    ...(clientCa !== undefined && { ca: clientCa }),
    minVersion: 'TLSv1.2',
    // A resumed session would bring a client certificate along without checking it again.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

function changedOnly(files: TlsFiles, clock: Clock, log: Logger): () => TlsMaterial {
  let last: { texts: TlsTexts; material: TlsMaterial } | undefined;
  return () => {
    const texts = readTlsTexts(files);
    if (last && sameTexts(last.texts, texts)) return last.material;
    const material = checkTls(files, texts, clock.now());
    const validUntil = iso(material.expiresAt);
    if (last)
      log.info({ path: files.cert, validUntil }, 'new connections get the certificate that was renewed');
    last = { texts, material };
    return material;
  };
}

function sameTexts(a: TlsTexts, b: TlsTexts): boolean {
  return a.cert === b.cert && a.key === b.key && a.clientCa === b.clientCa;
}

function expiryWarning(path: string, clock: Clock, log: Logger): (expiresAt: number) => void {
  const due = throttle(clock, HOUR_MS);
  return (expiresAt) => {
    const left = expiresAt - clock.now();
    if (left > WARN_BEFORE_MS || !due(left > 0 ? 'soon' : 'expired')) return;
    const fields = { path, validUntil: iso(expiresAt) };
    if (left > 0) log.warn(fields, 'the certificate of the intake expires within 24 hours: renew it');
    else
      log.error(fields, 'the certificate of the intake has expired: senders that check it deliver nothing');
  };
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
