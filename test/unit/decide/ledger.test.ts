// The ledger of destructive acts: what is kept of it, and what fits.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ACTS, MAX_ACTS } from '../../../src/api/ledger.ts';
import {
  fullUntil,
  pruned,
  readBook,
  withAct,
  writeBook,
  type Book,
  type SpentAct,
} from '../../../src/decide/ledger.ts';
import { NOW } from '../../support/builders.ts';

const HOUR = 3_600_000;

const anAct = (change: Partial<SpentAct> = {}): SpentAct => ({
  at: NOW,
  act: 'Evict',
  namespace: 'shop',
  workload: 'shop/apps/Deployment/web',
  node: 'node-1',
  incident: 'incident-1',
  pod: 'pod-1',
  severity: 'Critical',
  ...change,
});

const acts = fc.record({
  at: fc.integer({ min: NOW - 100 * HOUR, max: NOW }),
  act: fc.constantFrom(...ACTS),
  namespace: fc.constant('shop'),
  workload: fc.string({ minLength: 1, maxLength: 80 }),
  incident: fc.uuid(),
  pod: fc.uuid(),
});

describe('the ledger', () => {
  it('is read as it was written, whatever is in it', () => {
    fc.assert(
      fc.property(fc.array(acts, { maxLength: 20 }), (all) => {
        const book: Book = { acts: all, openings: [] };
        expect(readBook(writeBook(book), NOW)).toEqual(book);
      }),
    );
  });

  it.each<[string, Record<string, unknown> | undefined, RegExp]>([
    ['without data', undefined, /no key acts/],
    ['that was emptied', {}, /no key acts/],
    ['with an act taken out', { ...writeBook({ acts: [anAct()], openings: [] }), acts: '[]' }, /was edited/],
    [
      'with its breaker closed by hand',
      { ...writeBook({ acts: [], openings: [] }), breaker: '[1]' },
      /was edited/,
    ],
    ['that was cut off', { ...writeBook({ acts: [anAct()], openings: [] }), acts: '[{"at"' }, /was edited/],
    ['without its sum', { acts: '[]', breaker: '[]' }, /was edited/],
  ])('%s is not taken for an empty one', (_what, data, why) => {
    expect(readBook(data, NOW)).toMatch(why);
  });

  it('of another version, whose sum is right, is not taken for an empty one', () => {
    const foreign = { ...anAct(), act: 'Explode' } as unknown as SpentAct;
    expect(readBook(writeBook({ acts: [foreign], openings: [] }), NOW)).toBe('cannot be understood');
  });

  it('counts an act from the future as one of now, so that it ends in its time', () => {
    const book = readBook(writeBook({ acts: [anAct({ at: NOW + 1000 * HOUR })], openings: [] }), NOW);
    expect(book).toMatchObject({ acts: [{ at: NOW }] });
  });

  it('counts a second try once, as of then', () => {
    const before = [anAct({ at: NOW - HOUR }), anAct({ act: 'Orphan', at: NOW - HOUR })];
    expect(withAct(before, anAct())).toEqual([before[1], anAct()]);
  });

  it('keeps an eviction for the longest window that a policy may have, and a pod that was taken out for two days', () => {
    const all = [
      anAct({ at: NOW - 168 * HOUR }),
      anAct({ at: NOW - 168 * HOUR + 1, pod: 'b' }),
      anAct({ act: 'Orphan', at: NOW - 48 * HOUR }),
      anAct({ act: 'Orphan', at: NOW - 48 * HOUR + 1, pod: 'b' }),
    ];
    expect(pruned(all, NOW).map(({ pod }) => pod)).toEqual(['b', 'b']);
  });

  it('that is made anew from more than it may hold keeps the latest, and can be read', () => {
    const many = Array.from({ length: MAX_ACTS + 5 }, (_, index) =>
      anAct({ pod: `p${index}`, at: NOW - MAX_ACTS - 5 + index }),
    );
    const book = readBook(writeBook({ acts: many, openings: [] }), NOW);
    expect(book).toMatchObject({ acts: many.slice(5) });
  });

  it('takes no more than it may hold, and forgets nothing for it', () => {
    const many = Array.from({ length: MAX_ACTS }, (_, index) => anAct({ pod: `p${index}`, at: NOW - index }));
    expect(withAct(many, anAct({ pod: 'one-more' }))).toBeUndefined();
    expect(fullUntil(many, NOW)).toBe(NOW - (MAX_ACTS - 1) + 168 * HOUR);
    expect(fullUntil(many.slice(1), NOW)).toBeUndefined();
    const long = many.slice(0, 1500).map((act) => ({ ...act, workload: 'x'.repeat(512) }));
    expect(withAct(long, anAct({ pod: 'one-more' }))).toBeUndefined();
    expect(fullUntil(long, NOW)).toBeDefined();
    expect(Buffer.byteLength(JSON.stringify(writeBook({ acts: many, openings: [] })))).toBeLessThan(
      1_000_000,
    );
  });
});
