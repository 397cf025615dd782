// Small texts from outside that have a reader of their own: image names, durations, patterns, tokens, settings,
// kubeconfigs, refusals, file names.
import assert from 'node:assert/strict';
import { KubeConfig } from '@kubernetes/client-node';
import fc from 'fast-check';
import { parseSeverity, SEVERITIES } from '../../src/api/severity.ts';
import { classify } from '../../src/controller/errors.ts';
import { parseDuration } from '../../src/decide/duration.ts';
import { compileGlob } from '../../src/decide/glob.ts';
import { imageDigest, pinnedDigest, qualifiedName } from '../../src/decide/images.ts';
import { bearerMatches } from '../../src/detect/bearer.ts';
import { parseTokens } from '../../src/detect/tokens.ts';
import { isSafePath, MAX_SEGMENT, pathSegment } from '../../src/evidence/path.ts';
import { connectionFrom } from '../../src/kube/connection.ts';
import { KubeError, statusError } from '../../src/kube/errors.ts';
import { readSettings } from '../../src/settings.ts';
import { fuzz } from './support/fuzz.ts';
import { mutationsOf } from './support/mutate.ts';
import { anyText, CANARY, longText, oddJson, oddText, type Json } from './support/noise.ts';
import { assertClean } from './support/oracles.ts';

const YEAR_MS = 365 * 24 * 3_600_000;
const HEX = '0123456789abcdef'.repeat(4);
const DIGEST = /^sha256:[0-9a-f]{64}$|^sha512:[0-9a-f]{128}$/;
const TOKEN = 'a-good-token-of-24-chars';

const joined = (parts: readonly string[], most = 8) =>
  fc.array(fc.oneof(fc.constantFrom(...parts), oddText), { maxLength: most }).map((all) => all.join(''));

const image = joined([
  'registry.example',
  ':5000',
  '/',
  'shop',
  '/web',
  ':1.2',
  '@',
  `sha256:${HEX}`,
  HEX,
  'docker://',
  'localhost',
  'A',
]);
const durationText = joined(['1', '99999', 'h', 'm', 's', '10m', '0s', '-', '.5', 'e3']);
// What backtracks on a long text of the same letters never ends.
const manyStars = fc.integer({ min: 2, max: 120 }).map((stars) => `${'*a'.repeat(stars)}*b`);
const pattern = joined(['*', '**', 'a', 'DIE ', 'registry.example/*', 'b']);
const tokens = joined([
  TOKEN,
  '\n',
  '\r\n',
  '# a comment',
  'x'.repeat(15),
  'x'.repeat(513),
  CANARY.repeat(3),
  'a:b',
  ' ',
]);
const settings = mutationsOf([
  {
    tokenFile: '/tokens',
    intakePort: '2802',
    maxAlertAge: '15m',
    roles: ['receiver'],
    watchNamespaces: ['shop'],
  },
  { allowUnauthenticatedIntake: true, instance: 'a', logLevel: 'warn', protectedNamespaces: [] },
]);
const kubeconfig = mutationsOf([
  {
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u', namespace: 'shop' } }],
    clusters: [
      { name: 'k', cluster: { server: 'https://127.0.0.1:6443', 'certificate-authority-data': 'LS0tLQ==' } },
    ],
    users: [{ name: 'u', user: { token: 'secret-token', username: 'x', password: 'y' } }],
  },
]);
const refusal = mutationsOf([
  {
    kind: 'Status',
    status: 'Failure',
    message: 'Cannot evict pod as it would violate the disruption budget.',
    reason: 'TooManyRequests',
    code: 429,
    details: {
      name: 'web-1',
      retryAfterSeconds: 10,
      causes: [{ reason: 'DisruptionBudget', message: 'x', field: 'y' }],
    },
  },
]);

/** One reader with one text for it. */
type Case = { reader: keyof typeof READERS; given: Json };
const of = (reader: keyof typeof READERS, given: fc.Arbitrary<Json>): fc.Arbitrary<Case> =>
  fc.record({ reader: fc.constant(reader), given });
const pair = (a: fc.Arbitrary<Json>, b: fc.Arbitrary<Json>): fc.Arbitrary<Json> => fc.tuple(a, b);

const READERS = {
  image: (text: string) => {
    for (const digest of [imageDigest(text), pinnedDigest(text)])
      assert.match(digest ?? `sha256:${HEX}`, DIGEST);
    assert.match(qualifiedName(text), /^[^/]*\/[^]*[:@]/u);
  },
  duration: (text: string) => {
    const ms = orError(RangeError, () => parseDuration(text));
    assert.ok(ms === undefined || (Number.isInteger(ms) && ms >= 0 && ms <= YEAR_MS), `${ms} ms`);
  },
  glob: ([glob, text]: [string, string]) => {
    const matches = compileGlob(glob)(text);
    if (!glob.includes('*')) assert.equal(matches, glob === text);
    assert.ok(
      compileGlob('*')(text) && compileGlob(text.replaceAll('*', '?') + '*')(text.replaceAll('*', '?')),
    );
  },
  tokens: (text: string) => {
    const found = orError(Error, () => parseTokens(text, '/tokens'), CANARY);
    for (const token of found ?? []) assert.match(token, /^[\x21-\x2b\x2d-\x39\x3b-\x7e]{16,512}$/);
    assert.ok(found === undefined || found.length === 1 || found.length === 2);
  },
  bearer: ([header, token]: [string, string]) => {
    if (bearerMatches(header, [TOKEN, token])) assert.ok(header.endsWith(TOKEN) || header.endsWith(token));
  },
  settings: (given: Json) => {
    const read = orError(Error, () => readSettings(given as Record<string, unknown>));
    assert.ok(read === undefined || (read.roles.length > 0 && parseDuration(read.maxAlertAge) >= 0));
  },
  kubeconfig: async (given: Json) => {
    const config = new KubeConfig();
    // What the library refuses, and in which words, is not ours.
    if (!loads(() => config.loadFromString(JSON.stringify(given)))) return;
    const connection = orError(Error, () => connectionFrom(config));
    await connection?.credentials().catch((error: unknown) => assert.ok(error instanceof Error));
  },
  refusal: ([status, body, header]: [number, Json, string]) => {
    const error = statusError('get Pod shop/web-1', { status, retryAfter: header, body });
    assert.ok(error instanceof KubeError && Number.isFinite(error.retryAfterMs ?? 0));
    assertClean(error.message, 'message', 700);
    const { reason, message, afterMs } = classify(error);
    assert.match(reason, /^[A-Za-z]{1,64}$/);
    assertClean(message, 'message', 8_000);
    assert.ok(afterMs === undefined || afterMs >= 0, `again after ${afterMs} ms`);
  },
  path: ([one, other]: [string, string]) => {
    assert.ok(isSafePath(pathSegment(one)) && pathSegment(one).length <= MAX_SEGMENT);
    if (one !== other) assert.notEqual(pathSegment(one), pathSegment(other));
    if (isSafePath(one)) assert.ok(!one.split('/').some((part) => part === '..' || part === ''));
  },
  severity: (text: string) => assert.ok(SEVERITIES.includes(parseSeverity(text) ?? 'Debug')),
} as const;

const input: fc.Arbitrary<Case> = fc.oneof(
  of('image', fc.oneof(image, anyText)),
  of('duration', fc.oneof(durationText, anyText)),
  of('glob', pair(fc.oneof(pattern, manyStars, anyText), fc.oneof(anyText, longText))),
  of('tokens', tokens),
  of('bearer', pair(fc.oneof(anyText, fc.constant(`Bearer ${TOKEN}`)), anyText)),
  of('settings', settings),
  of('kubeconfig', kubeconfig),
  of(
    'refusal',
    fc.tuple(
      fc.constantFrom(400, 403, 404, 409, 410, 422, 429, 500, 503, 307, 0),
      fc.oneof(refusal, oddJson),
      oddText,
    ) as fc.Arbitrary<Json>,
  ),
  of('path', pair(anyText, anyText)),
  of('severity', fc.oneof(anyText, fc.constantFrom(...SEVERITIES))),
);

fuzz({
  name: 'texts',
  promise: 'any text is read as promised, or refused with the promised error',
  input,
  check: ({ reader, given }, seen) => {
    seen(reader);
    return (READERS[reader] as (value: Json) => unknown)(given);
  },
  reaches: Object.keys(READERS),
});

function loads(load: () => void): boolean {
  try {
    load();
    return true;
  } catch {
    return false;
  }
}

/** What the work gives; undefined if it throws the promised error, whose message does not hold the secret. */
function orError<T>(type: new (...args: never[]) => Error, work: () => T, secret?: string): T | undefined {
  try {
    return work();
  } catch (error) {
    assert.ok(
      error instanceof type && !(error instanceof TypeError),
      `not the promised error: ${String(error)}`,
    );
    assert.ok(
      secret === undefined || !error.message.includes(secret),
      `the message quotes: ${error.message}`,
    );
    return undefined;
  }
}
