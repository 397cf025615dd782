// What a probe may conclude: one way that is open is proof, closed ones are only if everything else was as it has to be.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CALL_RESULTS, type CallResult } from '../../../src/helpers/programs/probe-traffic.ts';
import { probeVerdict, type ProbeTraffic } from '../../../src/helpers/programs/probe-verdict.ts';

const SILENT = { TCP: 'Silent', UDP: 'Silent' } as const;
const NOTHING = { TCP: false, UDP: false };
const CLOSED: ProbeTraffic = {
  controls: new Map([
    ['node to pod by TCP', 'Answered'],
    ['helper to API server', 'Answered'],
  ]),
  out: SILENT,
  outArrived: NOTHING,
  toApi: 'Silent',
  into: SILENT,
  intoArrived: NOTHING,
};
const failing = (result: CallResult): Partial<ProbeTraffic> => ({
  controls: new Map([...CLOSED.controls, ['node to pod by UDP', result]]),
});

test('a pod is closed when nothing came through and all that had to did', () => {
  expect(probeVerdict([CLOSED])).toEqual({ result: 'Closed' });
});

describe('a pod is open', () => {
  test.each<[string, Partial<ProbeTraffic>]>([
    ['to another pod by TCP', { out: { ...SILENT, TCP: 'Answered' } }],
    ['to another pod by UDP', { out: { ...SILENT, UDP: 'Answered' } }],
    ['to another pod by UDP', { outArrived: { TCP: false, UDP: true } }],
    ['to another pod by TCP', { outArrived: { TCP: true, UDP: false }, out: { ...SILENT, TCP: 'Unclear' } }],
    ['to the API server', { toApi: 'Answered' }],
    ['from another pod by TCP', { into: { ...SILENT, TCP: 'Answered' } }],
    ['from another pod by UDP', { intoArrived: { TCP: false, UDP: true } }],
  ])('%s, also where a control failed', (way, change) => {
    const open = { result: 'Open', ways: [way] };
    expect(probeVerdict([{ ...CLOSED, ...change }])).toEqual(open);
    expect(probeVerdict([{ ...CLOSED, ...change, ...failing('Silent') }])).toEqual(open);
    expect(probeVerdict([CLOSED, { ...CLOSED, ...change }])).toEqual(open);
  });

  test('and each way is named once', () => {
    const open = { ...CLOSED, toApi: 'Answered', into: { TCP: 'Answered', UDP: 'Silent' } } as const;
    expect(probeVerdict([open, open])).toEqual({
      result: 'Open',
      ways: ['to the API server', 'from another pod by TCP'],
    });
  });
});

describe('nothing is known', () => {
  test.each<[string, Partial<ProbeTraffic>, RegExp]>([
    ['a control was not answered', failing('Silent'), /must work did not: node to pod by UDP/],
    ['a control was refused', failing('Unclear'), /node to pod by UDP/],
    ['the call out was refused', { out: { ...SILENT, TCP: 'Unclear' } }, /refused, or taken/],
    ['the call in was refused', { into: { ...SILENT, TCP: 'Unclear' } }, /refused, or taken/],
    ['the API server was reached halfway', { toApi: 'Unclear' }, /refused, or taken/],
    ['the API server is not known', { toApi: undefined }, /API server was not tried/],
  ])('when %s', (_what, change, why) => {
    expect(probeVerdict([{ ...CLOSED, ...change }])).toMatchObject({
      result: 'Refused',
      reason: 'Unclear',
      message: expect.stringMatching(why),
    });
  });
});

test('closed is said only where no answer came from anywhere, and every control was answered', () => {
  const result = fc.constantFrom(...CALL_RESULTS);
  const both = fc.record({ TCP: result, UDP: result });
  const arrived = fc.record({ TCP: fc.boolean(), UDP: fc.boolean() });
  const traffic = fc.record({
    controls: result.map((one) => new Map([['a control', one]])),
    out: both,
    outArrived: arrived,
    toApi: fc.option(result, { nil: undefined }),
    into: both,
    intoArrived: arrived,
  });
  fc.assert(
    fc.property(fc.array(traffic, { minLength: 1, maxLength: 2 }), (all) => {
      if (probeVerdict(all).result !== 'Closed') return;
      for (const { controls, out, outArrived, toApi, into, intoArrived } of all) {
        expect([...controls.values()]).toEqual(['Answered']);
        expect([out, into]).toEqual([SILENT, SILENT]);
        expect([outArrived, intoArrived]).toEqual([NOTHING, NOTHING]);
        expect([undefined, 'Silent']).toContain(toApi);
      }
    }),
  );
});
