// The loop of the controllers: when a key is looked at, and what a failure means.
import { describe, expect, test } from 'vitest';
import { createReconciler, type Reconciliation } from '../../../src/embedded/controllers/reconciler.ts';
import { Store } from '../../../src/embedded/store.ts';
import { PODS } from '../../../src/kube/resources.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

function setUp(reconcile: (key: string) => number | undefined, initial: string[] = []) {
  const store = new Store(100);
  const clock = new VirtualClock();
  const start = clock.now();
  const looks: string[] = [];
  const what: Reconciliation = {
    delayMs: 10,
    initial: () => initial,
    affected: ({ object }) => [object.metadata.name],
    reconcile: (key) => {
      looks.push(`${key}@${clock.now() - start}`);
      return reconcile(key);
    },
  };
  const controller = createReconciler(store, clock, what);
  const change = (name: string) => {
    const metadata = { name, uid: name, resourceVersion: '', creationTimestamp: '' };
    store.put(PODS, { metadata });
  };
  return { clock, looks, controller, change };
}

test('many changes within the delay are one look', async () => {
  const { clock, looks, controller, change } = setUp(() => undefined);
  controller.start();
  for (let count = 0; count < 5; count++) change('a');
  change('b');
  await clock.advance(100);
  expect(looks).toEqual(['a@10', 'b@10']);
});

test('what is there at the start is looked at', async () => {
  const { clock, looks, controller } = setUp(() => undefined, ['a']);
  controller.start();
  await clock.advance(100);
  expect(looks).toEqual(['a@10']);
});

test('a look can ask for another one later', async () => {
  let again: number | undefined = 50;
  const { clock, looks, controller, change } = setUp(() => {
    const after = again;
    again = undefined;
    return after;
  });
  controller.start();
  change('a');
  await clock.advance(1_000);
  expect(looks).toEqual(['a@10', 'a@60']);
});

test('a change brings a later look forward', async () => {
  const { clock, looks, controller, change } = setUp(() => 500);
  controller.start();
  change('a');
  await clock.advance(100);
  change('a');
  await clock.advance(400);
  expect(looks).toEqual(['a@10', 'a@110']);
});

describe('a failure', () => {
  test('is repeated after 5 ms and twice as long each time', async () => {
    const { clock, looks, controller, change } = setUp(() => {
      throw new Error('refused');
    });
    controller.start();
    change('a');
    await clock.advance(100);
    expect(looks).toEqual(['a@10', 'a@15', 'a@25', 'a@45', 'a@85']);
  });

  test('waits 1,000 s at most', async () => {
    let failures = 0;
    const { clock, looks, controller, change } = setUp(() => {
      failures += 1;
      throw new Error('refused');
    });
    controller.start();
    change('a');
    await clock.advance(10 * 1_000_000);
    const times = looks.map((look) => Number(look.split('@')[1]));
    expect(Math.max(...times.slice(1).map((time, index) => time - (times[index] ?? 0)))).toBe(1_000_000);
    expect(failures).toBeGreaterThan(20);
  });

  test('is forgotten by a success', async () => {
    let left = 3;
    const { clock, looks, controller, change } = setUp(() => {
      if (left-- > 0) throw new Error('refused');
      return undefined;
    });
    controller.start();
    change('a');
    await clock.advance(1_000);
    left = 1;
    change('a');
    await clock.advance(100);
    expect(looks).toEqual(['a@10', 'a@15', 'a@25', 'a@45', 'a@1010', 'a@1015']);
  });

  test('of one key does not hold up another', async () => {
    const { clock, looks, controller, change } = setUp((key) => {
      if (key === 'a') throw new Error('refused');
      return undefined;
    });
    controller.start();
    change('a');
    change('b');
    await clock.advance(11);
    expect(looks).toEqual(['a@10', 'b@10']);
  });
});

test('after the stop nothing is looked at, and no timer is left', async () => {
  const { clock, looks, controller, change } = setUp(() => 5);
  controller.start();
  change('a');
  controller.stop();
  change('b');
  await clock.advance(1_000);
  expect(looks).toEqual([]);
  expect(clock.pending).toBe(0);
});

test('two starts are one', async () => {
  const { clock, looks, controller, change } = setUp(() => undefined);
  controller.start();
  controller.start();
  change('a');
  await clock.advance(100);
  expect(looks).toEqual(['a@10']);
});
