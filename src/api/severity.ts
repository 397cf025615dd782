// The severity scale: Falco's priorities, from the least to the most severe.
import { z } from 'zod';

/** Falco's priorities in ascending order (Falco `falco_common.h`, Falcosidekick `types/priority.go`). */
export const SEVERITIES = [
  'Debug',
  'Informational',
  'Notice',
  'Warning',
  'Error',
  'Critical',
  'Alert',
  'Emergency',
] as const;

/** One step of the scale. */
export type Severity = (typeof SEVERITIES)[number];

/** Schema of a severity in our resources. */
export const SeveritySchema = z.enum(SEVERITIES);

/** Position on the scale, 0 (Debug) to 7 (Emergency). */
export function severityRank(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

/** The more severe of two. */
export function maxSeverity(a: Severity, b: Severity): Severity {
  return severityRank(a) >= severityRank(b) ? a : b;
}

/** Reads Falco's spellings (any case, `info` for Informational); undefined if it is none of them. */
export function parseSeverity(text: string): Severity | undefined {
  const wanted = text.toLowerCase() === 'info' ? 'informational' : text.toLowerCase();
  return SEVERITIES.find((severity) => severity.toLowerCase() === wanted);
}
