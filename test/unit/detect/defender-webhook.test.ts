// POST /v1/defender: what a sender is told about one alert and about several.
import { describe, expect, test } from 'vitest';
import type { DetectionOutcome } from '../../../src/detect/outcome.ts';
import { anAlert, constructed, OPTIONS, postDefender as post } from './defender-support.ts';
import { TOKEN, WebhookBench } from './support.ts';

const OPENED = { outcome: 'Opened', incident: 'shop/cart-0-1', message: 'opened' };
const IGNORED = { outcome: 'Ignored', message: expect.stringContaining('--defender-alert-types') };

describe('an alert of Defender', () => {
  test('is answered as one of Falco is', async () => {
    const bench = new WebhookBench({ defender: OPTIONS });
    const answer = await post(bench, constructed('rest-wrapped'));
    expect([answer.statusCode, answer.json()]).toEqual([202, OPENED]);
    expect(bench.intake.detections[0]?.summary.source).toBe('Defender');
  });

  test('of a type that is no drift is counted as ignored', async () => {
    const bench = new WebhookBench({ defender: OPTIONS });
    const answer = await post(bench, anAlert({ alertType: 'K8S_ExposedDashboard' }));
    expect([answer.statusCode, answer.json()]).toEqual([202, IGNORED]);
    expect(bench.counted).toEqual(['Ignored']);
    expect(bench.intake.detections).toEqual([]);
  });

  test('is not taken where the cluster is not known, and the answer says what to set', async () => {
    const bench = new WebhookBench();
    const answer = await post(bench, constructed('rest-wrapped'));
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toEqual({
      error: { path: 'url', message: expect.stringContaining('--defender-cluster-resource-id') },
    });
    expect((await post(bench, '{}', 'wrong-token-of-enough-characters')).statusCode).toBe(401);
  });

  test('is refused without a token, when it is not JSON, and by another method', async () => {
    const bench = new WebhookBench({ defender: OPTIONS });
    expect((await post(bench, anAlert(), 'wrong-token-of-enough-characters')).statusCode).toBe(401);
    expect((await post(bench, '{')).statusCode).toBe(400);
    expect((await post(bench, '{"a":{"__proto__":{}}}')).statusCode).toBe(400);
    const headers = { authorization: `Bearer ${TOKEN}` };
    const get = await bench.webhook.inject({ method: 'GET', url: '/v1/defender', headers });
    expect(get.statusCode).toBe(405);
  });
});

describe('several alerts in one request', () => {
  test('are answered one by one', async () => {
    const bench = new WebhookBench({ defender: OPTIONS });
    const answer = await post(bench, constructed('event-hub-batch'));
    expect([answer.statusCode, answer.json()]).toEqual([202, { outcomes: [OPENED, IGNORED] }]);
    expect((await post(bench, [])).json()).toEqual({ outcomes: [] });
  });

  test('are all to be sent again if one could not be kept', async () => {
    const bench = new WebhookBench({ defender: OPTIONS });
    const kept = { accepted: true, outcome: Promise.resolve(OPENED as DetectionOutcome) } as const;
    let n = 0;
    bench.intake.answer = () =>
      n++ === 0
        ? { ...kept, durable: Promise.resolve() }
        : { accepted: false, reason: 'too many alerts wait' };
    const answer = await post(bench, [anAlert(), anAlert({ systemAlertId: 'b' })]);
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1']);
    expect(bench.intake.detections).toHaveLength(2);
  });

  test('do not keep each other out: what is none is told as such, and refused where all are none', async () => {
    const bench = new WebhookBench({ defender: OPTIONS });
    const bad = anAlert({ severity: 'none' });
    const answer = await post(bench, [bad, anAlert()]);
    expect([answer.statusCode, answer.json()]).toEqual([
      202,
      { outcomes: [{ error: { path: 'severity', message: expect.any(String) } }, OPENED] },
    ]);
    expect(bench.counted).toEqual([400]);
    const none = await post(bench, [bad]);
    expect(none.statusCode).toBe(400);
    expect(none.json<{ error: { path: string } }>().error.path).toBe('[0].severity');
  });
});
