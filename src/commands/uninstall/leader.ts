// Whether an operator leads: what it puts on pods, nobody else should take off at the same time.
import type { KubeObject } from '../../api/meta.ts';
import { SYSTEM_NAMESPACE } from '../../api/names.ts';
import { isUnchanged, readRecord, type LeaseRecord } from '../../controller/leader-record.ts';
import type { KubeClient } from '../../kube/client.ts';
import { sleep, type Clock } from '../../kube/clock.ts';
import { isNotFound } from '../../kube/errors.ts';
import { LEASES } from '../../kube/resources.ts';

const LOOK_MS = 1_000;
/** For a Lease that does not say; and one may say anything. */
const DEFAULT_MS = 15_000;
const LONGEST_MS = 30_000;

/**
 * Who leads by that Lease; undefined if nobody does. One that nobody gave back is watched for as long as it is good for:
 * whoever leads renews it in that time.
 * @param onWait called once with the seconds that this takes at most.
 * @throws KubeError
 */
export async function leaderNow(
  { client, clock }: { client: Pick<KubeClient, 'get'>; clock: Clock },
  name: string,
  onWait: (seconds: number) => void,
): Promise<string | undefined> {
  const first = await look(client, name);
  if (!first || first.released) return undefined;
  const limitMs = Math.min(first.durationMs || DEFAULT_MS, LONGEST_MS) + LOOK_MS;
  onWait(limitMs / 1000);
  const end = clock.elapsed() + limitMs;
  while (clock.elapsed() < end) {
    await sleep(clock, LOOK_MS);
    const now = await look(client, name);
    if (!now || now.released) return undefined;
    if (!isUnchanged(first, now)) return now.holder || first.holder || 'somebody';
  }
  return undefined;
}

async function look(client: Pick<KubeClient, 'get'>, name: string): Promise<LeaseRecord | undefined> {
  try {
    return readRecord(await client.get<KubeObject>(LEASES, { namespace: SYSTEM_NAMESPACE, name }));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
