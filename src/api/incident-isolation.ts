// What the status of a DriftIncident says of the isolation of its pod.
import { z } from 'zod';
import { timeField } from './meta.ts';
import { DIRECTIONS } from './network-policy.ts';

/** How a pod is taken out: all labels away, or only ours added. */
export const FORMS = ['Orphan', 'Gentle', 'LabelOnly'] as const;
/** See {@link FORMS}. */
export type IsolationForm = (typeof FORMS)[number];

/** What a remaining path is there by: a policy, the node, an exec, or a connection from before. */
export const PATH_KINDS = ['Policy', 'Node', 'Exec', 'Established'] as const;
/** Paths that a record lists. */
export const MAX_PATHS = 32;

/** One way in which a quarantined pod can still be reached, or reach others. */
export const IsolationPathSchema = z
  .object({
    kind: z.enum(PATH_KINDS).describe('Why the path is there.'),
    direction: z.enum(DIRECTIONS).describe('Ingress: to the pod. Egress: from it.'),
    peer: z.string().max(160).describe('Who is at its other end, in words.'),
    ports: z.string().max(80).describe('Which ports, in words.'),
    policy: z.string().max(320).optional().describe('The policy that allows it.'),
  })
  .describe('One remaining path.');

/** See {@link IsolationPathSchema}. */
export type IsolationPath = z.infer<typeof IsolationPathSchema>;

/** How far the pod is cut off. */
export const IsolationStatusSchema = z
  .object({
    form: z.enum(FORMS).describe('How the pod was taken out.'),
    at: timeField('When the pod was changed.'),
    networkPolicy: z.string().max(253).optional().describe('The policy that denies its traffic.'),
    paths: z
      .array(IsolationPathSchema)
      .max(MAX_PATHS)
      .optional()
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('What is still open, as far as it is known.'),
    morePaths: z.int().min(1).optional().describe('Paths that found no room in the list.'),
    enforcement: z
      .object({
        verdict: z.enum(['Enforced', 'Unenforced']).describe('What the test showed.'),
        node: z.string().max(253).describe('The node that was tested.'),
        testedAt: timeField('When the test ended.'),
        tookMs: z.int().min(0).describe('Milliseconds from a change to the first refused packet.'),
        establishedCut: z.boolean().describe('Whether open connections were cut as well.'),
      })
      .optional()
      .describe('What a test of the pod’s node showed.'),
    cut: z
      .object({
        begunAt: timeField('When it was begun: from then on a firewall may be there.'),
        at: timeField('When it was in place.').optional(),
        podIP: z
          .string()
          .max(45)
          .optional()
          .describe(
            'Address of the pod then. With another one it has another network, without the firewall.',
          ),
        sandboxAt: z
          .string()
          .max(40)
          .optional()
          .describe(
            'Since when the pod had its sandbox then, as its kubelet says. The next sandbox has another network, even if it has the same address.',
          ),
      })
      .optional()
      .describe('The firewall that was put into the network of the pod. Release takes it away.'),
    deniedBy: z
      .string()
      .min(1)
      .max(253)
      .optional()
      .describe(
        'The admission policy or webhook that refused to take the labels of the pod away; it kept them therefore.',
      ),
  })
  .describe('What was changed on the pod.');
