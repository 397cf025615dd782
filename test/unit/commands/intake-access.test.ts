import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { command } from '../../../src/commands/run.ts';
import { intakeAccess } from '../../../src/commands/run/intake-access.ts';
import type { EvidenceStore } from '../../../src/evidence/store.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { createOperator } from '../../../src/operator.ts';
import { readSettings } from '../../../src/settings.ts';
import { NO_LIMITS } from '../../support/limits.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { CertificateFolder, SAN } from '../detect/tls-support.ts';
import { Authority } from '../kube/support/certificates.ts';

const TOKEN = 'a-token-of-enough-characters';

let authority: Authority;
beforeAll(async () => {
  authority = await Authority.create('root');
});
afterAll(() => authority.remove());

let folder: CertificateFolder;
let tokenFile: string;
beforeEach(async () => {
  folder = new CertificateFolder();
  folder.write({ ...(await authority.issue('intake', SAN)), clientCa: await authority.ca() });
  tokenFile = join(folder.path, 'tokens');
  writeFileSync(tokenFile, TOKEN);
});
afterEach(() => folder.remove());

const access = (given: Record<string, unknown>) =>
  intakeAccess(readSettings(given), systemClock, silentLogger);
const tls = () => ({ tlsCertFile: folder.files.cert, tlsKeyFile: folder.files.key });

describe('the settings of run become', () => {
  it('tokens, and no TLS', () => {
    const { tokens, tls: none, allowUnauthenticated } = access({ tokenFile });
    expect([tokens(), none, allowUnauthenticated]).toEqual([[TOKEN], undefined, false]);
  });

  it('tokens and TLS without client certificates', () => {
    const { tokens, tls: found } = access({ tokenFile, ...tls() });
    expect(tokens()).toEqual([TOKEN]);
    expect(found?.current()).toMatchObject({ authorities: [] });
    expect(found?.current().clientCa).toBeUndefined();
  });

  it('TLS with client certificates, and no token', () => {
    const { tokens, tls: found } = access({ ...tls(), tlsClientCaFile: folder.files.clientCa });
    expect(tokens()).toEqual([]);
    expect(found?.current().authorities.map(({ subject }) => subject)).toEqual(['CN=root']);
  });

  it('access for everybody, if somebody said so', () => {
    expect(access({ allowUnauthenticatedIntake: true })).toMatchObject({ allowUnauthenticated: true });
  });

  it('nothing for a process without an intake, which reads no file', () => {
    rmSync(tokenFile);
    const { tokens, tls: none } = access({ roles: ['responder'], tokenFile, ...tls() });
    expect([tokens(), none]).toEqual([[], undefined]);
  });

  it.each([
    ['tokens', /token file \S+tokens cannot be read: ENOENT/],
    ['tls.crt', /--tls-cert-file \S+tls\.crt: there is no such file/],
    ['tls.key', /--tls-key-file \S+tls\.key: there is no such file/],
    ['ca.crt', /--tls-client-ca-file \S+ca\.crt: there is no such file/],
  ])('an error at the start when %s is missing', (name, message) => {
    rmSync(join(folder.path, name));
    expect(() => access({ tokenFile, ...tls(), tlsClientCaFile: folder.files.clientCa })).toThrow(message);
  });
});

it('the operator that is built from them is ready only as long as its certificate is good', async () => {
  const clock = new VirtualClock(Date.now());
  const settings = readSettings({ tokenFile, ...tls() });
  const { checks } = createOperator({
    ...settings,
    ...intakeAccess(settings, clock, silentLogger),
    client: {} as KubeClient,
    evidence: {} as EvidenceStore,
    clock,
    random: () => 0,
    log: silentLogger,
    maxAlertAgeMs: 1,
    limits: NO_LIMITS,
  });
  const certificate = checks.find(({ name }) => name === 'certificate');
  expect(certificate?.reason()).toBeUndefined();
  await clock.advance(3 * 86_400_000);
  expect(certificate?.reason()).toMatch(/expired at/);
});

it('run offers the flags of the intake, and their variables', () => {
  const flags = new Map(command().options.map(({ long, envVar }) => [long, envVar]));
  expect(Object.fromEntries(flags)).toMatchObject({
    '--tls-cert-file': 'DIE_TLS_CERT_FILE',
    '--tls-key-file': 'DIE_TLS_KEY_FILE',
    '--tls-client-ca-file': 'DIE_TLS_CLIENT_CA_FILE',
    '--allow-unauthenticated-intake': 'DIE_ALLOW_UNAUTHENTICATED_INTAKE',
  });
});

it('run refuses to start when anybody could report drift, before it looks for a cluster', async () => {
  await expect(command().parseAsync(['--log-level', 'silent'], { from: 'user' })).rejects.toThrow(
    /--token-file: is missing, and so is --tls-client-ca-file/,
  );
});
