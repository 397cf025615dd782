// The way to kubelets, by the settings: which CA their certificates are verified with.
import { readFile } from 'node:fs/promises';
import type { Clock } from '../../kube/clock.ts';
import type { Connection } from '../../kube/connection.ts';
import { createKubelets, type Kubelets } from '../../kube/kubelet.ts';
import { createUndiciTransport } from '../../kube/undici-transport.ts';
import type { Settings } from '../../settings.ts';

/** See the file's first line. */
export function kubeletsOf(
  { kubeletCaFile }: Pick<Settings, 'kubeletCaFile'>,
  connection: Connection,
  clock: Clock,
): Kubelets {
  const authorities = async () =>
    kubeletCaFile === undefined ? (await connection.credentials()).tls.ca : readFile(kubeletCaFile, 'utf8');
  return createKubelets({ clock, authorities, transportTo: createUndiciTransport });
}
