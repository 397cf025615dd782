// Turns an alert of Falco, as Falco itself or Falcosidekick sends it, into a Detection.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { DetectionSummarySchema, type Detection } from '../api/detection.ts';
import { OPERATOR_NAME } from '../api/names.ts';
import { parseAny, type Issue } from '../api/parse.ts';
import { SEVERITIES, parseSeverity } from '../api/severity.ts';
import { keptFields } from './fields.ts';
import { falcoIdentity, isHostProcess, toldText, type OutputFields } from './falco-identity.ts';
import { canonicalJson, formatPath, type Problem } from './json.ts';
import { cleanText } from './sanitize.ts';

/** What an alert turned out to be. `message` and `path` are for people and hold no text of the alert. */
export type FalcoResult =
  | { kind: 'Detection'; detection: Detection }
  | { kind: 'Ignored' | 'NotAPod'; message: string }
  | ({ kind: 'Invalid' } & Problem);

const MAX_RULE = 256;
const MAX_EXECUTABLE = 512;
const MAX_TAGS = 32;
const MAX_TAG = 64;

const PrioritySchema = z.string().transform((text, context) => {
  const severity = parseSeverity(text);
  if (severity) return severity;
  context.addIssue({ code: 'custom', message: `must be one of ${SEVERITIES.join(', ')}` });
  return z.NEVER;
});

// Strict in what is used, tolerant in the rest: senders add keys, and leave out what they do not know.
const AlertSchema = z.object({
  rule: z.string().min(1, 'must not be empty'),
  priority: PrioritySchema,
  // Kept as text: nanoseconds do not fit into a Date, nor the numbers in output_fields into a double.
  time: DetectionSummarySchema.shape.time,
  output_fields: z.record(z.string(), z.unknown()),
  source: z.string().nullish(),
  hostname: z.string().nullish(),
  tags: z.array(z.string()).nullish(),
});
type Alert = z.output<typeof AlertSchema>;

// Read before anything else is checked: what is dropped need not be well-formed.
const OriginSchema = z.object({ source: z.unknown().optional(), rule: z.unknown().optional() });

/**
 * Reads one alert.
 * @param body as `parseJson` gave it.
 * @param receivedAt when it came in, RFC 3339.
 */
export function parseFalco(body: unknown, receivedAt: string): FalcoResult {
  const ignored = whyIgnored(body);
  if (ignored !== undefined) return { kind: 'Ignored', message: ignored };
  const parsed = parseAny(AlertSchema, body);
  if (!parsed.success) return { kind: 'Invalid', ...firstProblem(parsed.issues) };
  const alert = parsed.data;
  if (isHostProcess(alert.output_fields)) {
    return { kind: 'NotAPod', message: 'the alert is about a process on the node, not in a container' };
  }
  return { kind: 'Detection', detection: toDetection(alert, receivedAt) };
}

function whyIgnored(body: unknown): string | undefined {
  const origin = OriginSchema.safeParse(body);
  if (!origin.success) return undefined;
  const { source, rule } = origin.data;
  if (source === OPERATOR_NAME) return 'an event of die-operator itself, sent back by Falcosidekick';
  if (rule === 'Test rule') return 'a test event of Falcosidekick: alerts arrive here';
  if (source === 'internal') return 'an event about Falco itself';
  if (typeof rule === 'string' && rule.startsWith('Falco internal: ')) return 'an event about Falco itself';
  return undefined;
}

function toDetection(alert: Alert, receivedAt: string): Detection {
  const fields = alert.output_fields;
  const identity = falcoIdentity(fields, alert.hostname);
  const executable = executableOf(fields);
  return {
    summary: {
      id: detectionId(alert, identity.containerId),
      source: 'Falco',
      rule: cleanText(alert.rule, MAX_RULE),
      severity: alert.priority,
      time: alert.time,
      receivedAt,
      ...(identity.hostname && { hostname: identity.hostname }),
      ...(identity.containerId && { containerID: identity.containerId }),
      ...(identity.containerName && { containerName: identity.containerName }),
      ...(executable && { executable }),
    },
    identity,
    tags: (alert.tags ?? []).slice(0, MAX_TAGS).map((tag) => cleanText(tag, MAX_TAG)),
    fields: keptFields(fields),
  };
}

function executableOf(fields: OutputFields): string | undefined {
  const path = toldText(fields['proc.exepath']);
  return path === undefined ? undefined : cleanText(path, MAX_EXECUTABLE);
}

// `uuid` and `output` do not count: Falcosidekick makes a new uuid on each receipt, and output repeats the fields.
// Numbers beyond 2^53 were rounded by JSON.parse, but always to the same.
function detectionId(alert: Alert, containerId: string | undefined): string {
  const identity = [alert.source ?? null, alert.rule, alert.time, containerId ?? null, alert.output_fields];
  return createHash('sha256').update(canonicalJson(identity)).digest('hex').slice(0, 32);
}

function firstProblem([issue]: readonly Issue[]): Problem {
  return { path: formatPath(issue?.path ?? []), message: issue?.message ?? 'is not valid' };
}
