// Exceptions to the protection of namespaces of the settings, which only a ClusterDriftPolicy may name.
import { z } from 'zod';
import { LabelSelectorSchema, timeField } from './meta.ts';
import { entryName, globs } from './policy-parts.ts';

/** One exception to the protection of a namespace. */
export const UnprotectSchema = z
  .object({
    name: entryName('Name of the exception, unique among these of the policy.'),
    namespace: z
      .string()
      .min(1)
      .max(63)
      .describe(
        'The namespace of the settings that it is about. Never one of die-operator’s own; the policy has to select it, too.',
      ),
    podSelector: LabelSelectorSchema.optional().describe(
      'Pods by label. Absent: every pod of the namespace.',
    ),
    images: globs('Pods with a container whose image matches one of these patterns.').optional(),
    critical: z
      .boolean()
      .default(false)
      .describe(
        'Also pods with priority class system-node-critical or system-cluster-critical, without which a node or the cluster may fail.',
      ),
    reason: z.string().min(1).max(256).describe('Why, for those who read the incident.'),
    expires: timeField('When the exception ends. Absent: never.').optional(),
  })
  .describe(
    'Pods that may be touched though the settings protect their namespace. It counts only while the policy is accepted and in Enforce.',
  );

/** One exception, defaults applied. */
export type Unprotect = z.output<typeof UnprotectSchema>;
