import { expect, it } from 'vitest';
import { throttle } from '../../../src/observe/throttle.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

it('lets the first line of each kind through, then one each period', async () => {
  const clock = new VirtualClock();
  const due = throttle(clock, 1000);
  expect([due('a'), due('a'), due('b'), due('b')]).toEqual([true, false, true, false]);
  await clock.advance(999);
  expect(due('a')).toBe(false);
  await clock.advance(1);
  expect([due('a'), due('a'), due('b')]).toEqual([true, false, true]);
});

it('is not silenced by a clock that somebody sets back', async () => {
  const clock = new VirtualClock();
  const due = throttle(clock, 1000);
  due('a');
  clock.setBy(-3_600_000);
  await clock.advance(1000);
  expect(due('a')).toBe(true);
});

it('counts the period from the last line that was let through', async () => {
  const clock = new VirtualClock();
  const due = throttle(clock, 1000);
  const answers: boolean[] = [];
  for (let tick = 0; tick < 10; tick++) {
    answers.push(due('a'));
    await clock.advance(400);
  }
  expect(answers).toEqual([true, false, false, true, false, false, true, false, false, true]);
});
