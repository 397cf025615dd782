import { describe, expect, it } from 'vitest';
import { SEVERITIES, type Severity } from '../../../src/api/severity.ts';
import {
  FALCO_ALERTS,
  falcoLine,
  falcoRequest,
  natsBodies,
  recordings,
  sidekick,
  type RecordedRequest,
  type Told,
} from './recorded.ts';
import { TOKEN, WebhookBench } from './support.ts';

const FULL = '2349fe66d55b8451092feecb1bba53f674736f870e78a7f37e2bcd4144347147';
const NAMES = { podName: 'cart-0', namespace: 'shop', containerName: 'app', hostname: 'node-1' };
const IDENTITY: Record<Told, object> = {
  pod: { ...NAMES, podUid: '11111111-2222-3333-4444-555555555555', containerId: FULL },
  name: { ...NAMES, containerId: FULL.slice(0, 12) },
  container: { containerId: '94935370278f', hostname: 'node-1' },
};
const WEB_1 = { podName: 'web-1', namespace: 'shop', containerId: '0fdb3cd5b5fc', containerName: 'web' };

/** Posts a request as it was recorded, with a token that is valid here; the length is that of the body. */
async function replay({ headers, body }: RecordedRequest) {
  const bench = new WebhookBench();
  const { host: _host, 'content-length': _length, ...sent } = headers;
  const response = await bench.webhook.inject({
    method: 'POST',
    url: '/v1/falco',
    payload: body,
    headers: { ...sent, authorization: `Bearer ${TOKEN}` },
  });
  return { bench, response, detection: bench.intake.detections[0] };
}

const asFalco = (body: string): RecordedRequest => ({
  headers: { 'content-type': 'application/json' },
  body,
});

describe('alerts recorded from Falco', () => {
  it('are all in the table', () => {
    const names = FALCO_ALERTS.map(([name]) => name);
    expect([...names, 'http-request-as-received'].toSorted()).toEqual(recordings('falco').toSorted());
  });

  it.each(FALCO_ALERTS)('%s: %s, tells the %s, executable %s', async (name, severity, told, executable) => {
    const { response, detection } = await replay(asFalco(falcoLine(name)));
    expect(response.statusCode).toBe(202);
    expect(response.json()).toMatchObject({ outcome: 'Opened', incident: 'shop/cart-0-1' });
    expect(detection?.summary.severity).toBe(severity);
    expect(detection?.summary.executable).toBe(executable);
    expect(detection?.identity).toEqual(IDENTITY[told]);
    expect(detection?.summary.time).toMatch(/^2026-11-22T\d\d:\d\d:\d\d\.\d{9}Z$/);
    expect(detection?.tags).toContain('container');
  });

  it('have ids of their own, but for the one that is there twice', async () => {
    const ids = new Map<string, string>();
    for (const [name] of FALCO_ALERTS) {
      const { detection } = await replay(asFalco(falcoLine(name)));
      ids.set(name, detection?.summary.id ?? '');
    }
    expect(new Set(ids.values()).size).toBe(FALCO_ALERTS.length);
    const { detection } = await replay(falcoRequest());
    expect(detection?.summary.id).toBe(ids.get('B2-app-runs-dropped__die-binary-drift-executed'));
  });

  it('arrive with the headers that Falco sends', async () => {
    const { response, detection } = await replay(falcoRequest());
    expect(response.statusCode).toBe(202);
    expect(detection?.summary).toMatchObject({ rule: 'DIE Binary Drift Executed', executable: '/tmp/nc' });
  });
});

describe('alerts recorded from Falcosidekick', () => {
  const opened: readonly (readonly [string, Severity, object])[] = [
    ['01-normal', 'Critical', {}],
    ['02-null-k8s-fields', 'Critical', { podName: undefined, namespace: undefined }],
    ['03-long-cmdline-truncated', 'Critical', {}],
    ['03b-long-multibyte-truncated', 'Critical', {}],
    ['05-customfields-customheaders', 'Critical', {}],
    ['05b-env-customheaders', 'Critical', {}],
    ['06-priority-Alert', 'Alert', {}],
    ['06-priority-CRITICAL', 'Critical', {}],
    ['06-priority-Critical', 'Critical', {}],
    ['06-priority-Debug', 'Debug', {}],
    ['06-priority-Emergency', 'Emergency', {}],
    ['06-priority-Error', 'Error', {}],
    ['06-priority-Info', 'Informational', {}],
    ['06-priority-Informational', 'Informational', {}],
    ['06-priority-Notice', 'Notice', {}],
    ['06-priority-Warning', 'Warning', {}],
    ['06-priority-info', 'Informational', {}],
    ['07-odd-empty-output', 'Critical', {}],
    ['07-odd-k8s-NA', 'Critical', { podName: undefined }],
    ['07-odd-k8s-empty-string', 'Critical', { podName: undefined }],
    ['07-odd-no-hostname', 'Critical', { hostname: undefined }],
    ['07-odd-no-source', 'Critical', {}],
    ['07-odd-no-tags', 'Critical', {}],
    ['07-odd-unknown-keys', 'Critical', {}],
  ];
  /** What Falcosidekick refused, with the field that we refuse too when Falco sends it directly. */
  const refused = [
    ['06-priority-bogus', 'priority'],
    ['06-priority-empty', 'priority'],
    ['07-odd-no-output-fields', 'output_fields'],
    ['07-odd-no-time', 'time'],
  ] as const;

  it('are all in a table', () => {
    const names = [...opened, ...refused].map(([name]) => name);
    expect([...names, '04-test-event', '08-nats-messages'].toSorted()).toEqual(
      recordings('falcosidekick').toSorted(),
    );
  });

  it.each(opened)('%s: %s', async (name, severity, differences) => {
    const { request } = sidekick(name);
    if (!request) throw new Error(`${name} holds no request`);
    const { response, detection } = await replay(request);
    expect(response.statusCode).toBe(202);
    expect(response.json()).toMatchObject({ outcome: 'Opened' });
    expect(detection?.summary).toMatchObject({
      rule: 'Drop and execute new binary in container',
      time: '2026-08-01T15:31:56.746609046Z',
      severity,
      executable: '/tmp/x',
    });
    const told = { ...WEB_1, hostname: 'node-1', ...differences };
    expect(detection?.identity).toEqual(
      Object.fromEntries(Object.entries(told).filter(([, value]) => value)),
    );
  });

  it.each(refused)('%s is refused for its %s', async (name, field) => {
    const { sent, request } = sidekick(name);
    expect(request).toBeUndefined();
    const { response, bench } = await replay(asFalco(sent));
    expect(response.statusCode).toBe(400);
    expect(response.json()).toEqual({ error: { path: field, message: expect.any(String) } });
    expect(bench.intake.detections).toEqual([]);
    expect(bench.counted).toEqual([400]);
  });

  it('say so when it is the test event', async () => {
    const { request } = sidekick('04-test-event');
    if (!request) throw new Error('holds no request');
    const { response, bench } = await replay(request);
    expect(response.statusCode).toBe(202);
    expect(response.json()).toEqual({
      outcome: 'Ignored',
      message: expect.stringContaining('alerts arrive'),
    });
    expect(bench.intake.detections).toEqual([]);
    expect(bench.counted).toEqual(['Ignored']);
  });

  it('are the same alert by NATS', async () => {
    const bodies = natsBodies();
    expect(bodies.length).toBeGreaterThan(1);
    for (const body of bodies) {
      const { response, detection } = await replay(asFalco(body));
      expect(response.statusCode).toBe(202);
      expect(SEVERITIES).toContain(detection?.summary.severity);
      expect(detection?.identity).toMatchObject({ podName: 'web-1', namespace: 'shop', hostname: 'node-1' });
    }
  });

  it('do not differ by the uuid that Falcosidekick makes anew', async () => {
    const ids = ['01-normal', '06-priority-Critical', '06-priority-CRITICAL'].map(async (name) => {
      const { request } = sidekick(name);
      if (!request) throw new Error('holds no request');
      return (await replay(request)).detection?.summary.id;
    });
    expect(new Set(await Promise.all(ids)).size).toBe(1);
  });
});
