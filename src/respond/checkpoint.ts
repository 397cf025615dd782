// Checkpoints as evidence: memory and everything else of the running containers, made by the kubelet where runtime and node
// can do that, and taken from the node at once, as no kubelet ever removes them.
import type { KubeObject } from '../api/meta.ts';
import { podFacts } from '../api/pod.ts';
import type { BundleWriter } from '../evidence/bundle.ts';
import type { CollectContext, Collector } from '../evidence/collector.ts';
import { readTargetPod } from '../evidence/collectors/target-pod.ts';
import { messageOf } from '../evidence/error-message.ts';
import { EvidenceStoreError } from '../evidence/store.ts';
import { CHECKPOINT_COLLECTOR, CheckpointOrderSchema } from '../helpers/checkpoint-order.ts';
import { readHelperSettings, type HelperSettings } from '../helpers/helper-settings.ts';
import { deadline } from '../kube/clock.ts';
import type { KubeClient } from '../kube/client.ts';
import { kubeletToken } from '../kube/kubelet-token.ts';
import type { Kubelets } from '../kube/kubelet.ts';
import { NODES } from '../kube/resources.ts';
import { NoCaptureError } from './capture-pod.ts';
import { kubeletOf, makeCheckpoints, runningContainers, type MadeCheckpoint } from './checkpoint-make.ts';
import { takeCheckpoints, type TakeOptions } from './checkpoint-take.ts';

/** What is wanted. */
export interface CheckpointRequest {
  /** Bytes of all archives; asked when the first one is there. */
  maxBytes: () => number;
  /** Time for all of it, in milliseconds; asked at its begin. */
  withinMs: () => number;
  /** Public keys of age; none: what is sent is not encrypted. */
  recipients: readonly string[];
}

/** What {@link checkpointCollector} takes besides. */
export interface CheckpointOptions extends TakeOptions {
  /** Absent: this process has no way to kubelets. */
  kubelets: Kubelets | undefined;
}

/** Of the time, what is kept for the way from the node: a pod has to start there. */
const TAKING_SHARE = 0.5;
const MARGIN_MS = 3_000;
const MIN_DEADLINE_MS = 1_000;
const MAX_DEADLINE_MS = 580_000;

/** Has checkpoints made of the pod's running containers. Why there is none is a problem that says so. */
export function checkpointCollector(request: CheckpointRequest, options: CheckpointOptions): Collector {
  return {
    name: CHECKPOINT_COLLECTOR,
    collect: async (context, bundle) => {
      const withinMs = request.withinMs();
      const limit = deadline(context.clock, withinMs, context.signal);
      const until = context.clock.elapsed() + withinMs;
      const given = { ...context, signal: limit.signal };
      try {
        await collect({ context: given, bundle, request, options, until });
      } catch (error) {
        if (error instanceof EvidenceStoreError) throw error;
        bundle.failed(CHECKPOINT_COLLECTOR, messageOf(error));
      } finally {
        limit.done();
      }
    },
  };
}

interface Collecting {
  context: CollectContext;
  bundle: BundleWriter;
  request: CheckpointRequest;
  options: CheckpointOptions;
  /** By the clock's `elapsed`. */
  until: number;
}

async function collect(given: Collecting): Promise<void> {
  const { context, bundle } = given;
  // First whatever could keep an archive on its node once it is made.
  const settings = await checkpointSettings(context.client);
  const pod = await targetPod(context);
  const made = await make(given, pod, settings);
  if (made.length === 0) return bundle.failed(CHECKPOINT_COLLECTOR, 'no checkpoint was made');
  const files = await take(given, { pod, settings, made });
  if (files === 0) bundle.failed(CHECKPOINT_COLLECTOR, 'gave nothing: see the other problems');
}

async function checkpointSettings(client: KubeClient): Promise<HelperSettings> {
  const settings = await readHelperSettings(client);
  if (typeof settings === 'string') throw new NoCaptureError(settings);
  if (settings.profiles.has('checkpoint')) return settings;
  throw new NoCaptureError(
    'the profile checkpoint of helper pods is not allowed: add it to profiles of ConfigMap die-operator-helpers, or do not ask for Checkpoint',
  );
}

async function targetPod(context: CollectContext): Promise<KubeObject> {
  const now = await readTargetPod(context);
  if ('problem' in now) throw new NoCaptureError(`no checkpoint is made: ${now.problem}`);
  return now.pod;
}

async function make(
  { context, bundle, options, until }: Collecting,
  pod: KubeObject,
  settings: HelperSettings,
): Promise<MadeCheckpoint[]> {
  const { client, clock, signal } = context;
  const containers = runningContainers(pod);
  if (containers.length === 0) throw new NoCaptureError('no container of the pod runs');
  if (!options.kubelets) throw new NoCaptureError('this process has no way to kubelets');
  const { nodeName } = podFacts(pod);
  if (nodeName === undefined) throw new NoCaptureError('the pod is on no node');
  const at = kubeletOf(await client.get<KubeObject>(NODES, { name: nodeName }, { signal }));
  if (!at) throw new NoCaptureError(`node ${nodeName} has no address of the type InternalIP`);
  return makeCheckpoints({
    kubelets: options.kubelets,
    at,
    token: await kubeletToken(client, { signal }),
    pod: checkpointed(pod),
    containers,
    folder: folderOf(settings),
    clock,
    until: until - (until - clock.elapsed()) * TAKING_SHARE,
    signal,
    problem: (message) => bundle.problem(CHECKPOINT_COLLECTOR, message),
  });
}

async function take(
  given: Collecting,
  { pod, settings, made }: { pod: KubeObject; settings: HelperSettings; made: readonly MadeCheckpoint[] },
): Promise<number> {
  const { context, bundle, request, options, until } = given;
  const { client, clock, signal, incident } = context;
  const { nodeName = '' } = podFacts(pod);
  const deadlineMs = Math.floor(until - clock.elapsed() - MARGIN_MS);
  try {
    const order = CheckpointOrderSchema.parse({
      pod: checkpointed(pod),
      containers: made.map(({ container, archive }) => ({
        name: container,
        ...(archive !== undefined && { archive }),
      })),
      folder: folderOf(settings),
      limits: {
        deadlineMs: Math.min(Math.max(deadlineMs, MIN_DEADLINE_MS), MAX_DEADLINE_MS),
        maxBytes: Math.max(0, request.maxBytes()),
      },
      recipients: [...request.recipients],
    });
    return await takeCheckpoints({
      context: { client, clock, stopping: signal },
      node: nodeName,
      incident: incident.uid,
      settings,
      order,
      bundle,
      options,
    });
  } catch (error) {
    // It may have been taken away there before the way broke: the pod does that first.
    for (const path of pathsOf(made, settings))
      bundle.problem(
        CHECKPOINT_COLLECTOR,
        `${path} may be left on node ${nodeName}: look there, and remove it. The next capture of this pod does, the kubelet never`,
      );
    throw error;
  }
}

function pathsOf(made: readonly MadeCheckpoint[], settings: HelperSettings): string[] {
  return made.flatMap(({ archive }) => (archive === undefined ? [] : [`${folderOf(settings)}/${archive}`]));
}

function folderOf({ roots }: HelperSettings): string {
  return `${roots.kubelet}/checkpoints`;
}

function checkpointed({ metadata: { namespace = '', name, creationTimestamp } }: KubeObject) {
  return { namespace, name, createdAt: creationTimestamp };
}
