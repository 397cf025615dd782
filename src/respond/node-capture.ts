// Evidence of the node that a pod runs on: processes and files, read there by a capture pod and taken in as they come.
import { randomBytes } from 'node:crypto';
import { podFacts } from '../api/pod.ts';
import type { BundleWriter } from '../evidence/bundle.ts';
import type { CollectContext, Collector } from '../evidence/collector.ts';
import { readTargetPod } from '../evidence/collectors/target-pod.ts';
import { messageOf } from '../evidence/error-message.ts';
import { EvidenceStoreError } from '../evidence/store.ts';
import type { CaptureOrder, NodeCollectorName } from '../helpers/capture-order.ts';
import { readCapture } from '../helpers/capture-reader.ts';
import { CaptureWireError, KEY_BYTES, wireLimits } from '../helpers/capture-wire.ts';
import { readHelperSettings, type HelperSettings } from '../helpers/helper-settings.ts';
import type { HelperContext } from '../helpers/run.ts';
import { deadline } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Logger } from '../observe/log.ts';
import { capturedContainers } from './capture-containers.ts';
import { NoCaptureError, startCapture } from './capture-pod.ts';
import { someProblems } from './node-problems.ts';
import { connectTo, keepFile, lastWord, removeReading, unconfirmed, type ReadingPod } from './reading-pod.ts';

/** What is wanted of a node. */
export interface NodeRequest {
  collectors: readonly NodeCollectorName[];
  /** Keep the content of changed files and executables. */
  contents: boolean;
  /** Bytes of all contents. */
  maxBytes: number;
  /** Time for all of it, the start of the pod included. */
  withinMs: number;
  /** Public keys of age; none: what is sent is not encrypted. */
  recipients: readonly string[];
}

/** What {@link nodeCollector} takes besides. */
export interface NodeCaptureOptions {
  log: Logger;
  /** Makes the key of one pod; default random bytes. */
  newKey?: () => Uint8Array;
  port?: number;
}

/** Names in the manifest. */
const NAMES: Readonly<Record<NodeCollectorName, string>> = {
  Processes: 'processes',
  Filesystem: 'filesystem',
};
/** Bytes that are read of one file, entries of the file system, processes: enough for what a container is. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;
const MAX_ENTRIES = 500_000;
const MAX_PROCESSES = 16_384;
/** The node ends so much before the responder gives up, so that what it holds still comes, and its kubelet can confirm it. */
const MARGIN_MS = 8_000;
const MIN_DEADLINE_MS = 1_000;
const MAX_DEADLINE_MS = 580_000;
const LIFETIME_MARGIN_MS = 30_000;

/** Reads the node of the incident's pod. What cannot be had is a problem that says why and what to do. */
export function nodeCollector(request: NodeRequest, options: NodeCaptureOptions): Collector {
  return {
    name: 'node',
    collect: async (context, bundle) => {
      const limit = deadline(context.clock, request.withinMs, context.signal);
      const until = context.clock.elapsed() + request.withinMs;
      const capture = new Capture({ ...context, signal: limit.signal }, bundle, { request, options, until });
      try {
        await capture.run();
      } catch (error) {
        if (error instanceof EvidenceStoreError) throw error;
        capture.fails(messageOf(error));
      } finally {
        limit.done();
      }
    },
  };
}

class Capture {
  readonly #context: CollectContext;
  readonly #bundle: BundleWriter;
  readonly #request: NodeRequest;
  readonly #options: NodeCaptureOptions;
  /** By the clock's `elapsed`. */
  readonly #until: number;
  readonly #helpers: HelperContext;

  constructor(
    context: CollectContext,
    bundle: BundleWriter,
    { request, options, until }: { request: NodeRequest; options: NodeCaptureOptions; until: number },
  ) {
    this.#context = context;
    this.#bundle = bundle;
    this.#request = request;
    this.#options = options;
    this.#until = until;
    this.#helpers = { client: context.client, clock: context.clock, stopping: context.signal };
  }

  /** Records why, for each collector that gave nothing. */
  fails(why: string): void {
    for (const name of this.#request.collectors) this.#bundle.failed(NAMES[name], why);
  }

  async run(): Promise<void> {
    const settings = await captureSettings(this.#context.client);
    const { nodeName } = podFacts(await this.#pod());
    if (nodeName === undefined) throw new NoCaptureError('the pod is on no node');
    const { newKey = () => randomBytes(KEY_BYTES), log } = this.#options;
    const key = newKey();
    let order: CaptureOrder | undefined;
    const helper = await startCapture({
      context: this.#helpers,
      node: nodeName,
      incident: this.#context.incident.uid,
      settings,
      key,
      order: async () => (order = await this.#order()),
      lifetimeMs: this.#leftMs() + LIFETIME_MARGIN_MS,
    });
    const { port } = this.#options;
    const pod: ReadingPod = { context: this.#helpers, profile: 'capture', helper, port };
    try {
      if (order) await this.#takeIn(pod, key, order);
    } finally {
      await removeReading(pod, log);
    }
  }

  async #pod() {
    const now = await readTargetPod(this.#context);
    if ('problem' in now) throw new NoCaptureError(`nothing can be read on its node: ${now.problem}`);
    return now.pod;
  }

  /** The pod may have restarted, or be gone, since it was read first. */
  async #order(): Promise<CaptureOrder> {
    const { pod: before, target } = this.#context;
    const { collectors, contents, maxBytes, recipients } = this.#request;
    const now = await this.#pod();
    const isSame = before !== undefined && before.metadata.uid === target.uid;
    const { containers, leftOut } = capturedContainers(isSame ? [before, now] : [now]);
    if (leftOut.length > 0)
      this.#bundle.problem(
        'node',
        `not read are these containers, since their IDs are no use or they are too many: ${leftOut.join(', ')}`,
      );
    if (containers.length === 0) throw new NoCaptureError('no container of the pod has started yet');
    const deadlineMs = Math.floor(this.#leftMs() - MARGIN_MS);
    if (deadlineMs < MIN_DEADLINE_MS)
      throw new NoCaptureError('the time for the node was over before it began');
    return {
      podUid: target.uid,
      containers,
      collectors: [...collectors],
      contents,
      limits: {
        deadlineMs: Math.min(deadlineMs, MAX_DEADLINE_MS),
        maxBytes,
        maxFileBytes: MAX_FILE_BYTES,
        maxEntries: MAX_ENTRIES,
        maxProcesses: MAX_PROCESSES,
      },
      recipients: [...recipients],
    };
  }

  async #takeIn(pod: ReadingPod, key: Uint8Array, order: CaptureOrder): Promise<void> {
    const connection = await connectTo(pod, key, this.#leftMs() - MARGIN_MS);
    const { signal } = this.#context;
    const given = new Set<string>();
    const names = new Set<string>(order.collectors.map((name) => NAMES[name]));
    const problems = someProblems(this.#bundle);
    try {
      const done = await readCapture({
        source: connection.source,
        limits: wireLimits(order),
        take: async (file) => {
          const { collector } = file.head;
          if (!names.has(collector))
            throw new CaptureWireError(
              'Malformed',
              `a file of ${JSON.stringify(collector)} came, which was not asked`,
            );
          given.add(collector);
          await keepFile(this.#bundle, file, { signal });
        },
        problem: (collector, message) => problems.add(names.has(collector) ? collector : 'node', message),
      });
      problems.end();
      const suspect = await unconfirmed(pod, done);
      if (suspect !== undefined) this.#bundle.problem('node', suspect);
    } catch (error) {
      problems.end();
      if (!(error instanceof CaptureWireError)) throw error;
      throw new NoCaptureError(`${error.message}${await lastWord(pod)}`, { cause: error });
    } finally {
      connection.close();
    }
    for (const name of order.collectors)
      if (!given.has(NAMES[name])) this.#bundle.failed(NAMES[name], 'gave nothing: see the other problems');
  }

  #leftMs(): number {
    return Math.max(0, this.#until - this.#context.clock.elapsed());
  }
}

async function captureSettings(client: KubeClient): Promise<HelperSettings> {
  const settings = await readHelperSettings(client);
  if (typeof settings === 'string') throw new NoCaptureError(settings);
  if (settings.profiles.has('capture')) return settings;
  throw new NoCaptureError(
    'the profile capture of helper pods is not allowed: add it to profiles of ConfigMap die-operator-helpers, or do not ask for evidence of the node',
  );
}
