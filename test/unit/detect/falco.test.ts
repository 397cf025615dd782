import { describe, expect, it } from 'vitest';
import { parseFalco } from '../../../src/detect/falco.ts';
import { RECEIVED_AT, alert, detected } from './support.ts';

const parse = (body: unknown) => parseFalco(body, RECEIVED_AT);

describe('an alert of Falco', () => {
  it('becomes a detection with all that it tells', () => {
    const told = { podUid: '11111111-2222-3333-4444-555555555555', podName: 'cart-0', namespace: 'shop' };
    expect(detected(alert())).toEqual({
      summary: {
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        source: 'Falco',
        rule: 'DIE Binary Drift Executed',
        severity: 'Critical',
        time: '2026-11-22T18:01:30.725094322Z',
        receivedAt: RECEIVED_AT,
        hostname: 'node-1',
        containerID: '2349fe66d55b',
        containerName: 'app',
        executable: '/tmp/nc',
      },
      identity: { ...told, containerId: '2349fe66d55b', containerName: 'app', hostname: 'node-1' },
      tags: ['container', 'drift'],
      fields: expect.objectContaining({ 'proc.exepath': '/tmp/nc', 'proc.pid': '6787' }),
    });
  });

  it('needs nothing but rule, priority, time and output_fields', () => {
    const { summary, identity, tags } = detected({
      rule: 'x',
      priority: 'info',
      time: '2026-11-22T18:01:30Z',
      output_fields: {},
    });
    expect(summary.severity).toBe('Informational');
    expect(Object.keys(summary).toSorted()).toEqual([
      'id',
      'receivedAt',
      'rule',
      'severity',
      'source',
      'time',
    ]);
    expect({ identity, tags }).toEqual({ identity: {}, tags: [] });
  });

  it('may have keys and values that nobody asked for', () => {
    const odd = { a: null, b: 1.5, c: true, d: ['x', 1, null], e: { nested: {} }, f: 1.79e18 };
    expect(parse(alert(odd, { message: 1, uuid: {}, tags: null, hostname: null, source: null })).kind).toBe(
      'Detection',
    );
  });

  it('leaves command line, argument and output text out of what incidents keep', () => {
    const secret = 'hunter2';
    const body = alert({ 'proc.cmdline': `curl -u ${secret}`, 'proc.args': secret }, { output: secret });
    const { summary, identity, tags, fields } = detected(body);
    expect(JSON.stringify([summary, identity, tags])).not.toContain(secret);
    // Conditions of policies may ask for it.
    expect(fields['proc.args']).toBe(secret);
  });
});

describe('a field that is used', () => {
  it.each([
    ['rule', undefined],
    ['rule', ''],
    ['rule', 7],
    ['priority', undefined],
    ['priority', 'bogus'],
    ['priority', ''],
    ['priority', 3],
    ['time', undefined],
    ['time', '2026-02-30T00:00:00Z'],
    ['time', '2026-11-22T18:01:30'],
    ['time', '2026-11-22 18:01:30Z'],
    ['time', `2026-11-22T18:01:30.${'1'.repeat(40)}Z`],
    ['time', 1795370490725],
    ['output_fields', undefined],
    ['output_fields', null],
    ['output_fields', []],
    ['output_fields', 'text'],
    ['source', 7],
    ['hostname', {}],
    ['tags', 'drift'],
  ])('%s: %j is refused by name', (key, value) => {
    expect(parse(alert({}, { [key]: value }))).toEqual({
      kind: 'Invalid',
      path: key,
      message: expect.stringMatching(/.{5,}/),
    });
  });

  it('is named inside a list', () => {
    expect(parse(alert({}, { tags: ['ok', 1] }))).toMatchObject({ kind: 'Invalid', path: 'tags[1]' });
  });

  it.each([null, undefined, 7, 'text', [], true])('%j is no alert', (body) => {
    expect(parse(body)).toMatchObject({ kind: 'Invalid', path: 'body' });
  });

  it('does not come back in the message', () => {
    expect(JSON.stringify(parse(alert({}, { priority: 'sekrit', time: 'sekrit' })))).not.toContain('sekrit');
  });
});

describe('what is not about a pod', () => {
  it.each([
    ['our own event', { source: 'die-operator' }],
    ['the test event of Falcosidekick', { source: 'internal', rule: 'Test rule' }],
    ['a test event with another source', { rule: 'Test rule' }],
    ['an internal event', { source: 'internal' }],
    ['a report of dropped events', { rule: 'Falco internal: syscall event drop' }],
    [
      'our own event in a bad form',
      { source: 'die-operator', priority: 'none', time: null, output_fields: null },
    ],
  ])('%s is ignored', (_what, rest) => {
    expect(parse(alert({}, rest))).toEqual({ kind: 'Ignored', message: expect.any(String) });
  });

  it.each([{ 'container.id': 'host' }, { 'container.id': null, 'container.full_id': 'host' }])(
    'a process on the node (%j) is told from one in a pod',
    (fields) => {
      expect(parse(alert(fields))).toMatchObject({ kind: 'NotAPod' });
    },
  );

  it('is not a rule whose name only resembles one of Falco’s own', () => {
    expect(parse(alert({}, { rule: 'Test rule 2' })).kind).toBe('Detection');
    expect(parse(alert({}, { rule: 'falco internal: x' })).kind).toBe('Detection');
    expect(parse(alert({}, { source: 'Internal' })).kind).toBe('Detection');
  });
});

describe('text that is kept', () => {
  it('is cut and cleaned', () => {
    const { summary, tags } = detected(
      alert(
        { 'proc.exepath': `/tmp/\u001b[2J\u202E${'x'.repeat(1000)}` },
        { rule: `DIE\n${'r'.repeat(500)}`, tags: ['t\r\nx'] },
      ),
    );
    expect(summary.executable).toBe(`/tmp/\uFFFD[2J\uFFFD${'x'.repeat(502)}`);
    expect(summary.rule).toBe(`DIE\uFFFD${'r'.repeat(252)}`);
    expect(tags).toEqual(['t\uFFFD\uFFFDx']);
  });

  it('is bounded in number', () => {
    const tags = Array.from({ length: 40 }, (_, index) => `${index}-${'t'.repeat(100)}`);
    const kept = detected(alert({}, { tags })).tags;
    expect(kept).toHaveLength(32);
    expect(kept.every((tag) => tag.length === 64)).toBe(true);
  });
});

describe('the id', () => {
  const id = (body: unknown) => detected(body).summary.id;

  it('is the same whatever uuid, output text, key order and time of receipt', () => {
    const { output_fields: fields, ...rest } = alert();
    const again = {
      ...rest,
      uuid: 'other',
      output: 'other',
      output_fields: sortedBackwards(fields as object),
    };
    expect(id(again)).toBe(id(alert()));
    const later = parseFalco(alert(), '2027-01-01T00:00:00.000Z');
    expect(later).toMatchObject({ detection: { summary: { id: id(alert()) } } });
  });

  it.each([
    ['source', alert({}, { source: 'k8s_audit' })],
    ['rule', alert({}, { rule: 'other' })],
    ['time', alert({}, { time: '2026-11-22T18:01:30.725094323Z' })],
    ['container', alert({ 'container.id': 'ffffffffffff' })],
    ['any field', alert({ 'proc.pid': 6788 })],
    ['a further field', alert({ 'proc.cmdline': 'x' })],
  ])('differs with the %s', (_what, body) => {
    expect(id(body)).not.toBe(id(alert()));
  });

  it('stays the same for nanoseconds beyond what a double holds', () => {
    const text = JSON.stringify(alert({ 'evt.time': 0 })).replace(
      '"evt.time":0',
      '"evt.time":1795370490725094322',
    );
    expect(id(JSON.parse(text))).toBe(id(JSON.parse(text)));
  });
});

function sortedBackwards(object: object): object {
  return Object.fromEntries(Object.entries(object).toReversed());
}
