// TLS to the NATS server, and client certificates.
import { expect } from 'vitest';
import { recordedBody } from '../support/alerts.ts';
import { publishAlert } from '../support/nats-publisher.ts';
import { eventually, natsTest, ready, type Reading } from '../support/nats-test.ts';
import type { TestNats } from '../support/nats.ts';
import {
  createAuthority,
  issueClientCertificate,
  issueServerCertificate,
  type KeyPair,
} from '../support/pki.ts';

interface Certificates {
  ca: string;
  server: KeyPair;
  client: KeyPair;
}

async function certificates(folder: string): Promise<Certificates> {
  const { cert: ca } = await createAuthority(folder);
  const server = await issueServerCertificate(folder, 'nats', ['DNS:localhost']);
  const client = await issueClientCertificate(folder, 'receiver', { user: 'receiver' });
  return { ca, server, client };
}

function tlsBlock({ ca, server }: Certificates, verify: boolean): string {
  const files = `cert_file: "${server.cert}", key_file: "${server.key}"`;
  return `tls { ${files}${verify ? `, ca_file: "${ca}", verify: true` : ''} }`;
}

/** The client can check a certificate for a name only. */
function byName({ port }: TestNats, scheme = 'nats'): string {
  return `${scheme}://localhost:${port}`;
}

/** Why there is no connection, once it was tried. */
function failure({ stream }: Reading): Promise<string> {
  return eventually(
    'it failed',
    () => stream.check.reason() ?? '',
    (reason) => !reason.endsWith('yet'),
  );
}

natsTest('reads over TLS with a client certificate', async ({ nats, folder, read }) => {
  const files = await certificates(folder.path);
  const { ca, client } = files;
  await nats.start(tlsBlock(files, true));
  const reading = read({ servers: [byName(nats)], tls: { ca, ...client } });
  await ready(reading);
  const tls = { caFile: ca, certFile: client.cert, keyFile: client.key };
  await publishAlert({ url: byName(nats) }, recordedBody('01-normal'), { tls });
  await eventually('it is done', () => reading.results.includes('Acknowledged'));
});

natsTest(
  'is not let in without the client certificate that the server wants',
  async ({ nats, folder, read }) => {
    const files = await certificates(folder.path);
    await nats.start(tlsBlock(files, true));
    const reading = read({ servers: [byName(nats)], tls: { ca: files.ca } });
    expect(await failure(reading)).toMatch(/^not connected to nats:\/\/localhost/);
    expect(reading.results).toEqual([]);
  },
);

natsTest('does not trust a server of another authority', async ({ nats, folder, read }) => {
  await nats.start(tlsBlock(await certificates(folder.path), false));
  const reading = read({ servers: [byName(nats, 'tls')] });
  expect(await failure(reading)).toMatch(/TLS fails: check --stream-tls-ca-file.*certificate/);
});

natsTest('speaks no clear text where TLS is asked for', async ({ running, folder, read }) => {
  const { cert: ca } = await createAuthority(folder.path);
  const reading = read({ servers: [byName(running)], tls: { ca } });
  expect(await failure(reading)).toMatch(/the server speaks no TLS/);
});
