// Certificate files that tests change, and a sender that speaks TLS.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { fileTls, type IntakeTls } from '../../../src/detect/tls.ts';
import type { TlsFiles } from '../../../src/detect/tls-files.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import type { KeyPair } from '../kube/support/certificates.ts';
import { RecordingLog, TOKEN, WebhookBench, alert } from './support.ts';

export const SAN = 'IP:127.0.0.1,DNS:localhost';

/** A folder with `tls.crt`, `tls.key` and, if given, `ca.crt`. */
export class CertificateFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'intake-'));
  readonly files: Required<TlsFiles> = {
    cert: join(this.path, 'tls.crt'),
    key: join(this.path, 'tls.key'),
    clientCa: join(this.path, 'ca.crt'),
  };

  write({ cert, key, clientCa }: Partial<KeyPair> & { clientCa?: string }): void {
    if (cert !== undefined) writeFileSync(this.files.cert, cert);
    if (key !== undefined) writeFileSync(this.files.key, key);
    if (clientCa !== undefined) writeFileSync(this.files.clientCa, clientCa);
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }
}

/** A webhook that speaks TLS; its clock starts now, as the certificates of the tests are valid now. */
export class SecureBench {
  readonly clock = new VirtualClock(Date.now());
  readonly log = new RecordingLog();
  readonly tls: IntakeTls;
  readonly bench: WebhookBench;

  constructor(files: TlsFiles, options: ConstructorParameters<typeof WebhookBench>[0] = {}) {
    this.tls = fileTls(files, this.clock, this.log);
    this.bench = new WebhookBench({ tls: this.tls, clock: this.clock, log: this.log, ...options });
  }

  async listen(host = '127.0.0.1'): Promise<number> {
    const url = await this.bench.webhook.listen({ host, port: 0 });
    if (!url.startsWith('https://')) throw new Error(`listens without TLS: ${url}`);
    return Number(new URL(url).port);
  }

  close(): Promise<void> {
    return this.bench.webhook.close();
  }
}

/** What a sender saw. */
export interface Seen {
  status: number;
  body: { outcome?: string; error?: { path: string; message: string } };
  protocol: string | null;
  /** The name in the server's certificate; a resumed session has none. */
  server: string | undefined;
  /** Port of the sender: the same for each request over one connection. */
  connection: number;
  resumed: boolean;
}

/** Sends an alert. `token` undefined: the header is left out. */
export async function send(
  port: number,
  { token, ...options }: RequestOptions & { token?: string | undefined } = { token: TOKEN },
): Promise<Seen> {
  const body = JSON.stringify(alert());
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  const { promise, resolve, reject } = Promise.withResolvers<Seen>();
  const at = { host: '127.0.0.1', port, method: 'POST', path: '/v1/falco', agent: false, headers } as const;
  const sent = request({ ...at, ...options }, (response) => {
    const socket = response.socket as TLSSocket;
    const seen = {
      status: response.statusCode ?? 0,
      protocol: socket.getProtocol(),
      server: socket.getPeerX509Certificate()?.subject.replace(/^.*CN=/s, ''),
      connection: socket.localPort ?? 0,
      resumed: socket.isSessionReused(),
    };
    text(response).then((answer) => resolve({ ...seen, body: JSON.parse(answer) as Seen['body'] }), reject);
  });
  sent.on('error', reject);
  sent.end(body);
  return promise;
}

/** An agent that keeps one connection open, as Falcosidekick does. */
export function oneConnection(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 1 });
}
