// Reads the certificate, key and client CA of the intake, and says what is wrong with them.
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

/** Paths of PEM files. */
export interface TlsFiles {
  /** The server's certificate, and after it the intermediate ones. */
  cert: string;
  key: string;
  /** Certificates of those who may issue client certificates; absent: none is asked for. */
  clientCa?: string;
}

/** The text of each of {@link TlsFiles}. */
export type TlsTexts = Readonly<Record<keyof TlsFiles, string | undefined>>;

/** Files that were found to be good. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly clientCa?: string;
  /** When the server's certificate expires, in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Who may issue client certificates; empty: nobody. */
  readonly authorities: readonly X509Certificate[];
}

const FLAGS: Readonly<Record<keyof TlsFiles, string>> = {
  cert: '--tls-cert-file',
  key: '--tls-key-file',
  clientCa: '--tls-client-ca-file',
};
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const READ_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file. Mount the secret there, or name another file',
  EISDIR: 'is a folder; name the file in it',
  EACCES: 'may not be read by this user. Give it read permission (in a pod: securityContext.fsGroup)',
};

/** Reads all files. @throws Error that names the flag, the file, and what to do. */
export function readTlsTexts(files: TlsFiles): TlsTexts {
  const read = (file: keyof TlsFiles) => {
    const path = files[file];
    if (path === undefined) return undefined;
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException;
      throw new Error(`${FLAGS[file]} ${path}: ${READ_ERRORS[code] ?? message}.`, { cause: error });
    }
  };
  return { cert: read('cert'), key: read('key'), clientCa: read('clientCa') };
}

/**
 * Checks that a TLS server can be run with these texts at `now`, in milliseconds since the epoch.
 * @throws Error that names the flag, the file, and what to do; it never quotes the key.
 */
export function checkTls(files: TlsFiles, texts: TlsTexts, now: number): TlsMaterial {
  const name = (file: keyof TlsFiles) => `${FLAGS[file]} ${files[file]}`;
  const { cert = '', key = '', clientCa } = texts;
  const leaf = parseCertificates(cert, name('cert'))[0];
  if (!leaf.checkPrivateKey(parseKey(key, name('key')))) {
    throw new Error(
      `${name('key')}: the key does not belong to the first certificate in ${files.cert}. ` +
        'Use the key the certificate was issued for; the server’s own certificate comes first, its issuers after it.',
    );
  }
  checkValidity(leaf, name('cert'), now);
  const authorities = clientCa === undefined ? [] : parseAuthorities(clientCa, name('clientCa'), now);
  tryContext(cert, key, name('cert'));
  return {
    cert,
    key,
    ...(clientCa !== undefined && { clientCa }),
    expiresAt: leaf.validToDate.getTime(),
    authorities,
  };
}

function parseCertificates(text: string, name: string): [X509Certificate, ...X509Certificate[]] {
  const [first, ...rest] = text.match(CERTIFICATE) ?? [];
  if (first === undefined) {
    throw new Error(`${name}: has no certificate in PEM form (-----BEGIN CERTIFICATE-----).`);
  }
  const parse = (pem: string, index: number) => {
    try {
      return new X509Certificate(pem);
    } catch (error) {
      throw new Error(`${name}: certificate ${index + 1} in it cannot be read: ${reasonOf(error)}.`, {
        cause: error,
      });
    }
  };
  return [parse(first, 0), ...rest.map((pem, index) => parse(pem, index + 1))];
}

function parseKey(text: string, name: string): KeyObject {
  if (text.includes('ENCRYPTED')) {
    throw new Error(`${name}: the key is encrypted with a passphrase. Store it without one, as a secret.`);
  }
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw new Error(`${name}: has no private key in PEM form: ${reasonOf(error)}.`, { cause: error });
  }
}

function checkValidity({ validFromDate, validToDate }: X509Certificate, name: string, now: number): void {
  if (validToDate.getTime() <= now) {
    throw new Error(`${name}: the certificate expired at ${validToDate.toISOString()}. Renew it.`);
  }
  if (validFromDate.getTime() > now) {
    throw new Error(
      `${name}: the certificate is not valid before ${validFromDate.toISOString()}. Check the clocks.`,
    );
  }
}

// OpenSSL trusts a client only up to a certificate that signed itself.
function parseAuthorities(text: string, name: string, now: number): readonly X509Certificate[] {
  const authorities = parseCertificates(text, name);
  const roots = authorities.filter((ca) => ca.checkIssued(ca));
  if (roots.length === 0) {
    throw new Error(`${name}: has intermediate certificates only. Add the root that issued them.`);
  }
  if (roots.every(({ validToDate }) => validToDate.getTime() <= now)) {
    throw new Error(`${name}: every root certificate in it has expired. Renew it.`);
  }
  return authorities;
}

// What nothing above has seen, such as a key too short for OpenSSL.
function tryContext(cert: string, key: string, name: string): void {
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new Error(`${name}: TLS cannot be served with it: ${reasonOf(error)}.`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
