// The webhook: any request gets an answer of the promised form, and only what may pass reaches the intake.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Detection } from '../../src/api/detection.ts';
import { OUTCOMES } from '../../src/detect/outcome.ts';
import { TOKEN, WebhookBench } from '../unit/detect/support.ts';
import { ALERT_WORDS } from './support/alert-words.ts';
import { recordedAlerts } from './support/corpus.ts';
import { fuzz } from './support/fuzz.ts';
import { mutationsOf } from './support/mutate.ts';
import { anyText, CANARY, oddJson } from './support/noise.ts';
import { assertClean, assertDetection, assertOurs } from './support/oracles.ts';
import { damage, onWire } from './support/wire.ts';

/** What the webhook documents. */
const STATUSES = [202, 400, 401, 404, 405, 413, 415, 503];
const MAX_BODY = 256 * 1024;

const METHODS = ['POST', 'GET', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'] as const;
const URLS = [
  '/v1/falco',
  '/v1/falco?x=1',
  '/v1/falco/',
  '/v1/defender',
  '/',
  '/%',
  '/v1/falco/../falco',
  '/V1/FALCO',
];
const TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'APPLICATION/JSON',
  'application/json; charset=utf-16',
  'text/plain',
  'application/json, text/plain',
  'multipart/form-data; boundary=x',
  '',
  ';',
];
const BEARER = `Bearer ${TOKEN}`;
const CREDENTIALS = [
  `bearer  ${TOKEN}`,
  'Bearer',
  '',
  `Bearer ${TOKEN}x`,
  `Basic ${TOKEN}`,
  `Bearer ${TOKEN},${TOKEN}`,
];

// What Node's HTTP parser lets through.
const headerText = anyText.map((text) => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '').slice(0, 2_000));
// What the injector takes for a URL; over a socket the rest gets its 400 or 404, too.
const urlText = headerText
  .map((text) => `/${text.replaceAll(/\s/g, '')}`)
  .filter((url) => URL.canParse(url, 'http://localhost'));
const usually = <T>(usual: T, otherwise: fc.Arbitrary<T>, weight = 30) =>
  fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: otherwise });
const length = fc.constantFrom('0', '-1', '1e9', '99999999999', 'x');

const request = fc.record({
  method: usually<(typeof METHODS)[number]>('POST', fc.constantFrom(...METHODS)),
  url: usually('/v1/falco', fc.oneof(fc.constantFrom(...URLS), urlText)),
  type: usually('application/json', fc.oneof(fc.constantFrom(...TYPES), headerText)),
  credential: usually(BEARER, fc.oneof(fc.constantFrom(...CREDENTIALS), headerText)),
  more: usually<Record<string, string>>(
    {},
    fc.oneof(
      fc.record({ 'content-encoding': headerText }),
      fc.record({ 'content-length': length }),
      fc.record({ 'x-forwarded-for': headerText, 'accept-version': headerText }),
    ),
  ),
  document: fc.oneof(
    { weight: 19, arbitrary: mutationsOf(recordedAlerts(), 5, ALERT_WORDS) },
    { weight: 1, arbitrary: oddJson },
  ),
  damage,
  room: usually(true, fc.constant(false)),
});

const bench = new WebhookBench();
const opened = bench.intake.answer;

fuzz({
  name: 'webhook',
  promise: 'any request is answered as documented, in words of ours, and nothing passes without a credential',
  input: request,
  check: async ({ method, url, type, credential, more, document, damage: how, room }, seen) => {
    const payload = onWire(document, how);
    bench.intake.detections.length = 0;
    bench.log.lines.length = 0;
    bench.intake.answer = room ? opened : () => ({ accepted: false, reason: 'no room' });
    const headers = { 'content-type': type, authorization: credential, ...more };
    const answer = await bench.webhook.inject({ method, url, payload, headers });
    seen(String(answer.statusCode));
    assert.ok(STATUSES.includes(answer.statusCode), `answered ${answer.statusCode}: ${answer.body}`);
    assertAnswer(answer.statusCode, answer.body, method === 'HEAD');
    assertIntake(bench.intake.detections, answer.statusCode, { credential, room, size: payload.length });
    assertLog();
  },
  reaches: STATUSES.map(String),
});

function assertAnswer(status: number, body: string, isHead: boolean): void {
  if (isHead) return;
  assert.ok(Buffer.byteLength(body) <= 1024, `the answer has ${body.length} characters`);
  const answer = JSON.parse(body) as Record<string, unknown>;
  if (status === 202) {
    assert.ok([...OUTCOMES, 'Queued'].includes(String(answer['outcome'])), body);
    assertOurs(String(answer['message']), 'message', 256);
    return;
  }
  assert.deepEqual(Object.keys(answer), ['error']);
  const { path, message, ...rest } = answer['error'] as Record<string, unknown>;
  assert.deepEqual(rest, {});
  assertClean(String(path), 'path', 128);
  assertOurs(String(message), 'message', 256);
}

function assertIntake(
  detections: readonly Detection[],
  status: number,
  { credential, room, size }: { credential: string; room: boolean; size: number },
): void {
  assert.ok(detections.length <= 1, 'one request, several detections');
  const [detection] = detections;
  if (!detection) return;
  assertDetection(detection);
  assert.equal(status, room ? 202 : 503);
  assert.match(credential, new RegExp(`^bearer +${TOKEN}$`, 'i'), 'passed without a credential');
  assert.ok(size <= MAX_BODY, `a body of ${size} bytes was read`);
}

// A path in a body may be logged; nothing else that the sender wrote.
function assertLog(): void {
  for (const { level, fields, message } of bench.log.lines) {
    assert.notEqual(level, 'error', JSON.stringify(fields));
    const { path = '', ...others } = fields as { path?: string };
    assertClean(path, 'logged path', 128);
    assert.ok(!JSON.stringify({ others, message }).includes(CANARY), 'text of the alert is logged');
  }
}
