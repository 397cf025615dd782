// The net below the fuzzing suite holds: what no input may do is seen, whichever target it does it to.
import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, test, vi } from 'vitest';
import fc from 'fast-check';
import { budgetOf, replayCommand, TARGETS } from '../../fuzz/support/budget.ts';
import { mutated, mutationsOf } from '../../fuzz/support/mutate.ts';
import { oddJson, type Json } from '../../fuzz/support/noise.ts';
import { shown } from '../../fuzz/support/show.ts';
import { supervised } from '../../fuzz/support/supervise.ts';

afterEach(() => vi.unstubAllEnvs());

/** Keeps this thread busy. */
function burn(ms: number): void {
  const before = process.threadCpuUsage();
  for (;;) {
    const { user, system } = process.threadCpuUsage(before);
    if (user + system > ms * 1000) return;
  }
}

describe('an input', () => {
  test('may take its time, and wait', async () => {
    const wait = () => new Promise((resolve) => setTimeout(resolve, 10));
    await expect(supervised(() => burn(100))).resolves.toBeUndefined();
    await expect(supervised(wait)).resolves.toBeUndefined();
  });

  test.each<[string, () => unknown, string]>([
    ['takes more than a second of CPU time', () => burn(1_100), 'the limit is 1000 ms'],
    [
      'takes that in pieces',
      async () => [burn(600), await Promise.resolve(), burn(600)],
      'the limit is 1000 ms',
    ],
    [
      'changes a prototype',
      () => Reflect.set(Reflect.getPrototypeOf({}) ?? {}, 'polluted', 1),
      'changed a prototype',
    ],
    ['throws', (): unknown => JSON.parse('{'), 'JSON'],
    ['rejects', () => Promise.reject(new Error('no')), 'no'],
  ])('that %s fails', async (_, work, message) => {
    await expect(supervised(work)).rejects.toThrow(message);
    Reflect.deleteProperty(Object.prototype, 'polluted');
  });

  test('that hangs ends the process, and tells how to play it again', () => {
    const watchdog = new URL('../../fuzz/support/watchdog.ts', import.meta.url).href;
    const script = `import('${watchdog}').then(({ watch }) => {
      const dog = watch('Play it again: ', 600);
      dog.begin();
      dog.end();
      setTimeout(() => {
        dog.begin();
        for (;;);
      }, 900);
    })`;
    const { signal, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    expect(stderr).toContain('input 1 hangs. Play it again: 1');
    expect(signal).toBe('SIGKILL');
  });
});

describe('the budget', () => {
  test('is shared out, and each target gets some', () => {
    vi.stubEnv('DIE_FUZZ_RUNS', '1000');
    const runs = TARGETS.map((name) => budgetOf(name as 'falco').runs);
    expect(Math.min(...runs)).toBeGreaterThan(0);
    expect(runs.reduce((sum, each) => sum + each)).toBeGreaterThanOrEqual(1000);
  });

  test('is all for one target that is asked for alone, and one input for a path', () => {
    vi.stubEnv('DIE_FUZZ_RUNS', '1000');
    vi.stubEnv('DIE_FUZZ_TARGET', 'falco');
    vi.stubEnv('DIE_FUZZ_SEED', '7');
    expect(budgetOf('falco')).toEqual({ runs: 1000, seed: 7, path: undefined });
    vi.stubEnv('DIE_FUZZ_PATH', '3:1');
    expect(budgetOf('falco')).toEqual({ runs: 1, seed: 7, path: '3:1' });
    expect(replayCommand('falco', budgetOf('falco'), '3:1')).toBe(
      'npm run fuzz -- --target falco --seed 7 --path 3:1',
    );
  });

  test('refuses what is no number', () => {
    vi.stubEnv('DIE_FUZZ_RUNS', 'many');
    expect(() => budgetOf('falco')).toThrow('DIE_FUZZ_RUNS must be a whole number, not many');
  });
});

describe('inputs', () => {
  const documents: Json[] = [{ a: { b: [1, 'two', null] }, c: 'three' }, [], 'x'];

  test('are changed copies: the documents stay as they are', () => {
    const before = structuredClone(documents);
    fc.assert(fc.property(mutationsOf(documents, 8), (input) => JSON.stringify(input).length > 0));
    expect(documents).toEqual(before);
  });

  test('have a key __proto__ as a field, and no other prototype', () => {
    const input = mutated({ a: 1 }, [{ at: 0, change: { kind: 'rename', text: '__proto__' } }]);
    expect(JSON.stringify(input)).toBe('{"__proto__":1}');
    expect(Object.getPrototypeOf(input)).toBe(Object.prototype);
  });

  test('get another word where one of that name is', () => {
    const word = { kind: 'field', key: 'b', value: 2 } as const;
    expect(mutated({ a: { b: 1 } }, [{ at: 5, change: word }])).toEqual({ a: { b: 2 } });
    expect(mutated({ a: 1 }, [{ at: 5, change: word }])).toEqual({ a: 1 });
  });

  test('can be shown, whatever they are', () => {
    fc.assert(fc.property(oddJson, (input) => shown(input).length <= 8_100));
    expect(shown({ a: Buffer.from('x'), b: undefined, c: 'y'.repeat(300) })).toContain('300 characters');
  });
});
