// What a receiver has in hand.
import { expect, it } from 'vitest';
import { InHand } from '../../../../src/detect/stream/in-hand.ts';
import { message } from './fakes.ts';

const never = new AbortController().signal;

/** Whether the promise has settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  const turn = new Promise((resolve) => setImmediate(resolve, pending));
  return (await Promise.race([promise, turn])) !== pending;
}

it('has room up to its capacity', () => {
  const inHand = new InHand(2);
  const [one, two] = [message(), message()];
  expect(inHand.room).toBe(2);
  inHand.add(one);
  inHand.add(two);
  expect(inHand).toMatchObject({ size: 2, room: 0 });
  inHand.remove(one);
  expect(inHand.room).toBe(1);
});

it('lets somebody wait for room', async () => {
  const inHand = new InHand(1);
  const one = message();
  await inHand.roomy(never);
  inHand.add(one);
  const waiting = inHand.roomy(never);
  expect(await settled(waiting)).toBe(false);
  inHand.remove(one);
  expect(await settled(waiting)).toBe(true);
});

it('lets somebody wait until all is done, or until it is over', async () => {
  const inHand = new InHand(5);
  const [one, two] = [message(), message()];
  inHand.add(one);
  inHand.add(two);
  const over = new AbortController();
  const [patient, hurried] = [inHand.atRest(never), inHand.atRest(over.signal)];
  inHand.remove(one);
  expect(await settled(patient)).toBe(false);
  over.abort();
  expect(await settled(hurried)).toBe(true);
  expect(await settled(patient)).toBe(false);
  inHand.remove(two);
  expect(await settled(patient)).toBe(true);
  await inHand.atRest(over.signal);
});

it('tells the server what is still worked on', () => {
  const inHand = new InHand(5);
  const [one, two] = [message(), message()];
  inHand.add(one);
  inHand.add(two);
  inHand.keepAlive();
  inHand.remove(one);
  inHand.keepAlive();
  expect(one.answers).toEqual(['working']);
  expect(two.answers).toEqual(['working', 'working']);
});

it('gives all back at once, and knows them no more', () => {
  const inHand = new InHand(5);
  const [one, two] = [message(), message()];
  inHand.add(one);
  inHand.add(two);
  expect(inHand.giveBack()).toBe(2);
  expect([one.answers, two.answers]).toEqual([['nak'], ['nak']]);
  expect(inHand.remove(one)).toBe(false);
  expect(inHand.giveBack()).toBe(0);
});

it('keeps what nobody works on, until all is given back', async () => {
  const inHand = new InHand(5);
  const [worked, kept] = [message(), message()];
  inHand.add(worked);
  inHand.add(kept);
  inHand.keep(kept);
  expect(inHand.size).toBe(2);
  inHand.remove(worked);
  expect(await settled(inHand.atRest(never))).toBe(true);
  inHand.keepAlive();
  expect(inHand.giveBack()).toBe(1);
  expect(kept.answers).toEqual(['working', 'nak']);
});

it('does not keep what was given back before', () => {
  const inHand = new InHand(5);
  const one = message();
  inHand.add(one);
  inHand.giveBack();
  inHand.keep(one);
  expect(inHand.size).toBe(0);
});

it('goes on when the connection is closed', () => {
  const inHand = new InHand(5);
  const [gone, other] = [message({ closed: true }), message()];
  inHand.add(gone);
  inHand.add(other);
  expect(() => inHand.keepAlive()).not.toThrow();
  expect(inHand.giveBack()).toBe(2);
  expect(other.answers).toEqual(['working', 'nak']);
});
