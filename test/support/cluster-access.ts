// How a test reaches its API server and becomes somebody there. Plain data, so that it can be given to test workers.
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import type { Connection, TlsMaterial } from '../../src/kube/connection.ts';
import { issueClientCertificate, type KeyPair, type Subject } from './pki.ts';

/** See the file's first line. All paths are absolute. */
export interface ClusterAccess {
  /** Folder of the control plane: logs, certificates, kubeconfigs. */
  folder: string;
  /** `https://127.0.0.1:<port>`. */
  server: string;
  /** CA certificate, PEM. */
  authority: string;
  /** A member of system:masters. */
  admin: KeyPair;
  adminKubeconfig: string;
  auditLog: string;
  kubectl?: string;
  /** Without the controller manager there is no pod of a Deployment, no garbage collection, no default account. */
  hasControllers: boolean;
  /** The Kubernetes version that must answer, if it is known. */
  pinnedVersion?: string;
}

/** What kubeconfigs and requests are made with. */
export type Credential = KeyPair | { token: string };

/** A request as the API server gets it, with nothing added. */
export interface PlainRequest {
  method?: string;
  path: string;
  /** Sent as JSON. */
  body?: unknown;
  contentType?: string;
  /** Default: the admin's certificate. */
  as?: Credential;
}

/** The answer, whatever its status. */
export interface PlainAnswer {
  status: number;
  /** The JSON of the body, or its text where it is none. */
  body: unknown;
}

/** Sends one request over a connection of its own. Rejects when no answer came. */
export async function call(
  access: Pick<ClusterAccess, 'server' | 'authority' | 'admin'>,
  { method = 'GET', path, body, contentType = 'application/json', as = access.admin }: PlainRequest,
): Promise<PlainAnswer> {
  const tls = { ...(await tlsMaterial(access, as)), agent: false };
  const headers = { 'content-type': contentType, ...bearer(as) };
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, access.server), { ...tls, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      const status = response.statusCode ?? 0;
      response.on('end', () => resolve({ status, body: jsonOrText(Buffer.concat(chunks).toString()) }));
    });
    sent.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** For a client that speaks as that user. */
export function connectionFor(access: ClusterAccess, as: Credential): Connection {
  const credentials = async () => ({ headers: bearer(as), tls: await tlsMaterial(access, as) });
  return { server: access.server, credentials };
}

/** A token of that service account from the TokenRequest API, good for an hour. Rejects if there is no such account. */
export async function tokenFor(
  access: ClusterAccess,
  namespace: string,
  serviceAccount: string,
): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 3600 },
  };
  const answer = await call(access, { method: 'POST', path, body });
  if (answer.status !== 201)
    throw new Error(`no token for ${namespace}/${serviceAccount}: ${JSON.stringify(answer)}`);
  return (answer.body as { status: { token: string } }).status.token;
}

/** Makes a user, who has no rights but those that RBAC gives to that name or its groups. */
export function certificateFor(access: ClusterAccess, subject: Subject): Promise<KeyPair> {
  return issueClientCertificate(access.folder, `user-${randomBytes(4).toString('hex')}`, subject);
}

/** Writes a kubeconfig for a user, made now, or for a credential. Returns its path. */
export async function kubeconfigFor(access: ClusterAccess, who: Subject | Credential): Promise<string> {
  const credential = 'user' in who ? await certificateFor(access, who) : who;
  const path = join(access.folder, `${randomBytes(4).toString('hex')}.kubeconfig`);
  await writeKubeconfig(path, access, credential);
  return path;
}

/** Writes a kubeconfig that needs no other file. JSON is YAML. */
export async function writeKubeconfig(
  path: string,
  access: Pick<ClusterAccess, 'server' | 'authority'>,
  credential: Credential,
): Promise<void> {
  const base64 = (file: string) => readFile(file, 'base64');
  const user =
    'token' in credential
      ? { token: credential.token }
      : {
          'client-certificate-data': await base64(credential.cert),
          'client-key-data': await base64(credential.key),
        };
  const cluster = { server: access.server, 'certificate-authority-data': await base64(access.authority) };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster }],
    users: [{ name: 'test', user }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  };
  await writeFile(path, JSON.stringify(config, undefined, 2), { mode: 0o600 });
}

function bearer(as: Credential): Record<string, string> {
  return 'token' in as ? { authorization: `Bearer ${as.token}` } : {};
}

async function tlsMaterial(access: Pick<ClusterAccess, 'authority'>, as: Credential): Promise<TlsMaterial> {
  const read = (file: string) => readFile(file, 'utf8');
  const ours = { ca: await read(access.authority), rejectUnauthorized: true };
  return 'token' in as ? ours : { ...ours, cert: await read(as.cert), key: await read(as.key) };
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
