// What a canary says on its standard output, a line of JSON each time that its state changes; the operator reads its log.
import { z } from 'zod';

/** Port on which canaries listen. The NetworkPolicy in config/components/helpers lets them reach each other on it. */
export const CANARY_PORT = 7070;

/** `Carries`: what is sent on a connection that was there before still comes back. */
const ESTABLISHED = z.enum(['Cut', 'Carries']);

const ReportSchema = z.discriminatedUnion('state', [
  /** It answers, and has not reached the other one; also once the other one has ended. */
  z.object({ state: z.literal('Listening') }),
  /** New connections to the other one work, one after the other, and one that is held open carries. */
  z.object({ state: z.literal('Connected') }),
  /** They worked, and no new one has for some seconds. */
  z.object({
    state: z.literal('Cut'),
    /** Milliseconds from the last new connection that worked to this report. */
    lastSuccessAgoMs: z.int().min(0),
    established: ESTABLISHED,
  }),
]);
/** See the file's first line. */
export type CanaryReport = z.infer<typeof ReportSchema>;

/** The latest report in a log; undefined if there is none. What is no report, such as a warning of Node, is passed over. */
export function latestReport(log: string): CanaryReport | undefined {
  return log
    .split('\n')
    .flatMap((line) => readReport(line) ?? [])
    .at(-1);
}

function readReport(line: string): CanaryReport | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return ReportSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
