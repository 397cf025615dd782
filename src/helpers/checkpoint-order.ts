// What a checkpoint pod is told: which archives to take away. It reaches the pod as one argument of JSON: everything in it is
// checked again there.
import { z } from 'zod';

/** A name as Kubernetes has them for containers, and with dots for pods. No slash, no `_`, and nothing that begins with a dot. */
const CONTAINER = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const POD = /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/;
const FOLDER = /^(\/[A-Za-z0-9_-][A-Za-z0-9._-]*){2,17}$/;
/** Of an age recipient. */
const RECIPIENT = /^age1[a-z0-9]{20,4000}$/;

const MAX_SKEW_MS = 300_000;

/** Containers of one pod that are checkpointed. */
export const MAX_CHECKPOINTS = 16;
/** Collector of what is here, as the manifest calls it. */
export const CHECKPOINT_COLLECTOR = 'checkpoint';

const PodSchema = z.strictObject({
  namespace: z.string().max(63).regex(CONTAINER),
  name: z.string().max(253).regex(POD),
  /** RFC 3339. What is older was made of another pod of that name. */
  createdAt: z.iso.datetime(),
});
/** Whose containers. */
export type CheckpointedPod = z.output<typeof PodSchema>;

/** See the file's first line. */
export const CheckpointOrderSchema = z
  .strictObject({
    pod: PodSchema,
    /** All whose archives are to go from the node. */
    containers: z
      .array(
        z.strictObject({
          name: z.string().max(63).regex(CONTAINER),
          /** Name of the file to send; what else there is of this container is removed and not sent. */
          archive: z.string().max(512).optional(),
        }),
      )
      .min(1)
      .max(MAX_CHECKPOINTS),
    /** Path on the node of the folder that they are in, for people. */
    folder: z.string().max(1024).regex(FOLDER),
    limits: z.strictObject({
      /** For all of it, in milliseconds. */
      deadlineMs: z.int().min(1_000).max(580_000),
      /** Bytes of all archives before encryption. One that finds no room is not sent. */
      maxBytes: z.int().min(0),
    }),
    recipients: z.array(z.string().regex(RECIPIENT, 'must be a public key of age')).max(8),
  })
  .refine(
    ({ pod, containers }) =>
      containers.every(({ name, archive }) => archive === undefined || isArchiveOf(archive, pod, name)),
    'an archive is of another container',
  );
/** See the file's first line. */
export type CheckpointOrder = z.output<typeof CheckpointOrderSchema>;

/**
 * Whether a kubelet calls a checkpoint of this container so, `checkpoint-<pod>_<namespace>-<container>-<time>.tar`, made since
 * the pod was, by clocks that differ a little: a name and never a path.
 */
export function isArchiveOf(name: string, pod: CheckpointedPod, container: string): boolean {
  const prefix = `checkpoint-${pod.name}_${pod.namespace}-${container}-`;
  if (!name.startsWith(prefix) || !name.endsWith('.tar')) return false;
  const time = name.slice(prefix.length, -'.tar'.length);
  return TIME.test(time) && Date.parse(time) >= Date.parse(pod.createdAt) - MAX_SKEW_MS;
}

/** Where a container's archive is in a bundle. */
export function checkpointPath(container: string): string {
  return `node/checkpoint-${container}.tar`;
}

/** The arguments of `die-operator helper` that take archives away. @param key is for this one pod. */
export function checkpointArgs(order: CheckpointOrder, key: Uint8Array): string[] {
  return ['checkpoint', '--key', Buffer.from(key).toString('hex'), '--order', JSON.stringify(order)];
}
