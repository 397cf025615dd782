// Lets a test do something right before a request of an eviction reaches the API server, as others do.
import type { HttpRequest, Transport } from '../../src/kube/transport.ts';

/** The requests of an eviction, in their order. */
export type EvictionCall = 'Read' | 'Rehearsal' | 'Eviction' | 'Deletion';

/** What happens before the request, which is the `time`th of its kind, counted from 1. */
export type Interjection = (call: EvictionCall, time: number) => Promise<unknown> | undefined;

/** The transport with that, and the requests that went over it. */
export function interjecting(
  inner: Transport,
  interject: Interjection,
): { transport: Transport; calls: EvictionCall[]; bodies: unknown[] } {
  const calls: EvictionCall[] = [];
  const bodies: unknown[] = [];
  const transport: Transport = async (request) => {
    const call = callOf(request);
    calls.push(call);
    if (call === 'Eviction') bodies.push(JSON.parse(request.body ?? 'null'));
    await interject(call, calls.filter((other) => other === call).length);
    return inner(request);
  };
  return { transport, calls, bodies };
}

function callOf({ method, path }: HttpRequest): EvictionCall {
  if (method === 'GET') return 'Read';
  if (method === 'DELETE') return 'Deletion';
  return path.includes('dryRun=All') ? 'Rehearsal' : 'Eviction';
}
