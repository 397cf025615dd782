// The merged settings of a response, each with the policies that gave its value.
import type { ResponseSettings } from '../api/incident.ts';
import { mergeSettings } from '../decide/merge.ts';
import type { CompiledPolicy } from '../decide/policies.ts';
import type { ExplainedSetting } from './explanation.ts';

type Read = (settings: ResponseSettings) => string | number;

const FIELDS: readonly (readonly [field: string, read: Read])[] = [
  ['isolation.cut', ({ isolation }) => isolation.cut],
  ['isolation.ttl', ({ isolation }) => isolation.ttl],
  ['isolation.onExpiry', ({ isolation }) => isolation.onExpiry],
  ['isolation.onDrain', ({ isolation }) => isolation.onDrain],
  ['eviction.gracePeriodSeconds', ({ eviction }) => eviction.gracePeriodSeconds],
  ['eviction.waitForBudget', ({ eviction }) => eviction.waitForBudget],
  ['eviction.replacement.require', ({ eviction }) => eviction.replacement.require],
  ['eviction.replacement.readyWithin', ({ eviction }) => eviction.replacement.readyWithin],
  ['limits.perWorkload.quarantined', ({ limits }) => limits.perWorkload.quarantined],
  ['limits.perNamespace.quarantined', ({ limits }) => limits.perNamespace.quarantined],
];

/** Merges the settings of policies; without policies there are none. Those in Audit have a say where none is in Enforce. */
export function explainSettings(answering: readonly CompiledPolicy[]): ExplainedSetting[] {
  if (answering.length === 0) return [];
  const enforcing = answering.filter(({ mode }) => mode === 'Enforce');
  const policies = enforcing.length > 0 ? enforcing : answering;
  const merged = mergeSettings(policies.map(({ settings }) => settings));
  return FIELDS.map(([field, read]) => ({
    field,
    value: read(merged),
    from: policies
      .filter(({ settings }) => read(settings) === read(merged))
      .map(({ kind, name }) => ({ kind, name })),
  }));
}
