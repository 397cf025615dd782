// What is known of digests: learned once, a few at a time, and never asked of a registry that is not listed.
import { describe, expect, test } from 'vitest';
import { RegistryError } from '../../../src/registry/errors.ts';
import { createDigests } from '../../../src/registry/digests.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const [INDEX, MANIFEST, CONFIG, ABSENT] = [digest('1'), digest('2'), digest('3'), digest('4')];
const REPOSITORY = 'registry.example/shop/web';
const DOCUMENTS: Record<string, { text: string; mediaType: string }> = {
  [INDEX]: {
    text: JSON.stringify({ manifests: [{ digest: MANIFEST }] }),
    mediaType: 'application/vnd.oci.image.index.v1+json',
  },
  [MANIFEST]: {
    text: JSON.stringify({ config: { digest: CONFIG } }),
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
  },
};

function scene(documents = DOCUMENTS) {
  const clock = new VirtualClock();
  const stop = new AbortController();
  const asked: string[] = [];
  const warnings: string[] = [];
  const state = { down: false, running: 0, most: 0 };
  const digests = createDigests({
    asks: (repository) => repository.startsWith('registry.example/'),
    clock,
    log: { warn: (_: object, message: string) => void warnings.push(message) },
    signal: stop.signal,
    read: async (_, of) => {
      asked.push(of);
      state.most = Math.max(state.most, ++state.running);
      await Promise.resolve();
      state.running--;
      if (state.down) throw new Error('no route');
      const found = documents[of];
      if (!found) throw new RegistryError('NotFound', 'not there');
      return found;
    },
  });
  return { clock, stop, asked, warnings, state, digests };
}

describe('digests', () => {
  test('are not known before they are learned, and then for good', async () => {
    const { digests, asked } = scene();
    expect(digests.equivalent(REPOSITORY, INDEX, CONFIG)).toBeUndefined();
    expect(await digests.learn(REPOSITORY, INDEX, CONFIG)).toBe(true);
    expect(digests.equivalent(REPOSITORY, INDEX, CONFIG)).toBe(true);
    expect(asked).toEqual([INDEX, CONFIG, MANIFEST]);
    expect(await digests.learn(REPOSITORY, INDEX, CONFIG)).toBe(false);
    expect(asked).toHaveLength(3);
  });

  test('are asked for once, however many want to know', async () => {
    const { digests, asked } = scene();
    await Promise.all([digests.learn(REPOSITORY, INDEX, ABSENT), digests.learn(REPOSITORY, INDEX, ABSENT)]);
    expect(asked.toSorted()).toEqual([INDEX, MANIFEST, ABSENT].toSorted());
    expect(digests.equivalent(REPOSITORY, INDEX, ABSENT)).toBe(false);
  });

  test('of a repository say nothing of another one', async () => {
    const { digests } = scene();
    await digests.learn(REPOSITORY, INDEX, MANIFEST);
    expect(digests.equivalent('registry.example/other', INDEX, MANIFEST)).toBeUndefined();
  });

  test('that cannot be read are not known, which is said, and tried again later', async () => {
    const { digests, state, clock, asked, warnings } = scene();
    state.down = true;
    await digests.learn(REPOSITORY, INDEX, MANIFEST);
    expect(digests.equivalent(REPOSITORY, INDEX, MANIFEST)).toBeUndefined();
    expect(warnings[0]).toContain(`${REPOSITORY}@${INDEX} could not be read`);
    state.down = false;
    const before = asked.length;
    expect(await digests.learn(REPOSITORY, INDEX, MANIFEST)).toBe(false);
    expect(asked).toHaveLength(before);
    await clock.advance(60_000);
    await digests.learn(REPOSITORY, INDEX, MANIFEST);
    expect(digests.equivalent(REPOSITORY, INDEX, MANIFEST)).toBe(true);
  });

  test('of a registry that is not listed are never asked for', async () => {
    const { digests, asked } = scene();
    expect(await digests.learn('elsewhere.example/web', INDEX, MANIFEST)).toBe(false);
    expect(asked).toEqual([]);
  });

  test('are read a few at a time', async () => {
    const children = Array.from({ length: 20 }, (_, n) => digest('a').replace(/.{2}$/, String(n + 10)));
    const text = JSON.stringify({ manifests: children.map((one) => ({ digest: one })) });
    const { digests, state, asked } = scene({
      [INDEX]: { ...DOCUMENTS[INDEX], text, mediaType: 'application/vnd.oci.image.index.v1+json' },
    });
    await digests.learn(REPOSITORY, INDEX, ABSENT);
    expect(asked).toHaveLength(22);
    expect(state.most).toBe(4);
  });

  test('are left when the process ends', async () => {
    const { digests, stop, asked } = scene();
    stop.abort();
    await digests.learn(REPOSITORY, INDEX, MANIFEST);
    expect(asked).toEqual([]);
  });
});
