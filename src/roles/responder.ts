// The responder: judges policies and carries incidents to their end. Of several one leads at a time.
import { LeaderElector } from '../controller/leader.ts';
import { sourcesOf } from '../incidents/caches.ts';
import { networkSources } from '../incidents/network.ts';
import { sleep } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { EventRecorder } from '../kube/events.ts';
import type { Leadership } from '../kube/fence.ts';
import type { ReadinessCheck } from '../observe/health.ts';
import { alsoTelling } from '../observe/notify/notifier.ts';
import { aborted } from './parts.ts';
import { respond, type TermParts } from './term.ts';

/** How long a stop waits for Events to be sent, in milliseconds. */
const EVENTS_GRACE_MS = 5_000;

/** What a responder is built from. */
export interface ResponderParts extends TermParts {
  /** Absent: there is no other responder, which nobody checks. */
  election?: Election;
}

/** How one of several responders is found to act. */
export interface Election {
  lease: { namespace: string; name: string };
  /** A client that sends nothing once that leadership is over (see `fencedClient`). */
  fencedClient: (term: Leadership) => KubeClient;
}

/** A responder that is built and not started. */
export interface Responder {
  /** Why it is not ready, e.g. that nobody is known to lead. */
  readonly checks: readonly ReadinessCheck[];
  /** Runs until the signal fires and what is in hand is done. */
  run(signal: AbortSignal): Promise<void>;
}

/** See the file's first line. */
export function createResponder(parts: ResponderParts): Responder {
  const { election, metrics, caches, network } = parts;
  const all = [...sourcesOf(caches), ...networkSources(network)];
  const synced = (signal: AbortSignal) =>
    Promise.race([aborted(signal), Promise.all(all.map((cache) => cache.synced))]);
  const recorder = new EventRecorder({ ...parts, reportingInstance: parts.instance });
  const events = alsoTelling(recorder, parts.notifier);
  // Events are for people and not worth holding up a stop, nor the next leader.
  const flush = () => Promise.race([recorder.flush(), sleep(parts.clock, EVENTS_GRACE_MS)]);
  if (!election) {
    metrics.showLeading(() => true);
    return {
      checks: [],
      run: async (signal) => {
        await synced(signal);
        await respond(parts, events, signal);
        await flush();
      },
    };
  }
  const elector = new LeaderElector({ ...parts, lease: election.lease, identity: parts.instance });
  metrics.showLeading(() => elector.isLeader);
  return {
    checks: [leaderCheck(elector, election)],
    run: async (signal) => {
      await synced(signal);
      await elector.run(signal, async (stop, term) => {
        // Limits are computed from the caches, and what the leader before did last may not be in them yet.
        await Promise.race([aborted(stop), Promise.all(all.map((cache) => cache.refresh()))]);
        await respond({ ...parts, client: election.fencedClient(term) }, events, stop);
      });
      await flush();
    },
  };
}

function leaderCheck(elector: LeaderElector, { lease: { namespace, name } }: Election): ReadinessCheck {
  return {
    name: 'leader',
    reason: () =>
      elector.isLeader || elector.holder !== undefined
        ? undefined
        : `no responder leads: Lease ${namespace}/${name} could not be taken (yet)`,
  };
}
