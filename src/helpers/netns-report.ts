// What the helper in the network of a pod is told, and what it says as its last word: one line of JSON that the kubelet keeps
// as the message of its end.
import { isIP } from 'node:net';
import { z } from 'zod';

/** What it does: puts the firewall in, takes it away, or finds out whether the pod is cut off. */
export const NETNS_ACTIONS = ['cut', 'uncut', 'probe'] as const;
/** See {@link NETNS_ACTIONS}. */
export type NetnsAction = (typeof NETNS_ACTIONS)[number];

/** Kubernetes has no limit; each makes the firewall longer. */
export const MAX_PROBE_PORTS = 64;
const MAX_ADDRESSES = 16;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
// With a zone (fe80::1%eth0) it is one of a machine's, and no pod has it.
const AddressSchema = z
  .string()
  .refine((text) => isIP(text) !== 0 && !text.includes('%'), 'must be an IP address');
const addresses = z.array(AddressSchema).max(MAX_ADDRESSES);

/** Everything that reaches the helper: each of a type that cannot hold anything else. */
export const NetnsOrderSchema = z.object({
  action: z.enum(NETNS_ACTIONS),
  /** UID of the pod. */
  podUid: z.string().regex(UUID, 'must be a UUID'),
  /** Addresses of the pod. */
  podAddresses: addresses.min(1),
  /** Addresses of its node: from there the probes of the kubelet may come. */
  nodeAddresses: addresses,
  /** TCP ports of these probes. */
  probePorts: z.array(z.int().min(1).max(65_535)).max(MAX_PROBE_PORTS),
});
/** See {@link NetnsOrderSchema}. */
export type NetnsOrder = z.infer<typeof NetnsOrderSchema>;

/** Why nothing was done, or found out. */
export const REFUSALS = [
  'NoProcess',
  'NodeNetwork',
  'Ambiguous',
  'Changed',
  'NotEffective',
  'Unclear',
  'Failed',
] as const;

const ReportSchema = z.discriminatedUnion('result', [
  /** The firewall is in place, and a packet that was sent in the network of the pod was refused by it. */
  z.object({ result: z.literal('Cut') }),
  /** There is no firewall of ours. */
  z.object({ result: z.literal('Uncut') }),
  /** Nothing came through from the network of the pod, nor into it, while everything that had to work did. */
  z.object({ result: z.literal('Closed') }),
  /** Something came through: which ways, in words. */
  z.object({ result: z.literal('Open'), ways: z.array(z.string().max(64)).min(1).max(8) }),
  z.object({ result: z.literal('Refused'), reason: z.enum(REFUSALS), message: z.string().max(1024) }),
]);
/** See the file's first line. */
export type NetnsReport = z.infer<typeof ReportSchema>;

/** Reads the message of an end, which may come after a reason of the kubelet's; undefined if there is no report in it. */
export function readNetnsReport(message: string): NetnsReport | undefined {
  try {
    return ReportSchema.safeParse(JSON.parse(message.slice(message.indexOf('{')))).data;
  } catch {
    return undefined;
  }
}

/** The arguments of `die-operator helper` that give the order. */
export function netnsArgs({ action, podUid, podAddresses, nodeAddresses, probePorts }: NetnsOrder): string[] {
  const each = (flag: string, values: readonly (string | number)[]) =>
    values.flatMap((value) => [flag, `${value}`]);
  return [
    'netns',
    action,
    '--pod-uid',
    podUid,
    ...each('--pod-address', podAddresses),
    ...each('--node-address', nodeAddresses),
    ...each('--probe-port', probePorts),
  ];
}
