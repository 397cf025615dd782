// The HTTP server around the transport: real sockets, streaming, clients that go away.
import { afterEach, describe, expect, test } from 'vitest';
import { serveEmbedded, type ServedCluster } from '../../../src/embedded/http-server.ts';
import type { HttpRequest, Transport } from '../../../src/kube/transport.ts';
import { at, createLab, newPod, type Lab } from './harness.ts';

const servers: ServedCluster[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(transport: Transport): Promise<string> {
  const server = await serveEmbedded({ transport }, { port: 0 });
  servers.push(server);
  return server.url;
}

async function served(): Promise<{ lab: Lab; url: string }> {
  const lab = createLab();
  return { lab, url: await serve(lab.cluster.transport) };
}

async function* linesOf(
  response: Response,
): AsyncGenerator<{ type: string; object: { metadata: { name: string } } }> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body ?? []) {
    const parts = (rest + decoder.decode(chunk as Uint8Array)).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts)
      yield JSON.parse(line) as { type: string; object: { metadata: { name: string } } };
  }
}

describe('a request', () => {
  test('is answered on loopback only, with the status, headers and body of the transport', async () => {
    const { url } = await served();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const response = await fetch(`${url}${at('pods', 'none')}`);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toMatchObject({ kind: 'Status', reason: 'NotFound' });
  });

  test('carries its body, query and headers', async () => {
    const { lab, url } = await served();
    const response = await fetch(`${url}${at('pods')}?dryRun=All`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'curl' },
      body: JSON.stringify(newPod('web-1')),
    });
    expect(response.status).toBe(201);
    expect(lab.cluster.audit.at(-1)).toMatchObject({
      verb: 'create',
      path: `${at('pods')}?dryRun=All`,
      userAgent: 'curl',
      body: JSON.stringify(newPod('web-1')),
    });
  });

  test('may hold letters of more than one byte, cut anywhere on the way', async () => {
    const { lab, url } = await served();
    const text = 'ä€😀'.repeat(40_000);
    await fetch(`${url}${at('configmaps')}`, {
      method: 'POST',
      body: JSON.stringify({ metadata: { name: 'text' }, data: { text } }),
    });
    const { object } = await lab.call('GET', at('configmaps', 'text'));
    expect(object['data']).toEqual({ text });
  });

  test('of more than 3 MiB is refused', async () => {
    const { lab, url } = await served();
    const before = lab.cluster.audit.length;
    const body = 'x'.repeat(3_145_729);
    const response = await fetch(`${url}${at('configmaps')}`, { method: 'POST', body });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({
      reason: 'RequestEntityTooLarge',
      message: 'Request entity too large: limit is 3145728',
    });
    expect(lab.cluster.audit).toHaveLength(before);
  });

  test('with a method that the API does not have is refused', async () => {
    const { url } = await served();
    expect((await fetch(url, { method: 'OPTIONS' })).status).toBe(405);
  });

  test('whose transport fails ends its connection, and the server goes on', async () => {
    const { lab } = await served();
    let failures = 1;
    const url = await serve((request) => {
      if (failures-- > 0) throw new Error('out of order');
      return lab.cluster.transport(request);
    });
    await expect(fetch(`${url}${at('pods')}`)).rejects.toThrow('fetch failed');
    expect((await fetch(`${url}${at('pods')}`)).status).toBe(200);
  });
});

describe('a watch', () => {
  test('is answered before anything happens, and streams', async () => {
    const { lab, url } = await served();
    const response = await fetch(`${url}${at('pods')}?watch=true`);
    expect(response.status).toBe(200);
    const lines = linesOf(response);
    for (const name of ['a', 'b']) {
      await lab.call('POST', at('pods'), newPod(name));
      const { value } = await lines.next();
      expect(value).toMatchObject({ type: 'ADDED', object: { metadata: { name } } });
    }
    await lines.return(undefined);
  });

  test('is ended by a client that goes away', async () => {
    const { lab } = await served();
    const signals: AbortSignal[] = [];
    const url = await serve((request: HttpRequest) => {
      signals.push(request.signal);
      return lab.cluster.transport(request);
    });
    const timers = lab.clock.pending;
    const gone = new AbortController();
    const response = await fetch(`${url}${at('pods')}?watch=true`, { signal: gone.signal });
    expect(response.status).toBe(200);
    const aborted = new Promise((resolve) => signals[0]?.addEventListener('abort', resolve));
    gone.abort();
    await aborted;
    await lab.clock.advance(0);
    expect(lab.clock.pending).toBe(timers);
  });

  test('is told apart from other requests', async () => {
    const { lab } = await served();
    const streaming: boolean[] = [];
    const url = await serve((request) => {
      streaming.push(request.streaming);
      return lab.cluster.transport(request);
    });
    await (await fetch(`${url}${at('pods')}`)).text();
    const gone = new AbortController();
    await fetch(`${url}${at('pods')}?watch=1`, { signal: gone.signal });
    gone.abort();
    expect(streaming).toEqual([false, true]);
  });

  test('is ended by the server when it closes', async () => {
    const { url } = await served();
    const response = await fetch(`${url}${at('pods')}?watch=true`);
    const reading = response.text();
    await servers.pop()?.close();
    await expect(reading).rejects.toThrow('terminated');
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  });
});
