// What the traffic of a probe says: whether the pod is cut off, is not, or that nothing can be told.
import type { NetnsReport } from '../netns-report.ts';
import { PROTOCOLS, type CallResult, type PerProtocol } from './probe-traffic.ts';

/** What was tried for one address of the pod. */
export interface ProbeTraffic {
  /** What must work, so that a failure of the rest says anything; in words, with what came of it. */
  controls: ReadonlyMap<string, CallResult>;
  /** From within the network of the pod to the other pod. */
  out: PerProtocol<CallResult>;
  /** What of it arrived, whatever came of the answer. */
  outArrived: PerProtocol<boolean>;
  /** From within the network of the pod to the API server; undefined where it has no address of that family. */
  toApi: CallResult | undefined;
  /** From the other pod into the network of the pod. */
  into: PerProtocol<CallResult>;
  intoArrived: PerProtocol<boolean>;
}

/** One that got through is proof by itself; that none did is proof only if everything was clear and worked that had to. */
export function probeVerdict(all: readonly ProbeTraffic[]): NetnsReport {
  const ways = [...new Set(all.flatMap(openWays))];
  if (ways.length > 0) return { result: 'Open', ways };
  const failed = all.flatMap(({ controls }) => {
    return [...controls].flatMap(([what, result]) => (result === 'Answered' ? [] : [what]));
  });
  if (failed.length > 0) return unclear(`what must work did not: ${[...new Set(failed)].join(', ')}`);
  const isVague = all.some(({ out, toApi, into }) => {
    return [...Object.values(out), ...Object.values(into), toApi].includes('Unclear');
  });
  if (isVague) return unclear('a call was refused, or taken and not answered, which may be by either side');
  if (!all.some(({ toApi }) => toApi !== undefined)) return unclear('the API server was not tried');
  return { result: 'Closed' };
}

function openWays({ out, outArrived, toApi, into, intoArrived }: ProbeTraffic): string[] {
  return [
    ...PROTOCOLS.filter((one) => outArrived[one] || out[one] === 'Answered').map(
      (one) => `to another pod by ${one}`,
    ),
    ...(toApi === 'Answered' ? ['to the API server'] : []),
    ...PROTOCOLS.filter((one) => intoArrived[one] || into[one] === 'Answered').map(
      (one) => `from another pod by ${one}`,
    ),
  ];
}

function unclear(message: string): NetnsReport {
  return { result: 'Refused', reason: 'Unclear', message };
}
