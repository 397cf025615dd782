// The registries that may be asked, out of the settings of `run` or the options of `verify-images`.
import type { Clock } from '../../kube/clock.ts';
import type { Log } from '../../kube/log.ts';
import { createRegistryClient, type ReadManifest } from '../../registry/client.ts';
import { ANONYMOUS, credentialsOf } from '../../registry/credentials.ts';
import { createDigests, type Digests } from '../../registry/digests.ts';
import { hostOf } from '../../registry/places.ts';
import { createConnections } from '../../registry/request.ts';
import type { Settings } from '../../settings.ts';

/** What is known of digests, and how one is read. `close` ends all reading. */
export interface Registry extends Digests {
  read: ReadManifest;
  close(): Promise<void>;
}

/** Undefined: no registry may be asked. */
export function registryOf(
  { registry, registryCredentialsFile: file }: Pick<Settings, 'registry' | 'registryCredentialsFile'>,
  clock: Clock,
  log: Pick<Log, 'warn'>,
): Registry | undefined {
  if (registry.length === 0) return undefined;
  const allowed = new Set(registry);
  const dispatcher = createConnections();
  const closing = new AbortController();
  const credentials = file === undefined ? ANONYMOUS : credentialsOf(file);
  const read = createRegistryClient({ clock, dispatcher, allowed, credentials });
  const asks = (repository: string) => allowed.has(hostOf(repository));
  const digests = createDigests({ asks, read, clock, log, signal: closing.signal });
  return Object.assign(digests, {
    read,
    close: () => {
      closing.abort();
      return dispatcher.destroy();
    },
  });
}
