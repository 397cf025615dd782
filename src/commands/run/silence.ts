// What `run` does to notice that no alerts come any more, out of the settings.
import type { Clock } from '../../kube/clock.ts';
import { postJson, PostError, readAccess } from '../../observe/post.ts';
import type { AskForTest, SilenceSettings } from '../../roles/silence.ts';
import type { Settings } from '../../settings.ts';
import { canaryIntervalMs } from '../../settings/silence.ts';

/** Falcosidekick answers when it has queued the event for its outputs. */
const TIMEOUT_MS = 10_000;

type Wanted = Pick<
  Settings,
  'falcosidekickUrl' | 'canaryInterval' | 'notifyCaFile' | 'notifyCertFile' | 'notifyKeyFile'
>;

/** Times are noted in any case; test events are asked for where there is a Falcosidekick to ask. */
export function silenceOf(settings: Wanted, clock: Clock): { silence: SilenceSettings } {
  const { falcosidekickUrl } = settings;
  const intervalMs = canaryIntervalMs(settings);
  if (falcosidekickUrl === undefined || intervalMs === undefined) return { silence: {} };
  return { silence: { canary: { intervalMs, ask: asker(testUrl(falcosidekickUrl), settings, clock) } } };
}

function asker(url: URL, settings: Wanted, clock: Clock): AskForTest {
  const { notifyCaFile: caFile, notifyCertFile: certFile, notifyKeyFile: keyFile } = settings;
  return async (signal) => {
    try {
      const access = await readAccess({ caFile, certFile, keyFile });
      // It makes the event itself, whatever is posted.
      const { status } = await postJson(url, '', { ...access, clock, timeoutMs: TIMEOUT_MS, signal });
      return status >= 200 && status < 300 ? undefined : `it answered ${status}`;
    } catch (error) {
      if (error instanceof PostError) return error.message;
      throw error;
    }
  };
}

/** `/test` below the address, which may have a path of its own behind a proxy. */
function testUrl(address: string): URL {
  const url = new URL(address);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/test`;
  return url;
}
