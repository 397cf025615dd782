// Keys and certificates of the tests' control plane. Node makes keys but no certificates: those come from `openssl`.
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Paths of PEM files. */
export interface KeyPair {
  cert: string;
  key: string;
}

/** Whom a certificate is for: Kubernetes reads CN as the user's name and each O as a group. */
export interface Subject {
  user: string;
  groups?: readonly string[];
}

const DAYS = '2';
const CA_EXTENSIONS = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
const LEAF_KEY_USAGE = 'keyUsage=critical,digitalSignature';

/** Makes a certificate authority in `<folder>/ca.{crt,key}`. */
export async function createAuthority(folder: string): Promise<KeyPair> {
  const key = await makeRequest(folder, 'ca', { user: 'die-operator-test-ca' });
  return sign(folder, 'ca', ['-signkey', key], CA_EXTENSIONS);
}

/** Issues a server certificate for names such as `DNS:localhost` and `IP:127.0.0.1`. */
export async function issueServerCertificate(
  folder: string,
  name: string,
  altNames: string[],
): Promise<KeyPair> {
  await makeRequest(folder, name, { user: name });
  const extensions = [LEAF_KEY_USAGE, 'extendedKeyUsage=serverAuth', `subjectAltName=${altNames.join(',')}`];
  return sign(folder, name, byAuthority(folder), extensions);
}

/** Issues a client certificate. */
export async function issueClientCertificate(
  folder: string,
  name: string,
  subject: Subject,
): Promise<KeyPair> {
  await makeRequest(folder, name, subject);
  return sign(folder, name, byAuthority(folder), [LEAF_KEY_USAGE, 'extendedKeyUsage=clientAuth']);
}

/** Makes the pair that signs and checks service account tokens: `<folder>/sa.{pub,key}`. */
export async function createServiceAccountKeys(
  folder: string,
): Promise<{ publicKey: string; privateKey: string }> {
  const pair = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const [publicKey, privateKey] = [join(folder, 'sa.pub'), join(folder, 'sa.key')];
  await writeFile(publicKey, pair.publicKey);
  await writeFile(privateKey, pair.privateKey, { mode: 0o600 });
  return { publicKey, privateKey };
}

/** Makes a key and asks for a certificate in `<name>.csr`. Returns the path of the key. */
async function makeRequest(folder: string, name: string, { user, groups = [] }: Subject): Promise<string> {
  const key = join(folder, `${name}.key`);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  await writeFile(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const parts = [...groups.map((group) => `/O=${escaped(group)}`), `/CN=${escaped(user)}`];
  await openssl('req', '-new', '-key', key, '-subj', parts.join(''), '-out', join(folder, `${name}.csr`));
  return key;
}

/** Turns `<name>.csr` into a certificate. */
async function sign(
  folder: string,
  name: string,
  signer: readonly string[],
  extensions: readonly string[],
): Promise<KeyPair> {
  const file = (ending: string) => join(folder, `${name}.${ending}`);
  await writeFile(file('ext'), extensions.join('\n'));
  const serial = `0x${randomBytes(8).toString('hex')}`;
  const what = ['-req', '-in', file('csr'), '-extfile', file('ext'), '-days', DAYS, '-set_serial', serial];
  await openssl('x509', ...what, ...signer, '-out', file('crt'));
  return { cert: file('crt'), key: file('key') };
}

function byAuthority(folder: string): string[] {
  return ['-CA', join(folder, 'ca.crt'), '-CAkey', join(folder, 'ca.key')];
}

/** `-subj` gives these characters a meaning. */
function escaped(value: string): string {
  return value.replaceAll(/[\\/+]/g, String.raw`\$&`);
}

async function openssl(...args: string[]): Promise<void> {
  try {
    await promisify(execFile)('openssl', args);
  } catch (cause) {
    throw new Error('the command `openssl` is needed to make certificates for the tests', { cause });
  }
}
