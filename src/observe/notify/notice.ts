// What people are told, in the form in which Falcosidekick takes events (`Check()` in its handlers.go): text only, and
// nothing of an alert but identifiers that were checked and the name of its rule, cleaned.
import { createHash } from 'node:crypto';
import type { DriftIncident } from '../../api/incident.ts';
import { OPERATOR_NAME } from '../../api/names.ts';
import type { Severity } from '../../api/severity.ts';
import type { EventInput } from '../../kube/events.ts';
import { cleanText } from '../../kube/text.ts';
import { urgencyOf } from './urgency.ts';

/** An Event, and the incident whose news it is; a second Event of the same, on the pod, has none. */
export interface Told extends EventInput {
  news?: DriftIncident;
}

/** An event in the form of Falcosidekick. */
export interface Notice {
  rule: string;
  priority: Severity;
  /** By it the intake drops what Falcosidekick sends back. */
  source: typeof OPERATOR_NAME;
  /** RFC 3339. */
  time: string;
  output: string;
  /** Who tells it. */
  hostname: string;
  tags: string[];
  /** At least one: Falcosidekick refuses an event without. */
  output_fields: Record<string, string>;
}

/** When and by whom something is told. */
export interface Teller {
  /** Name of this process among its peers. */
  instance: string;
  /** RFC 3339. */
  time: string;
}

/** Reasons that are told although they are about no incident. */
const OTHERS: ReadonlySet<string> = new Set([
  'BreakerOpened',
  'BreakerClosed',
  'LedgerLost',
  'StrayQuarantine',
]);
const MAX_NOTE_BYTES = 1_024;
const MAX_RULE_BYTES = 128;
// What a chat or a mail could take for markup, a mention or a link, which two slashes begin.
const UNPLAIN = /[^\p{L}\p{N} _.,:()/+-]|\/(?=\/)|(?<=\/)\//gu;
const ID_LENGTH = 16;

/** What is told of an Event; undefined: nothing. */
export function noticeOf(told: Told, teller: Teller): Notice | undefined {
  const { news, reason, regarding, note } = told;
  if (news === undefined && !OTHERS.has(reason)) return undefined;
  const { prefix, fields } = subjectOf(told);
  const id = [regarding.uid ?? regarding.name, reason, note];
  return noticeWith({ reason, priority: urgencyOf(told), text: prefix + note, fields, id }, teller);
}

/** What it is about: the pod, if it is about one, and the incident. */
function subjectOf({ news, regarding }: Told): { prefix: string; fields: Record<string, string> } {
  const pod = news?.spec.target ?? regarding;
  if (!news && regarding.kind !== 'Pod') return { prefix: '', fields: {} };
  const { namespace = '', name } = pod;
  const fields = { 'k8s.ns.name': namespace, 'k8s.pod.name': name };
  const prefix = `Pod ${namespace}/${name}`;
  if (!news) return { prefix: `${prefix}: `, fields };
  return {
    prefix: `${prefix}, incident ${news.metadata.name}: `,
    fields: { ...fields, ...incidentFields(news) },
  };
}

/** What a notice says. */
export interface Say {
  reason: string;
  priority: Severity;
  text: string;
  fields: Readonly<Record<string, string>>;
  /** What is the same whenever the same is told again. */
  id: readonly string[];
}

/** Puts it in form. */
export function noticeWith({ reason, priority, text, fields, id }: Say, { instance, time }: Teller): Notice {
  return {
    rule: `${OPERATOR_NAME}: ${reason}`,
    priority,
    source: OPERATOR_NAME,
    time,
    output: cleanText(text, MAX_NOTE_BYTES),
    hostname: instance,
    tags: [OPERATOR_NAME, 'drift'],
    output_fields: { ...fields, 'die.id': idOf(id), 'die.reason': reason },
  };
}

function incidentFields({ metadata, spec, status }: DriftIncident): Record<string, string> {
  const { severity, detection } = spec.trigger;
  const { phase } = status ?? {};
  return {
    'die.incident': `${metadata.namespace}/${metadata.name}`,
    ...(phase !== undefined && { 'die.phase': phase }),
    'die.rule': cleanText(detection.rule.replaceAll(UNPLAIN, '?'), MAX_RULE_BYTES),
    'die.severity': severity,
  };
}

// A repeat, after a crash or a lost answer, is known by it.
function idOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, ID_LENGTH);
}
