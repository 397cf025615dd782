// The registries that `run` may ask, out of the settings.
import type { Clock } from '../../kube/clock.ts';
import type { Logger } from '../../observe/log.ts';
import { createRegistryClient } from '../../registry/client.ts';
import { ANONYMOUS, credentialsOf } from '../../registry/credentials.ts';
import { createDigests, type Digests } from '../../registry/digests.ts';
import { hostOf } from '../../registry/places.ts';
import { createConnections } from '../../registry/request.ts';
import type { Settings } from '../../settings.ts';

/** What is known of digests; undefined: no registry may be asked. `close` ends all reading. */
export function registryOf(
  { registry, registryCredentialsFile: file }: Settings,
  clock: Clock,
  log: Logger,
): (Digests & { close(): Promise<void> }) | undefined {
  if (registry.length === 0) return undefined;
  const allowed = new Set(registry);
  const dispatcher = createConnections();
  const closing = new AbortController();
  const credentials = file === undefined ? ANONYMOUS : credentialsOf(file);
  const read = createRegistryClient({ clock, dispatcher, allowed, credentials });
  const asks = (repository: string) => allowed.has(hostOf(repository));
  const digests = createDigests({ asks, read, clock, log, signal: closing.signal });
  return Object.assign(digests, {
    close: () => {
      closing.abort();
      return dispatcher.destroy();
    },
  });
}
