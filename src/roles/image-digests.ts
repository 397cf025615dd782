// Decisions ask from memory whether two digests are one image; what is not known is learned beside, and they are made again.
import type { Equivalent } from '../decide/approved-images.ts';
import { cacheKey } from '../kube/cache.ts';
import type { TermParts } from './term.ts';

/** See the file's first line; empty where no registry may be asked. @param again told of incidents that may have waited. */
export function equivalentBy(
  { digests, caches }: Pick<TermParts, 'digests' | 'caches'>,
  again: (key: string) => void,
): { equivalent?: Equivalent } {
  if (!digests) return {};
  const tell = () => {
    const waiting = caches.incidents.values().filter(({ status }) => status?.phase === 'Verifying');
    for (const { metadata } of waiting) again(cacheKey(metadata.namespace, metadata.name));
  };
  return {
    equivalent: (repository, expected, runs) => {
      // Nobody will ever know.
      if (!digests.asks(repository)) return false;
      const known = digests.equivalent(repository, expected, runs);
      if (known === undefined)
        void digests.learn(repository, expected, runs).then((learned) => {
          if (learned) tell();
        });
      return known;
    },
  };
}
