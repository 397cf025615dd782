// Certificates for loopback servers, made by openssl in a folder of the test.
import { execFile } from 'node:child_process';
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
  async issue(commonName: string, san?: string): Promise<KeyPair> {
    const base = this.#path(`leaf-${++this.#count}`);
    const [key, csr, cert, extensions] = ['key', 'csr', 'crt', 'ext'].map((end) => `${base}.${end}`) as [
      string,
      string,
      string,
      string,
    ];
    await writeFile(extensions, san === undefined ? '' : `subjectAltName=${san}\n`);
    await run('openssl', ['req', ...EC_KEY, '-keyout', key, '-out', csr, '-subj', `/O=die/CN=${commonName}`]);
    const signer = ['-CA', this.caFile, '-CAkey', this.#path('ca.key'), '-CAcreateserial'];
    await run('openssl', [
      'x509',
      '-req',
      '-in',
      csr,
      ...signer,
      '-out',
      cert,
      '-days',
      '2',
      '-extfile',
      extensions,
    ]);
    return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }

  #path(name: string): string {
    return join(this.folder, name);
  }
}
