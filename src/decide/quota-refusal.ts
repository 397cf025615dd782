// A quota that refuses a second pod while the first is there may have room once that is gone: what it uses is free then.
import { nanosOf } from './resource-quantity.ts';

/** How the API server says it; names of quotas hold no comma. */
const REFUSAL = /exceeded quota: [^,]+, requested: (\S+), used: (\S+), limited: (\S+)$/;

/**
 * Whether a refusal is only about the place that the pod itself takes: what is used now is within the limits. False for any
 * other refusal, and for one that was cut.
 * @param message of the refusal of a pod that is like one that is there.
 */
export function quotaHasRoomAfter(message: string): boolean {
  const [, requested = '', used = '', limited = ''] = REFUSAL.exec(message) ?? [];
  const asked = [...amountsOf(requested).keys()];
  const [now, most] = [amountsOf(used), amountsOf(limited)];
  return asked.length > 0 && asked.every((resource) => within(now.get(resource), most.get(resource)));
}

// `pods=1,requests.cpu=500m`
function amountsOf(list: string): Map<string, string> {
  return new Map(
    list.split(',').flatMap((entry) => {
      const at = entry.lastIndexOf('=');
      return at > 0 ? [[entry.slice(0, at), entry.slice(at + 1)] as const] : [];
    }),
  );
}

function within(used: string | undefined, limit: string | undefined): boolean {
  const [taken, most] = [used, limit].map((text) => (text === undefined ? undefined : nanosOf(text)));
  return taken !== undefined && most !== undefined && taken <= most;
}
