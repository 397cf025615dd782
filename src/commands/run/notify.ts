// Whom `run` tells what responses do, out of the settings.
import type { Clock } from '../../kube/clock.ts';
import type { DestinationName, NotifyTarget } from '../../observe/notify/destination.ts';
import type { NotifySettings } from '../../observe/notify/notifier.ts';
import { postJson, readAccess, type PostFiles } from '../../observe/post.ts';
import type { Settings } from '../../settings.ts';

/** For one request, in milliseconds. */
const TIMEOUT_MS = 5_000;

/**
 * Whom to tell; empty: nobody. Files are read once here, so that a wrong name is found at the start.
 * @throws PostError that names the file.
 */
export async function notifyOf(settings: Settings, clock: Clock): Promise<{ notify?: NotifySettings }> {
  const { falcosidekickUrl, notifyWebhookUrl: webhookUrl, notifyWebhookTokenFile: tokenFile } = settings;
  const { notifyCaFile: caFile, notifyCertFile: certFile, notifyKeyFile: keyFile } = settings;
  const tls = { caFile, certFile, keyFile };
  const targets = [
    ...(falcosidekickUrl === undefined ? [] : [await target('falcosidekick', falcosidekickUrl, tls, clock)]),
    ...(webhookUrl === undefined ? [] : [await target('webhook', webhookUrl, { ...tls, tokenFile }, clock)]),
  ];
  return targets.length === 0 ? {} : { notify: { targets, minimumPriority: settings.notifyMinimumPriority } };
}

async function target(
  name: DestinationName,
  address: string,
  files: PostFiles,
  clock: Clock,
): Promise<NotifyTarget> {
  const url = new URL(address);
  await readAccess(files);
  const post = async (body: string, signal?: AbortSignal) =>
    postJson(url, body, { ...(await readAccess(files)), clock, timeoutMs: TIMEOUT_MS, signal });
  return { name, post };
}
