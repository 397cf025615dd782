// Commands that are run in a pod as a last resort for evidence.
import { z } from 'zod';

/** Commands that are run in one pod. */
export const MAX_EXEC = 4;
const ExecCommandSchema = z
  .object({
    container: z.string().min(1).max(63).describe('Name of the container.'),
    command: z
      .array(z.string().min(1).max(1024))
      .min(1)
      .max(32)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('Program and arguments; there is no shell.'),
  })
  .describe('A command that is run in the pod.');

/** `evidence.exec`. */
export const ExecCommandsSchema = z
  .array(ExecCommandSchema)
  .max(MAX_EXEC)
  .optional()
  .meta({ 'x-kubernetes-list-type': 'atomic' })
  .describe(
    'Commands that are run in the pod, last of all; what they print is kept, and not to be trusted: the programs are those of whoever controls the container. Each has 10 seconds and 1 MiB. Of several policies that select a pod the first four commands count, by container and command. It needs config/components/exec-evidence, and in a DriftPolicy a grant.',
  );

/** What tells commands apart, and gives them an order of their own. */
export function execKey({ container, command }: z.output<typeof ExecCommandSchema>): string {
  return JSON.stringify([container, command]);
}
