// Random numbers by name: what is drawn for one request does not change when another one is left out, so that a history
// stays the same up to the fault that is taken out of it.
import type { Random } from '../../../src/kube/clock.ts';
import { seededRandom } from '../../support/seeded-random.ts';

/** A source of random numbers for that seed and name. */
export function drawsFor(seed: number, name: string): Random {
  return seededRandom(hashOf(`${seed} ${name}`));
}

/** A whole number from `min` to `max`, both included. */
export function drawInt(random: Random, min: number, max: number): number {
  return min + Math.floor(random() * (max - min + 1));
}

/** One of them. */
export function drawOf<T>(random: Random, all: readonly T[]): T {
  const drawn = all[Math.floor(random() * all.length)];
  if (drawn === undefined) throw new RangeError('nothing to draw from');
  return drawn;
}

// FNV-1a with a final mix: names that differ in one letter must not give neighbouring streams.
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
