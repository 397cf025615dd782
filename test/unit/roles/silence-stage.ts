// Receivers that notice silence together, on the embedded API, each with a clock of its own.
import type { KubeObject } from '../../../src/api/meta.ts';
import { INTAKE_CONFIGMAP, SYSTEM_NAMESPACE } from '../../../src/api/names.ts';
import { OUTCOMES } from '../../../src/detect/outcome.ts';
import { createEmbeddedCluster } from '../../../src/embedded/api-server.ts';
import type { KubeClient } from '../../../src/kube/client.ts';
import { createKubeClient } from '../../../src/kube/http-client.ts';
import { CONFIG_MAPS, NAMESPACES } from '../../../src/kube/resources.ts';
import type { Transport } from '../../../src/kube/transport.ts';
import { createMetrics } from '../../../src/observe/metrics.ts';
import { createSilence, type Silence, type SilenceParts } from '../../../src/roles/silence.ts';
import { connectionReset } from '../../support/faults.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';
import { RecordingLog } from '../detect/support.ts';

export const AT = { namespace: SYSTEM_NAMESPACE, name: INTAKE_CONFIGMAP };
export const MINUTE = 60_000;
export const INTERVAL = 5 * MINUTE;

/** One receiver: its part that notices silence, with a clock of its own. */
export interface Receiver {
  silence: Silence;
  clock: VirtualClock;
  log: RecordingLog;
  metric(name: string): Promise<number | undefined>;
  stop(): Promise<void>;
}

/** What the tests of silence have. */
export interface SilenceStage {
  client: KubeClient;
  clocks: VirtualClock[];
  /** How often somebody was asked for a test event. */
  asked: number;
  writes: number;
  /** What does not come through; of requests and answers, those of writes. */
  loses: 'requests' | 'answers' | 'everything' | undefined;
  /** What Falcosidekick does when it is asked. */
  onAsk: () => unknown;
  receiver(seed: number, change?: ReceiverChange): Receiver;
  /** Time passes for all. */
  pass(ms: number, stepMs?: number): Promise<void>;
  /** Data of the record. */
  data(): Promise<Record<string, string>>;
  make(): Promise<unknown>;
  remove(): Promise<void>;
}

/** How a receiver differs. */
interface ReceiverChange {
  canary?: SilenceParts['canary'] | undefined;
  start?: number;
}

/** Makes one, with the record. */
export async function createStage(): Promise<SilenceStage> {
  const clock = new VirtualClock();
  const random = () => 0.5;
  const embedded = createEmbeddedCluster({ clock, random });
  const client = createKubeClient({ transport: embedded.transport, clock, random, userAgent: 'test' });
  const stage: SilenceStage = {
    client,
    clocks: [clock],
    asked: 0,
    writes: 0,
    loses: undefined,
    onAsk: () => undefined,
    receiver: (seed, change = {}) => receiver(stage, transport, { seed, ...change }),
    pass: async (ms, stepMs = 5_000) => {
      for (let left = ms; left > 0; left -= stepMs)
        for (const one of stage.clocks) await one.advance(Math.min(left, stepMs));
    },
    data: async () =>
      ((await client.get<KubeObject>(CONFIG_MAPS, AT))['data'] ?? {}) as Record<string, string>,
    make: () => client.create(CONFIG_MAPS, AT, { apiVersion: 'v1', kind: 'ConfigMap', metadata: AT }),
    remove: async () => {
      const { metadata } = await client.get<KubeObject>(CONFIG_MAPS, AT);
      await client.delete(CONFIG_MAPS, AT, metadata.uid);
    },
  };
  const transport: Transport = async (request) => {
    const isWrite = request.method !== 'GET';
    stage.writes += Number(isWrite);
    if (stage.loses === 'everything' || (isWrite && stage.loses === 'requests')) throw connectionReset();
    const answer = await embedded.transport(request);
    if (isWrite && stage.loses === 'answers') throw connectionReset();
    return answer;
  };
  const metadata = { name: SYSTEM_NAMESPACE };
  await client.create(NAMESPACES, {}, { apiVersion: 'v1', kind: 'Namespace', metadata });
  await stage.make();
  return stage;
}

export const warned = ({ silence }: Receiver) => silence.check.warning?.();
export const silent = async (of: Receiver) => (await of.metric('canary_failing')) === 1;

function receiver(
  stage: SilenceStage,
  transport: Transport,
  { seed, ...change }: ReceiverChange & { seed: number },
): Receiver {
  const random = seededRandom(seed);
  const clock = new VirtualClock(change.start ?? stage.clocks[0]?.now());
  stage.clocks.push(clock);
  const log = new RecordingLog();
  const metrics = createMetrics({ outcomes: OUTCOMES });
  const own = createKubeClient({ transport, clock, random, userAgent: 'test' });
  const ask = () => {
    stage.asked += 1;
    const trouble = stage.onAsk();
    return Promise.resolve(typeof trouble === 'string' ? trouble : undefined);
  };
  const canary = 'canary' in change ? change.canary : { intervalMs: INTERVAL, ask };
  const parts = { client: own, clock, random, log, metrics, ...(canary && { canary }) };
  const silence = createSilence(parts);
  const stopping = new AbortController();
  const running = silence.run(stopping.signal);
  return {
    silence,
    clock,
    log,
    metric: async (name) => {
      const found = new RegExp(`^die_operator_${name} (\\S+)$`, 'm').exec(await metrics.render());
      return found?.[1] === undefined ? undefined : Number(found[1]);
    },
    stop: async () => {
      stopping.abort();
      await running;
      await silence.close();
    },
  };
}
