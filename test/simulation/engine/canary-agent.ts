// Stands in for the canaries on nodes and the network between them: they say in their logs how they are connected.
import type { KubeObject } from '../../../src/api/meta.ts';
import { CAPTURE_NAMESPACE, QUARANTINE_LABEL, QUARANTINE_POLICY } from '../../../src/api/names.ts';
import type { EmbeddedCluster } from '../../../src/embedded/api-server.ts';
import type { CanaryReport } from '../../../src/helpers/canary-report.ts';
import { NETWORK_POLICIES, PODS } from '../../../src/kube/resources.ts';
import type { SimClock } from './clock.ts';
import { drawsFor } from './draws.ts';
import { stands } from './exposure.ts';
import type { History } from './history.ts';
import { argsOf } from './node-agent.ts';

type Side = 'subject' | 'peer';

/** How often a canary tries to connect. */
const TRY_MS = 250;
/** Without a connection for so long it says that it is cut. */
const CUT_MS = 3_000;

/** See the file's first line. */
export class CanaryAgent {
  readonly #cluster: EmbeddedCluster;
  readonly #clock: SimClock;
  readonly #history: History;
  /** Which canaries' new connections fail where a policy denies them; both on a node that enforces. */
  cuts: readonly Side[] = [];

  constructor({ cluster, clock, history }: { cluster: EmbeddedCluster; clock: SimClock; history: History }) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#history = history;
    cluster.admission.push(({ operation, resource, namespace, object, dryRun }) => {
      const isHelper = operation === 'CREATE' && resource === PODS && namespace === CAPTURE_NAMESPACE;
      const [program = ''] = isHelper && !dryRun && object ? argsOf(object) : [];
      if (object && program.startsWith('canary-')) void this.#run(object.metadata.name);
      return undefined;
    });
  }

  async #run(name: string): Promise<void> {
    const side: Side = name.endsWith('-peer') ? 'peer' : 'subject';
    const other = name.replace(/-(peer|subject)$/, side === 'peer' ? '-subject' : '-peer');
    // A node that is lost sends no end of a connection.
    const saysCut = drawsFor(this.#history.seed, `end of ${name}`)() < 0.5;
    const say = (report: CanaryReport) =>
      this.#cluster.logs.set({ namespace: CAPTURE_NAMESPACE, name }, { current: JSON.stringify(report) });
    let lastAt: number | undefined;
    say({ state: 'Listening' });
    do {
      await this.#clock.sleep(TRY_MS);
      const isThere = this.#running(other) !== undefined;
      const now = this.#clock.elapsed();
      if (this.#connects(side, { name, other })) lastAt = now;
      say(reportOf(lastAt === undefined ? undefined : now - lastAt, isThere || saysCut));
    } while (this.#get(name));
  }

  /** Whether its connection to the other one works. */
  #connects(side: Side, { name, other }: { name: string; other: string }): boolean {
    const [mine, theirs] = [this.#running(name), this.#running(other)];
    return (
      mine !== undefined && theirs !== undefined && !this.#denies(side, side === 'subject' ? mine : theirs)
    );
  }

  #denies(side: Side, subject: KubeObject): boolean {
    const at = { namespace: CAPTURE_NAMESPACE, name: QUARANTINE_POLICY };
    const isDenied =
      subject.metadata.labels?.[QUARANTINE_LABEL] === 'true' &&
      stands(this.#cluster.api.get(NETWORK_POLICIES, at));
    return isDenied && this.cuts.includes(side);
  }

  #get(name: string): KubeObject | undefined {
    return this.#cluster.api.get(PODS, { namespace: CAPTURE_NAMESPACE, name });
  }

  #running(name: string): KubeObject | undefined {
    const pod = this.#get(name);
    const { phase } = (pod?.['status'] ?? {}) as { phase?: string };
    return phase === 'Running' && pod?.metadata.deletionTimestamp === undefined ? pod : undefined;
  }
}

/** What it says. @param agoMs since its last connection. @param isSilent the other one is there, or went without a word. */
function reportOf(agoMs: number | undefined, isSilent: boolean): CanaryReport {
  if (agoMs === undefined || !isSilent) return { state: 'Listening' };
  return agoMs < CUT_MS
    ? { state: 'Connected' }
    : { state: 'Cut', lastSuccessAgoMs: agoMs, established: 'Cut' };
}
