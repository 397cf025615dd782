import { describe, expect, it } from 'vitest';
import { TOKEN, WebhookBench, alert } from './support.ts';

const body = (fields: object = {}, rest: object = {}) => JSON.stringify(alert(fields, rest));
const WRONG_TYPE = { error: { path: 'Content-Type', message: 'must be application/json' } };

describe('what is no alert', () => {
  it.each([
    ['no JSON', '{"rule":', 'body', 'is not valid JSON'],
    ['nothing', '', 'body', 'is not valid JSON'],
    ['no object', '[]', 'body', /expected object/],
    ['a null', 'null', 'body', /expected object/],
    ['a bad field', body({}, { priority: 'bogus' }), 'priority', /must be one of Debug,/],
    ['a poisoned prototype', `{"__proto__":{},${body().slice(1)}`, '__proto__', /not an accepted key/],
    [
      'one deep inside',
      body({ a: { b: 1 } }).replace('"b"', '"__proto__"'),
      'output_fields.a.__proto__',
      /key/,
    ],
    [
      'nesting over 32',
      body({ a: 0 }).replace('"a":0', `"a":${'['.repeat(40)}${']'.repeat(40)}`),
      /^output/,
      /32/,
    ],
  ])('%s: 400 with place and reason', async (_what, payload, path, message) => {
    const bench = new WebhookBench();
    const response = await bench.post(payload);
    expect(response.statusCode).toBe(400);
    const { error } = response.json<{ error: { path: string; message: string } }>();
    expect(error.path).toMatch(path);
    expect(error.message).toMatch(message);
    expect(bench.counted).toEqual([400]);
    expect(bench.intake.detections).toEqual([]);
    expect(({} as { rule?: string }).rule).toBeUndefined();
  });

  it.each([
    ['application/json', 202],
    ['application/json; charset=utf-8', 202],
    ['Application/JSON;charset=UTF-8', 202],
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/json-patch+json', 415],
    ['application/jsonx', 415],
    ['nonsense', 415],
    [undefined, 415],
  ])('content type %s: %i', async (type, status) => {
    const response = await new WebhookBench().post(body(), { 'content-type': type });
    expect(response.statusCode).toBe(status);
    expect(response.json()).toMatchObject(status === 415 ? WRONG_TYPE : { outcome: 'Opened' });
  });

  it('is refused compressed, as the limit counts what is read', async () => {
    const response = await new WebhookBench().post(body(), { 'content-encoding': 'gzip' });
    expect(response.statusCode).toBe(415);
    expect(response.json()).toMatchObject({ error: { path: 'Content-Encoding' } });
  });

  it('is refused over 256 KiB, or the limit that was set', async () => {
    const padded = (bytes: number) => body().slice(0, -1) + ' '.repeat(bytes - body().length) + '}';
    expect((await new WebhookBench().post(padded(256 * 1024))).statusCode).toBe(202);
    const response = await new WebhookBench().post(padded(256 * 1024 + 1));
    expect(response.statusCode).toBe(413);
    expect(response.json()).toEqual({ error: { path: 'body', message: 'is larger than accepted' } });
    expect((await new WebhookBench({ bodyLimit: 100 }).post(body())).statusCode).toBe(413);
  });

  it.each([
    ['GET', '/v1/falco', 405],
    ['PUT', '/v1/falco', 405],
    ['DELETE', '/v1/falco?x=1', 405],
    ['HEAD', '/v1/falco', 405],
    ['OPTIONS', '/v1/falco', 405],
    ['POST', '/', 404],
    ['POST', '/v1/falco/', 404],
    ['POST', '/v1/defender', 404],
    ['GET', '/metrics', 404],
    ['POST', '/v1//falco', 404],
    ['POST', '/v1/falco%2f', 404],
    ['POST', '/%zz', 400],
  ] as const)('%s %s: %i', async (method, url, status) => {
    const bench = new WebhookBench();
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
    const response = await bench.webhook.inject({ method, url, headers, payload: '{' });
    expect(response.statusCode).toBe(status);
    expect(response.headers.allow).toBe(status === 405 ? 'POST' : undefined);
    expect(response.body).toMatch(method === 'HEAD' ? /^$/ : /^\{"error":\{"path":"(url|method)","message":/);
    expect(bench.intake.detections).toEqual([]);
  });
});

describe('without a valid token', () => {
  it.each([undefined, 'Bearer wrong-token-of-enough-length', `Basic ${TOKEN}`, TOKEN])(
    '%s: 401',
    async (header) => {
      const bench = new WebhookBench();
      const response = await bench.post(body(), { authorization: header });
      expect(response.statusCode).toBe(401);
      expect(response.headers['www-authenticate']).toBe('Bearer realm="die-operator"');
      expect(response.json()).toEqual({ error: { path: 'Authorization', message: expect.any(String) } });
      expect(bench.counted).toEqual([401]);
      expect(bench.intake.detections).toEqual([]);
    },
  );

  it.each([
    ['no JSON', '{', 'application/json', '/v1/falco'],
    ['too large', 'x'.repeat(300_000), 'application/json', '/v1/falco'],
    ['a wrong content type', '{}', 'text/plain', '/v1/falco'],
    ['an unknown path', '{}', 'application/json', '/admin'],
  ])('nothing else is told: %s', async (_what, payload, type, url) => {
    const { webhook } = new WebhookBench();
    const response = await webhook.inject({
      method: 'POST',
      url,
      payload,
      headers: { 'content-type': type },
    });
    expect(response.statusCode).toBe(401);
  });

  it('there is none at all: nobody gets in', async () => {
    const bench = new WebhookBench();
    bench.tokens = [];
    expect((await bench.post(body())).statusCode).toBe(401);
  });

  it('tokens are asked for each request: both are valid while they rotate, and the old one ends', async () => {
    const bench = new WebhookBench();
    const next = 'the-next-token-of-enough-length';
    const statuses = async () => {
      const old = await bench.post(body());
      const fresh = await bench.post(body(), { authorization: `bearer ${next}` });
      return [old.statusCode, fresh.statusCode];
    };
    expect(await statuses()).toEqual([202, 401]);
    bench.tokens = [TOKEN, next];
    expect(await statuses()).toEqual([202, 202]);
    bench.tokens = [next];
    expect(await statuses()).toEqual([401, 202]);
  });
});
