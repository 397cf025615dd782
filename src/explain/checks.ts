// What could stop or lessen a response to this pod, always asked in the same order.
import type { Contribution, Target } from '../api/incident.ts';
import { ASKING } from '../decide/approved.ts';
import { scarce } from '../decide/availability.ts';
import type { Match } from '../decide/match.ts';
import { limitForm, type LimitedForm } from '../decide/limits.ts';
import { evictable, formFor } from '../decide/owners.ts';
import { CHECKS, type Check, type ExplainedPolicy, type ExplainedResponse } from './explanation.ts';
import type { Case } from './subject.ts';

/** What the checks look at besides the case. */
export interface Checked {
  policies: readonly ExplainedPolicy[];
  match: Match | undefined;
  response: ExplainedResponse | null;
}

type Judge = (one: Case, checked: Checked) => string | { unknown: string } | undefined;

const JUDGES: Readonly<Record<Check['check'], Judge>> = {
  Protection: ({ protection }) => protection?.message,
  Policies: (_, { policies }) => sentence(policies.flatMap(notInForce)),
  Mode: (_, { response }) => modeOf(response),
  Caps: (_, { match }) => sentence((match?.contributions ?? []).flatMap(capOf)),
  PauseSwitch: ({ paused }) => {
    if (paused.state === 'Off') return undefined;
    return paused.state === 'On' ? `no pod is evicted: ${paused.message}` : { unknown: paused.message };
  },
  OpenIncident: ({ incident }) =>
    incident &&
    `${incident.metadata.name} is open (${incident.status?.phase ?? 'new'}): a further alert is added to it, and what was done for it is not done twice`,
  HostNetwork: ({ target, pod }) => {
    const form = formFor(target, pod);
    return form.reason === 'HostNetwork' ? form.message : undefined;
  },
  Limits: (one, { match }) => {
    const limited = limitOf(one, match);
    return limited?.limitedBy === 'LastReadyCopy' ? undefined : limited?.message;
  },
  LastReadyCopy: (one, { match }) => {
    const limited = limitOf(one, match);
    return limited?.limitedBy === 'LastReadyCopy' ? limited.message : undefined;
  },
  Availability: (one, { match, response }) => {
    const { availability } = one.others;
    if (response?.held?.reason === 'MaxUnavailable') return response.held.message;
    if (match && availability) {
      const met = scarce(availability, one.pod.ready, match.settings.limits);
      if (met !== undefined) return met;
    }
    if (one.origin === 'Files') return { unknown: 'files do not tell what else runs in the namespace' };
    const [unread] = availability?.unread ?? [];
    return unread === undefined ? undefined : { unknown: `you may not read ${unread}` };
  },
  Approval: (_, { response }) =>
    response?.held && ASKING.has(response.held.reason) ? response.held.message : undefined,
  Owner: ({ target, pod }) => ownerOf(target, pod.phase),
};

/** All checks. */
export function explainChecks(one: Case, checked: Checked): Check[] {
  return CHECKS.map((check) => {
    const found = JUDGES[check](one, checked);
    if (found === undefined) return { check, state: 'Clear', message: '' };
    return typeof found === 'string'
      ? { check, state: 'Met', message: found }
      : { check, state: 'Unknown', message: found.unknown };
  });
}

function notInForce({ kind, name, state }: ExplainedPolicy): string[] {
  if (state === 'NotAccepted') return [`${kind}/${name} is not accepted`];
  return state === 'NotPermitted' ? [`${kind}/${name} asks for what is not permitted`] : [];
}

function modeOf(response: ExplainedResponse | null): string | undefined {
  if (response === null) return 'no policy answers: nothing is done and nothing is recorded';
  if (response.mode === 'Audit') return 'no policy in Enforce asks for an action: all is only recorded';
  return response.recorded.length > 0
    ? `only recorded, as no policy in Enforce asks for it: ${response.recorded.join(', ')}`
    : undefined;
}

function capOf({ kind, name, cap }: Contribution): string[] {
  if (!cap) return [];
  const by = cap.by === 'BreakGlass' ? 'the break-glass annotation' : `exception ${cap.name ?? ''}`;
  return [`${by} leaves of ${kind}/${name} no more than ${cap.maxAction}, until ${cap.until}`];
}

function limitOf({ target, pod, others }: Case, match: Match | undefined): LimitedForm | undefined {
  return match && limitForm({ ...formFor(target, pod), settings: match.settings.limits, ...others });
}

function ownerOf(target: Target, phase: Case['pod']['phase']): string | undefined {
  const owner = evictable(target, { phase });
  return owner.ok ? undefined : owner.message;
}

function sentence(parts: readonly string[]): string | undefined {
  return parts.length === 0 ? undefined : parts.join('; ');
}
