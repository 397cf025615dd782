// The double of Falcosidekick does with recorded events what the real one did.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { faultOf, forwardedBody, refusalOf } from '../../support/strict-falcosidekick.ts';

const FOLDER = new URL('../../fixtures/falcosidekick/', import.meta.url);

interface Recording {
  sentToSidekick?: unknown;
  sidekickReply?: number;
  received?: { request: { body: string } }[];
}

// Those in which a POST of ours was answered; other ones are of /test, of NATS, or of other settings.
const recordings = readdirSync(FOLDER)
  .map((name) => [name, JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Recording] as const)
  .filter(([, { sentToSidekick: sent }]) => typeof sent === 'string' && sent.startsWith('{'));

test('there are recordings of both answers', () => {
  const replies = new Set(recordings.map(([, { sidekickReply }]) => sidekickReply));
  expect(replies).toEqual(new Set([200, 400]));
  expect(recordings.length).toBeGreaterThan(15);
});

describe('as in the recording', () => {
  test.each(recordings)('%s', (name, { sentToSidekick, sidekickReply, received }) => {
    const sent = sentToSidekick as string;
    expect(refusalOf(sent) === undefined ? 200 : 400).toBe(sidekickReply);
    const [first] = received ?? [];
    // It cuts long texts, makes spellings of priorities equal, and adds fields that it is configured with.
    if (first === undefined || /truncated|priority|customfields|unknown-keys|no-output|env-/.test(name))
      return;
    const withoutUuid = (body: string) => body.replace(/"uuid":"[^"]*"/, '');
    const event = JSON.parse(sent.replaceAll(/:(\d{17,})/g, ':"$1"')) as Record<string, unknown>;
    const own = forwardedBody(event).replaceAll(/:"(\d{17,})"/g, ':$1');
    expect(withoutUuid(own)).toBe(withoutUuid(first.request.body));
  });
});

test('an event that nobody should send is found', () => {
  const event = {
    rule: 'r',
    priority: 'Notice',
    time: '2026-11-22T00:00:00Z',
    output: 'o',
    output_fields: { a: 'b' },
  };
  const of = (change: object) => {
    const body = JSON.stringify({ ...event, ...change });
    return refusalOf(body) ?? faultOf(body);
  };
  expect(of({})).toBeUndefined();
  expect(of({ output_fields: {} })).toBe('output_fields');
  expect(of({ output_fields: { 'k8s.ns.name': 5 } })).toBe('k8s names');
  expect(of({ output_fields: { a: 1 } })).toMatch(/no text/);
  expect(of({ rule: 'Test rule' })).toMatch(/Test rule/);
  expect(of({ tags: [1] })).toBe('tags');
  expect(of({ more: 1 })).toMatch(/dropped: more/);
  expect(of({ output: 'x'.repeat(5000) })).toMatch(/4096/);
  expect(of({ time: 'yesterday' })).toBe('time');
});
