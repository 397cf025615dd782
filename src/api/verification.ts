// When running pods are verified against what was approved, and where approved digests come from besides the policy.
import { z } from 'zod';
import { DurationSchema } from './amounts.ts';

/** What is found of the image that a container runs, from the best to the worst; docs/images.md says what each means. */
export const VERIFICATION_VERDICTS = [
  'Approved',
  'MutableTag',
  'LocalOnly',
  'Unverifiable',
  'Unapproved',
] as const;
/** See {@link VERIFICATION_VERDICTS}. */
export type VerificationVerdict = (typeof VERIFICATION_VERDICTS)[number];

/** Where lists of approved digests are kept besides the policy. */
export const APPROVED_SOURCES = ['ConfigMap'] as const;

/** Where approved digests come from besides the policy. */
export const ApprovedFromSchema = z
  .enum(APPROVED_SOURCES)
  .describe(
    'ConfigMap: the entries of ConfigMap `die-operator-approved-images` are added to `approvedImages`, those of the namespace of the policy, and for a ClusterDriftPolicy those of `die-operator-system`. Each line of its values is one `registry/repository@sha256:...`; empty lines and what begins with # are passed over.',
  );

/** Patterns for names of what admission adds to pods. */
function allowed(description: string) {
  return z.array(z.string().min(1).max(63)).min(1).max(32).optional().describe(description);
}

/** How running pods are verified. */
export const VerificationSchema = z
  .object({
    interval: DurationSchema.default('1h').describe(
      'Every running pod is verified when its containers change, and again after this time. From 1m to 24h.',
    ),
    allowedContainers: allowed(
      'Names of containers that admission adds to pods, as `istio-proxy`; `*` stands for any characters. A name excuses neither more power than it takes to set up the network of the pod, nor a secret of the template, nor anything of the node. Their images are verified like others.',
    ),
    allowedVolumes: allowed(
      'Names of volumes that admission adds to pods and mounts into their containers, as `aws-iam-token`; `*` stands for any characters. A name excuses no folder of the node, neither claims nor network shares, nor a mount that hides one of the template.',
    ),
    allowedVariables: allowed(
      'Names of variables that load code or hold a secret and that admission sets in containers, as `JAVA_TOOL_OPTIONS`, and of Secrets and ConfigMaps in `envFrom`; `*` stands for any characters.',
    ),
  })
  .describe(
    'The containers of running pods are verified all the time: their images against the approved digests, their configuration against the template of their controller. What differs is a detection of the source `Digest` or `Configuration`. It needs config/components/verification.',
  );

/** See {@link VerificationSchema}. */
export type Verification = z.output<typeof VerificationSchema>;
