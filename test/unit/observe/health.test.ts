import { afterEach, describe, expect, it } from 'vitest';
import { createHealth, type Health, type ReadinessCheck } from '../../../src/observe/health.ts';
import { createMetrics } from '../../../src/observe/metrics.ts';

const metrics = createMetrics({ outcomes: ['Opened'] });
const check = (name: string, reason: () => string | undefined): ReadinessCheck => ({ name, reason });

let health: Health;
const serve = (...checks: ReadinessCheck[]) => {
  health = createHealth({ checks, metrics });
  return (url: string) => health.inject({ method: 'GET', url });
};
afterEach(() => health.close());

describe('/readyz', () => {
  it('is 503 with the reasons until every check holds', async () => {
    let synced = false;
    const get = serve(
      check('caches', () => (synced ? undefined : 'pods are not listed yet: 403 from the API server')),
      check('tokens', () => undefined),
    );
    const before = await get('/readyz');
    expect(before.statusCode).toBe(503);
    expect(before.json()).toEqual({
      ready: false,
      checks: [
        { name: 'caches', ready: false, reason: 'pods are not listed yet: 403 from the API server' },
        { name: 'tokens', ready: true },
      ],
    });
    synced = true;
    const after = await get('/readyz');
    expect(after.statusCode).toBe(200);
    expect(after.json()).toMatchObject({ ready: true });
    synced = false;
    expect((await get('/readyz')).statusCode).toBe(503);
  });

  it('shows what somebody should look at, and stays ready', async () => {
    const get = serve(
      { name: 'certificate', reason: () => undefined, warning: () => 'the new key does not fit' },
      { name: 'tokens', reason: () => undefined, warning: () => undefined },
    );
    const response = await get('/readyz');
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({
      ready: true,
      checks: [
        { name: 'certificate', ready: true, warning: 'the new key does not fit' },
        { name: 'tokens', ready: true },
      ],
    });
  });

  it('takes a check that breaks as one that does not hold', async () => {
    const get = serve(
      check('lease', () => {
        throw new Error('no lease client');
      }),
    );
    const response = await get('/readyz');
    expect(response.statusCode).toBe(503);
    expect(response.json()).toMatchObject({ checks: [{ reason: 'the check failed: no lease client' }] });
  });

  it('is 200 when nothing has to hold', async () => {
    expect((await serve()('/readyz')).statusCode).toBe(200);
  });
});

describe('/livez', () => {
  it('is 200 also when nothing is ready, so that a restart is not the answer', async () => {
    const get = serve(check('caches', () => 'not yet'));
    const response = await get('/livez');
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({ alive: true });
  });
});

describe('/metrics', () => {
  it('is what Prometheus reads', async () => {
    const response = await serve()('/metrics');
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(response.body).toContain('die_operator_alerts_total{outcome="Opened"} 0');
  });
});

describe('the port', () => {
  it('serves nothing else', async () => {
    const get = serve();
    expect((await get('/')).statusCode).toBe(404);
    expect((await get('/v1/falco')).statusCode).toBe(404);
  });

  it('can be reached', async () => {
    serve();
    const url = await health.listen({ host: '127.0.0.1', port: 0 });
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });
});
