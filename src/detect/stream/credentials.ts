// What die-operator shows to a NATS server: read from files, and again when they change.
import { readFileSync } from 'node:fs';
import type { Authenticator } from '@nats-io/transport-node';
import type { Clock } from '../../kube/clock.ts';
import type { Logger } from '../../observe/log.ts';
import { reloading } from '../reloading.ts';
import type { NatsLibrary } from './library.ts';

/** At most one of: a `.creds` file, a token file, or a user and the file with the password. */
export interface StreamCredentials {
  credsFile?: string;
  tokenFile?: string;
  user?: string;
  passwordFile?: string;
}

/** Paths of PEM files; any of them makes TLS a must. */
export interface StreamTlsFiles {
  /** Who may have issued the server's certificate; absent: who this machine trusts. */
  ca?: string;
  /** Client certificate; needs `key`. */
  cert?: string;
  key?: string;
}

/** Makes what the client library asks at each connection; undefined without credentials. */
export type MakeAuthenticator = (nats: NatsLibrary) => Authenticator | undefined;

const CHECK_EVERY_MS = 1000;
const MAX_SECRET = 512;
const VISIBLE = /^[\x21-\x7e]+$/;
const JWT = /BEGIN NATS USER JWT-+\s+(\S+)\s+-+END/;
const SEED = /BEGIN USER NKEY SEED-+\s+(SU[A-Z2-7]{56})\s+-+END/;

/**
 * Reads the files at once, and again before each connection.
 * @throws Error that names the flag and says what to do; it quotes no secret.
 */
export function readCredentials(
  { credsFile, tokenFile, user, passwordFile }: StreamCredentials,
  clock: Clock,
  log: Logger,
): MakeAuthenticator {
  const follow = <T>(what: string, path: string, read: () => T) =>
    reloading({ what, path, read, everyMs: CHECK_EVERY_MS, clock, log }).current;
  if ([credsFile, tokenFile, user ?? passwordFile].filter((kind) => kind !== undefined).length > 1) {
    throw new Error(
      'the stream has credentials of several kinds: keep one of --stream-creds-file, --stream-token-file, and ' +
        '--stream-user with --stream-password-file.',
    );
  }
  if (credsFile !== undefined) {
    const creds = follow('creds file of the stream', credsFile, () => readCreds(credsFile));
    // The library's own reader takes no file without a last line end.
    return ({ core }) =>
      core.jwtAuthenticator(
        () => creds().jwt,
        () => creds().seed,
      );
  }
  if (tokenFile !== undefined) {
    const read = () => readSecret('--stream-token-file', tokenFile);
    const token = follow('token file of the stream', tokenFile, read);
    return ({ core }) => core.tokenAuthenticator(token);
  }
  if (user === undefined && passwordFile === undefined) return () => undefined;
  if (user === undefined) throw new Error('--stream-user: is missing; --stream-password-file needs it.');
  if (passwordFile === undefined)
    throw new Error('--stream-password-file: is missing; --stream-user needs it.');
  const read = () => readSecret('--stream-password-file', passwordFile);
  const password = follow('password file of the stream', passwordFile, read);
  return ({ core }) => core.usernamePasswordAuthenticator(user, password);
}

/** @throws Error if a certificate lacks its key or the other way round, or a file cannot be read. */
export function checkTlsFiles({ ca, cert, key }: StreamTlsFiles): void {
  if (cert !== undefined && key === undefined) {
    throw new Error(
      '--stream-tls-key-file: is missing; --stream-tls-cert-file needs the key of its certificate.',
    );
  }
  if (cert === undefined && key !== undefined) {
    throw new Error('--stream-tls-cert-file: is missing; --stream-tls-key-file needs its certificate.');
  }
  requirePem('--stream-tls-ca-file', ca, '-----BEGIN CERTIFICATE-----');
  requirePem('--stream-tls-cert-file', cert, '-----BEGIN CERTIFICATE-----');
  requirePem('--stream-tls-key-file', key, 'PRIVATE KEY-----');
}

function requirePem(flag: string, path: string | undefined, mark: string): void {
  if (path === undefined || readText(flag, path).includes(mark)) return;
  throw new Error(`${flag} ${path}: is not in PEM form: there is no \`${mark}\` in it.`);
}

function readCreds(path: string): { jwt: string; seed: Uint8Array } {
  const text = readText('--stream-creds-file', path);
  const [jwt, seed] = [JWT.exec(text)?.[1], SEED.exec(text)?.[1]];
  if (jwt === undefined || seed === undefined) {
    throw new Error(
      `--stream-creds-file ${path}: is not a creds file of NATS, which holds a user JWT and a seed. ` +
        '`nsc generate creds` writes one.',
    );
  }
  return { jwt, seed: Buffer.from(seed) };
}

function readSecret(flag: string, path: string): string {
  const secret = readText(flag, path).trim();
  if (secret === '') throw new Error(`${flag} ${path}: is empty.`);
  if (secret.length > MAX_SECRET || !VISIBLE.test(secret)) {
    throw new Error(`${flag} ${path}: must hold one line of up to ${MAX_SECRET} visible ASCII characters.`);
  }
  return secret;
}

function readText(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `${flag} ${path}: cannot be read: ${reason}. Mount the secret there, or name another file.`,
      {
        cause: error,
      },
    );
  }
}
