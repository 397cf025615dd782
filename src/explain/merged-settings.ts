// The merged settings of a response, each with the policies that gave its value.
import { MAX_EXEC } from '../api/exec-command.ts';
import type { ResponseSettings } from '../api/incident.ts';
import { commandsAsked, mergeSettings } from '../decide/merge.ts';
import type { CompiledPolicy } from '../decide/policies.ts';
import type { ExplainedSetting } from './explanation.ts';

type Value = string | number | boolean | readonly string[];
type Read = (settings: ResponseSettings) => Value;

const FIELDS: readonly (readonly [field: string, read: Read])[] = [
  ['isolation.cut', ({ isolation }) => isolation.cut],
  ['isolation.ttl', ({ isolation }) => isolation.ttl],
  ['isolation.onExpiry', ({ isolation }) => isolation.onExpiry],
  ['isolation.onDrain', ({ isolation }) => isolation.onDrain],
  ['evidence.collectors', ({ evidence }) => evidence.collectors],
  ['evidence.contents', ({ evidence }) => evidence.contents],
  ['evidence.deadline', ({ evidence }) => evidence.deadline],
  ['evidence.maxBytes', ({ evidence }) => evidence.maxBytes],
  ['evidence.exec', ({ evidence }) => (evidence.exec ?? []).map((one) => JSON.stringify(one))],
  ['evidence.required', ({ evidence }) => evidence.required],
  ['eviction.gracePeriodSeconds', ({ eviction }) => eviction.gracePeriodSeconds],
  ['eviction.waitForBudget', ({ eviction }) => eviction.waitForBudget],
  ['eviction.then', ({ eviction }) => eviction.then],
  ['eviction.replacement.require', ({ eviction }) => eviction.replacement.require],
  ['eviction.replacement.readyWithin', ({ eviction }) => eviction.replacement.readyWithin],
  ['eviction.replacement.quietFor', ({ eviction }) => eviction.replacement.quietFor],
  ['approval.requiredFor', ({ approval }) => approval.requiredFor],
  ['approval.before', ({ approval }) => approval.before],
  ['approval.within', ({ approval }) => approval.within],
  ['limits.perWorkload.quarantined', ({ limits }) => limits.perWorkload.quarantined],
  ['limits.perWorkload.evicting', ({ limits }) => limits.perWorkload.evicting],
  ['limits.perWorkload.maxUnavailable', ({ limits }) => limits.perWorkload.maxUnavailable],
  ['limits.perWorkload.recurrences', ({ limits }) => limits.perWorkload.recurrences],
  ['limits.perWorkload.recurrenceWindow', ({ limits }) => limits.perWorkload.recurrenceWindow],
  ['limits.perNamespace.quarantined', ({ limits }) => limits.perNamespace.quarantined],
  ['limits.perNamespace.evictions', ({ limits }) => limits.perNamespace.evictions],
  ['limits.perNamespace.window', ({ limits }) => limits.perNamespace.window],
  ['limits.cooldown', ({ limits }) => limits.cooldown],
];

/** Merges the settings of policies; without policies there are none. Those in Audit have a say where none is in Enforce. */
export function explainSettings(answering: readonly CompiledPolicy[]): ExplainedSetting[] {
  if (answering.length === 0) return [];
  const enforcing = answering.filter(({ mode }) => mode === 'Enforce');
  const policies = enforcing.length > 0 ? enforcing : answering;
  const merged = mergeSettings(policies.map(({ settings }) => settings));
  const dropped = commandsAsked(policies.map(({ settings }) => settings)).slice(MAX_EXEC);
  return FIELDS.map(([field, read]) => ({
    field,
    value:
      field === 'evidence.exec' && dropped.length > 0
        ? `${shown(read(merged))}; not run, as only the first ${MAX_EXEC} are: ${dropped.map((one) => JSON.stringify(one)).join(', ')}`
        : shown(read(merged)),
    from: policies
      .filter(({ settings }) => gives(read(settings), read(merged)))
      .map(({ kind, name }) => ({ kind, name })),
  }));
}

function shown(value: Value): string | number | boolean {
  return typeof value === 'object' ? value.join(', ') || 'None' : value;
}

// To a list everybody gives who has something in it.
function gives(own: Value, merged: Value): boolean {
  if (typeof own !== 'object' || typeof merged !== 'object') return own === merged;
  return own.length > 0 || merged.length === 0;
}
