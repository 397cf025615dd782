// Turns an alert of Microsoft Defender for Cloud, in any of its published forms, into a Detection. Experimental: the forms are
// those of Microsoft's schemas and examples; no recorded drift alert was to be had.
import { createHash } from 'node:crypto';
import { DetectionSummarySchema, type Detection, type ToldIdentity } from '../api/detection.ts';
import type { Severity } from '../api/severity.ts';
import { defenderFields, executableIn } from './defender-details.ts';
import { readEntities, type Entities } from './defender-entities.ts';
import { clustersOf, comparableId, defenderIdentity } from './defender-identity.ts';
import { listOf, textOf, unpacked, unwrapped, type Keyed } from './defender-keys.ts';
import { canonicalJson, type Problem } from './json.ts';
import { cleanText } from './sanitize.ts';

/** What is looked for in alerts. */
export interface DefenderOptions {
  /** Azure resource ID of this cluster. */
  clusterResourceId: string;
  /** Alert types that are drift. */
  alertTypes: readonly string[];
}

/** What an alert turned out to be. `message` and `path` are for people and hold no text of the alert. */
export type DefenderResult =
  | { kind: 'Detection'; detection: Detection }
  | { kind: 'Ignored'; message: string }
  | ({ kind: 'Invalid' } & Problem);

const TAGS = ['defender', 'drift'];
const MAX_MESSAGE = 256;
const MAX_STEPS = 8;
const MAX_STEP = 512;
/** How far ahead of our clock an alert may begin, in milliseconds: clocks that are set by NTP differ by less. */
const MAX_SKEW_MS = 5 * 60_000;

/** Its four severities on the scale of Falco: one of them alone decides nothing, the policies do. */
const SEVERITY: ReadonlyMap<string, Severity> = new Map([
  ['high', 'Critical'],
  ['medium', 'Error'],
  ['low', 'Warning'],
  ['informational', 'Notice'],
]);
/** An alert that somebody closed: what it told of is over, or was none. */
const CLOSED: ReadonlySet<string | undefined> = new Set(['resolved', 'dismissed']);

/**
 * Reads one alert.
 * @param told an object of a body that `parseJson` gave.
 * @param receivedAt when it came in, RFC 3339.
 */
export function parseDefender(told: unknown, receivedAt: string, options: DefenderOptions): DefenderResult {
  const alert = unwrapped(told);
  if (!alert) return invalid('body', 'must be an alert: an object');
  const type = textOf(alert, 'alerttype')?.toLowerCase();
  if (type === undefined) return invalid('alertType', 'is missing');
  const rule = options.alertTypes.find((one) => one.toLowerCase() === type);
  if (rule === undefined)
    return { kind: 'Ignored', message: 'an alert of a type that --defender-alert-types does not name' };
  const over = whyOver(alert);
  return over === undefined ? ofType(rule, alert, receivedAt, options) : { kind: 'Ignored', message: over };
}

function ofType(
  rule: string,
  alert: Keyed,
  receivedAt: string,
  { clusterResourceId }: DefenderOptions,
): DefenderResult {
  const list = unpacked(alert.get('entities'));
  // A column of Log Analytics is cut where it is too long.
  if (!list) return invalid('entities', 'is a text that is not JSON, was cut, or is nested too deep');
  if (!Array.isArray(list.value ?? []))
    return invalid('entities', 'must be a list, or JSON of one in a text');
  const entities = readEntities(listOf(list.value));
  if (typeof entities === 'string') return invalid('entities', entities);
  const identifiers = unpacked(alert.get('resourceidentifiers'));
  // It could name another cluster.
  if (!identifiers)
    return invalid('resourceIdentifiers', 'is a text that is not JSON, or is nested too deep');
  const own = comparableId(clusterResourceId);
  const elsewhere = whyElsewhere(clustersOf(alert, identifiers.value, entities, own), own);
  if (elsewhere !== undefined) return { kind: 'Ignored', message: elsewhere };
  const severity = SEVERITY.get(textOf(alert, 'severity', 'alertseverity')?.toLowerCase() ?? '');
  if (!severity) return invalid('severity', 'must be High, Medium, Low or Informational');
  const time = timeOf(alert);
  if (time === undefined)
    return invalid('startTimeUtc', 'must be a time as in 2026-11-22T18:01:30Z; one without a zone is UTC');
  // Its pod is told by what was there before the alert began: a time that is yet to come would let any pod be that.
  if (Date.parse(time) - Date.parse(receivedAt) > MAX_SKEW_MS)
    return invalid(
      'startTimeUtc',
      'is more than 5 minutes after the alert came in: a clock is wrong, that of the sender or of this machine; set it, then send the alert again',
    );
  return { kind: 'Detection', detection: toDetection({ alert, entities, rule, severity, time, receivedAt }) };
}

function whyOver(alert: Keyed): string | undefined {
  if (CLOSED.has(textOf(alert, 'status')?.toLowerCase())) return 'an alert that was resolved or dismissed';
  const isIncident = alert.get('isincident');
  if (isIncident === true || (typeof isIncident === 'string' && isIncident.toLowerCase() === 'true'))
    return 'a security incident of Defender for Cloud: its alerts come by themselves';
  return undefined;
}

function whyElsewhere(clusters: readonly string[], own: string): string | undefined {
  if (clusters.length === 0)
    return 'the alert does not tell of which cluster it is: an alert of another one could name a pod of this one';
  // Two clusters in one alert: which of them is meant cannot be told.
  if (clusters.every((id) => id === own)) return undefined;
  return 'the alert is about another cluster than the one that --defender-cluster-resource-id names';
}

// Without a zone it is UTC, as the names of these fields say.
function timeOf(alert: Keyed): string | undefined {
  const text = textOf(alert, 'starttimeutc', 'starttime')?.trim().replace(' ', 'T') ?? '';
  const zoned = /(?:z|[+-]\d\d:\d\d)$/i.test(text) ? text.replace(/z$/, 'Z') : `${text}Z`;
  const read = DetectionSummarySchema.shape.time.safeParse(zoned);
  return read.success && !Number.isNaN(Date.parse(read.data)) ? read.data : undefined;
}

interface Read {
  alert: Keyed;
  entities: Entities;
  rule: string;
  severity: Severity;
  time: string;
  receivedAt: string;
}

function toDetection({ alert, entities, rule, severity, time, receivedAt }: Read): Detection {
  const identity = defenderIdentity(entities);
  const { containerId, containerName, hostname } = identity;
  const executable = executableIn(entities);
  const message = textOf(alert, 'alertdisplayname', 'displayname', 'alertname');
  const remediation = remediationOf(alert.get('remediationsteps'));
  return {
    summary: {
      id: detectionId(alert, { rule, severity, time, identity }),
      source: 'Defender',
      rule: cleanText(rule, 256),
      severity,
      time,
      receivedAt,
      ...(hostname !== undefined && { hostname }),
      ...(containerId !== undefined ? { containerID: containerId } : { confidence: 'Low' as const }),
      ...(containerName !== undefined && { containerName }),
      ...(executable !== undefined && { executable }),
      ...(message !== undefined && { message: cleanText(message, MAX_MESSAGE) }),
      ...(remediation.length > 0 && { remediation }),
    },
    identity,
    tags: TAGS,
    fields: defenderFields(alert, entities),
  };
}

// A list of steps, the same as JSON in a text, or a text of one step.
function remediationOf(value: unknown): string[] {
  const told = unpacked(value)?.value ?? value;
  const steps = typeof told === 'string' ? [told] : listOf(told);
  return steps
    .flatMap((step) => (typeof step === 'string' ? cleanText(step.trim(), MAX_STEP) : []))
    .filter((step) => step !== '')
    .slice(0, MAX_STEPS);
}

// An alert has the same ID whichever way it comes. Defender updates alerts: one that now tells of another pod, container or
// node, or is more severe, says what it did not say before, and must not be taken for the same.
function detectionId(
  alert: Keyed,
  { rule, severity, time, identity }: Pick<Read, 'rule' | 'severity' | 'time'> & { identity: ToldIdentity },
): string {
  const own = textOf(alert, 'systemalertid', 'resource name', 'vendororiginalid')?.toLowerCase();
  // Each way out writes times in its own form.
  const named = own ?? [new Date(time).toISOString()];
  return createHash('sha256')
    .update(canonicalJson(['Defender', named, rule, severity, identity]))
    .digest('hex')
    .slice(0, 32);
}

function invalid(path: string, message: string): DefenderResult {
  return { kind: 'Invalid', path, message };
}
