// Certificates for loopback servers, made by openssl in a folder of the test.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A PEM certificate with its key. */
export interface KeyPair {
  cert: string;
  key: string;
}

/** What may be special about a certificate; a negative number of days makes one that has expired. */
export interface Issued {
  days?: number;
  usage?: 'serverAuth' | 'clientAuth';
}

/** A certificate authority in a folder that `remove` deletes. */
export class Authority {
  readonly folder: string;
  #count = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(name: string): Promise<Authority> {
    const authority = new Authority(await mkdtemp(join(tmpdir(), 'authority-')));
    const files = ['-keyout', authority.#path('ca.key'), '-out', authority.#path('ca.crt')];
    await run('openssl', ['req', '-x509', ...EC_KEY, ...files, '-days', '2', '-subj', `/CN=${name}`]);
    return authority;
  }

  get caFile(): string {
    return this.#path('ca.crt');
  }

  ca(): Promise<string> {
    return readFile(this.caFile, 'utf8');
  }

  /** A certificate for a name; `san` as openssl writes it: `IP:127.0.0.1,DNS:localhost`. */
  async issue(commonName: string, san?: string, { days = 2, usage }: Issued = {}): Promise<KeyPair> {
    const base = this.#path(`leaf-${++this.#count}`);
    const extensions = [
      ...(san === undefined ? [] : [`subjectAltName=${san}`]),
      ...(usage === undefined ? [] : [`extendedKeyUsage=${usage}`]),
    ];
    await this.#sign(base, `/O=die/CN=${commonName}`, extensions, days);
    return { cert: await readFile(`${base}.crt`, 'utf8'), key: await readFile(`${base}.key`, 'utf8') };
  }

  /** An authority that this one vouches for. */
  async intermediate(name: string): Promise<Authority> {
    const authority = new Authority(await mkdtemp(join(tmpdir(), 'authority-')));
    await this.#sign(authority.#path('ca'), `/CN=${name}`, ['basicConstraints=critical,CA:TRUE'], 2);
    return authority;
  }

  /** Makes `<base>.key` and `<base>.crt`. */
  async #sign(base: string, subject: string, extensions: readonly string[], days: number): Promise<void> {
    const [key, csr, cert, ext] = [`${base}.key`, `${base}.csr`, `${base}.crt`, `${base}.ext`];
    await writeFile(ext, extensions.map((line) => `${line}\n`).join(''));
    await run('openssl', ['req', ...EC_KEY, '-keyout', key, '-out', csr, '-subj', subject]);
    // Not -CAcreateserial: its file breaks when two certificates are issued at a time.
    const serial = `0x${randomBytes(8).toString('hex')}`;
    const signer = ['-CA', this.caFile, '-CAkey', this.#path('ca.key'), '-set_serial', serial];
    const terms = ['-days', String(days), '-extfile', ext];
    await run('openssl', ['x509', '-req', '-in', csr, ...signer, '-out', cert, ...terms]);
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }

  #path(name: string): string {
    return join(this.folder, name);
  }
}
