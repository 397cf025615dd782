// `die-operator run` and Falcosidekick's `/test`: how it is asked, and the whole loop over the network.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { INTAKE_CONFIGMAP, SYSTEM_NAMESPACE } from '../../../src/api/names.ts';
import { silenceOf } from '../../../src/commands/run/silence.ts';
import { OUTCOMES } from '../../../src/detect/outcome.ts';
import { createEmbeddedCluster } from '../../../src/embedded/api-server.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { CONFIG_MAPS, NAMESPACES } from '../../../src/kube/resources.ts';
import { createMetrics } from '../../../src/observe/metrics.ts';
import { createSilence } from '../../../src/roles/silence.ts';
import { readSettings } from '../../../src/settings.ts';
import { JumpClock } from '../../support/jump-clock.ts';
import { freePorts } from '../../support/ports.ts';
import { sidekick } from '../detect/recorded.ts';
import { TOKEN, RecordingLog, WebhookBench } from '../detect/support.ts';

const AT = { namespace: SYSTEM_NAMESPACE, name: INTAKE_CONFIGMAP };
const never = new AbortController().signal;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const settingsFor = (url: string, rest: object = {}) =>
  readSettings({ tokenFile: '/tokens', falcosidekickUrl: url, ...rest });

/** A server on loopback. */
async function serving(answer: (request: IncomingMessage, body: string) => Promise<number>): Promise<string> {
  const server: Server = createServer((request, response) => {
    void text(request)
      .then((body) => answer(request, body))
      .then((status) => response.writeHead(status).end('ok'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('Falcosidekick', () => {
  it.each(['', '/', '/behind/a/proxy/'])(
    'is asked by an empty POST to /test below its address%s',
    async (path) => {
      const asked: string[] = [];
      const url = await serving(async ({ method, url: at }, body) => {
        asked.push(`${method} ${at} ${body}`);
        return 200;
      });
      const { silence } = silenceOf(settingsFor(`${url}${path}`), systemClock);
      expect(silence.canary?.intervalMs).toBe(300_000);
      expect(await silence.canary?.ask(never)).toBeUndefined();
      expect(asked).toEqual([`POST ${path.replace(/\/$/, '')}/test `]);
    },
  );

  it.each([404, 500, 302])('that answers %d did not take it', async (status) => {
    const { silence } = silenceOf(settingsFor(await serving(async () => status)), systemClock);
    expect(await silence.canary?.ask(never)).toBe(`it answered ${status}`);
  });

  it('that is not there is told as such', async () => {
    const [port] = await freePorts(1);
    const { silence } = silenceOf(settingsFor(`http://127.0.0.1:${port}`), systemClock);
    expect(await silence.canary?.ask(never)).toMatch(/connection refused/);
    const missing = settingsFor(`http://127.0.0.1:${port}`, { notifyCaFile: '/nowhere/ca.crt' });
    expect(await silenceOf(missing, systemClock).silence.canary?.ask(never)).toMatch(/\/nowhere\/ca\.crt/);
  });

  it('is not asked where it is not named, or nobody wants that; times are noted all the same', () => {
    expect(silenceOf(readSettings({ tokenFile: '/tokens' }), systemClock)).toEqual({ silence: {} });
    for (const canaryInterval of ['0', '0s'])
      expect(silenceOf(settingsFor('http://localhost:2801', { canaryInterval }), systemClock)).toEqual({
        silence: {},
      });
  });

  it.each(['1m59s', '24h1s', 'soon', '5'])('cannot be asked every %s', (canaryInterval) => {
    expect(() => settingsFor('http://localhost:2801', { canaryInterval })).toThrow(
      /--canary-interval: must be a duration from 2m to 24h, or 0 for none/,
    );
  });
});

/** Posts what the real one was recorded to post when it is asked for a test event. */
async function double(webhook: string): Promise<string> {
  const recorded = sidekick('04-test-event').request;
  return serving(async ({ url }) => {
    if (url !== '/test' || !recorded) return 404;
    const headers = new Headers({ ...recorded.headers, authorization: `Bearer ${TOKEN}` });
    headers.delete('host');
    await fetch(`${webhook}/v1/falco`, { method: 'POST', headers, body: recorded.body });
    return 200;
  });
}

/** The program itself. */
async function program(binary: string, webhook: string): Promise<string> {
  const [port] = await freePorts(1);
  const env = {
    LISTENADDRESS: '127.0.0.1',
    LISTENPORT: String(port),
    WEBHOOK_ADDRESS: `${webhook}/v1/falco`,
    WEBHOOK_CUSTOMHEADERS: `Authorization:Bearer ${TOKEN}`,
    // A test event comes whatever this says.
    WEBHOOK_MINIMUMPRIORITY: 'critical',
  };
  const child = spawn(binary, { env, stdio: 'ignore' });
  const ended = once(child, 'exit');
  closers.push(() => (child.kill('SIGKILL'), ended));
  const url = `http://127.0.0.1:${port}`;
  const isUp = () =>
    fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  await expect.poll(isUp, { timeout: 20_000 }).toBe(true);
  return url;
}

// Where the variable names the binary; elsewhere there is no such test.
const BINARIES = [process.env['FALCOSIDEKICK_BIN'] ?? ''].filter((path) => path !== '');
const SENDERS: [string, (webhook: string) => Promise<string>][] = [
  ['a double that posts what was recorded', double],
  ...BINARIES.map((binary): (typeof SENDERS)[number] => [binary, (webhook) => program(binary, webhook)]),
];

describe('the whole loop', () => {
  it.each(SENDERS)('comes back to the record: %s', async (_name, start) => {
    const clock = new JumpClock();
    // Time limits of requests are not to be jumped over.
    const real = { clock: systemClock, random: Math.random };
    const { transport } = createEmbeddedCluster(real);
    const client = createKubeClient({ transport, ...real });
    const metadata = { name: SYSTEM_NAMESPACE };
    await client.create(NAMESPACES, {}, { apiVersion: 'v1', kind: 'Namespace', metadata });
    await client.create(CONFIG_MAPS, AT, { apiVersion: 'v1', kind: 'ConfigMap', metadata: AT });
    const data = async () =>
      ((await client.get<KubeObject>(CONFIG_MAPS, AT))['data'] ?? {}) as Record<string, string>;

    const bench = new WebhookBench({ onArrival: (arrival) => silence.arrived(arrival) });
    closers.push(() => bench.webhook.close());
    const webhook = await bench.webhook.listen({ host: '127.0.0.1', port: 0 });
    const url = await start(webhook);
    const metrics = createMetrics({ outcomes: OUTCOMES });
    // Its time limit is not to be jumped over.
    const wanted = silenceOf(settingsFor(url), systemClock).silence;
    const log = new RecordingLog();
    const silence = createSilence({ client, clock, random: Math.random, log, metrics, ...wanted });
    const stopping = new AbortController();
    const running = silence.run(stopping.signal);
    closers.push(async () => {
      stopping.abort();
      await running;
      await silence.close();
    });
    // The first look only reads.
    await expect
      .poll(() => clock.jump(10_000) ?? data(), { timeout: 20_000 })
      .toHaveProperty('lastCanaryAnswered');
    const { lastCanaryAnswered, lastCanarySentTimestamp, lastTestTimestamp } = await data();
    expect(lastCanaryAnswered).toBe(lastCanarySentTimestamp);
    expect(lastTestTimestamp).toBeDefined();
    expect(bench.counted).toEqual(['Ignored']);
    expect(await metrics.render()).toMatch(/^die_operator_canary_failing 0$/m);
    expect(log.lines).toEqual([]);
  });
});
