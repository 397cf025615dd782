// An explanation as text for a person at a terminal.
import {
  CHECKS,
  type Check,
  type ExplainedPolicy,
  type Explanation,
  type PolicyState,
} from './explanation.ts';
import { hanging, table } from './layout.ts';
import { shortName } from './short-name.ts';
import { alertText } from './text-alert.ts';
import { ladderText } from './text-ladder.ts';
import { visible } from './visible.ts';
import { listed } from './words.ts';

/** The text, with a line break at its end. */
export function explanationText(explanation: Explanation): string {
  const safe = visible(explanation);
  const sections = [
    podText(safe),
    policiesText(safe),
    exceptionsText(safe),
    alertText(safe),
    ladderText(safe),
    responseText(safe),
    checksText(safe),
    settingsText(safe),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}

function podText({ pod, namespace, breakGlass, incident, origin }: Explanation): string[] {
  const owner = pod.owner ? `of ${pod.owner.kind} ${pod.owner.name}` : 'bare, no controller';
  const state = [
    pod.phase,
    pod.ready ? 'Ready' : 'not Ready',
    ...(pod.node === null ? [] : [`on ${pod.node}`]),
  ];
  const where = origin === 'Files' ? 'from files: taken to be as they say, and to run' : state.join(', ');
  const rows = [
    ...pod.containers.map(({ name, image }) => [`container ${name}`, image]),
    ['namespace', namespaceWords(namespace)],
    ...(breakGlass.until === null
      ? []
      : [['break-glass', `until ${breakGlass.until}: ${breakGlass.message}`]]),
    ...(incident ? [['incident', `${incident.name}, ${incident.phase || 'new'}, ${incident.severity}`]] : []),
    ...(pod.protected ? [['PROTECTED', pod.protected.message]] : []),
  ];
  return [`Pod ${pod.namespace}/${pod.name}, ${owner} (${where})`, ...table(rows)];
}

function namespaceWords({
  enforce,
  exceptions,
  breakGlassSeconds,
  grantedBy,
}: Explanation['namespace']): string {
  if (grantedBy.length === 0)
    return 'no ClusterDriftPolicy grants anything: its policies may enforce and have exceptions; break-glass is not honoured';
  const powers = [
    `${enforce ? 'may' : 'may not'} enforce`,
    `${exceptions ? 'may' : 'may not'} have exceptions`,
    breakGlassSeconds === null ? 'no break-glass' : `break-glass up to ${duration(breakGlassSeconds)}`,
  ];
  return `its policies ${powers.join(', ')} (granted by cdp/${grantedBy.join(', cdp/')})`;
}

const STATE_WORDS: Readonly<Record<PolicyState, string>> = {
  Matches: 'matches',
  GrantsOnly: 'only grants',
  NotAccepted: 'NOT ACCEPTED',
  NotPermitted: 'NOT PERMITTED',
  OtherNamespace: 'other namespace',
  OtherPod: 'no match',
};

/** Policies that do not match are listed up to here: a cluster may have thousands. */
const MAX_OTHERS = 20;

function policiesText({ policies }: Explanation): string[] {
  if (policies.length === 0) return ['Policies: none, so that no alert is answered'];
  const isOther = ({ state }: ExplainedPolicy) => state === 'OtherNamespace' || state === 'OtherPod';
  const others = policies.filter(isOther);
  const left = new Set(others.slice(MAX_OTHERS));
  const rows = policies
    .filter((policy) => !left.has(policy))
    .map(({ state, mode, reasons, ...policy }) => [
      shortName(policy),
      mode ?? '-',
      STATE_WORDS[state],
      reasons.map(({ path, message }) => `${path}: ${message}`).join('; '),
    ]);
  const more = left.size > 0 ? [`  and ${left.size} more that do not match: -o json has all`] : [];
  return ['Policies', ...table(rows), ...more];
}

function exceptionsText({ exceptions }: Explanation): string[] {
  if (exceptions.length === 0) return [];
  const rows = exceptions.map(({ policy, name, maxAction, message, reason }) => [
    `${shortName(policy)} ${name}`,
    `caps at ${maxAction}`,
    `${message} ("${reason}")`,
  ]);
  return ['Exceptions', ...table(rows)];
}

function responseText({ response, pod }: Explanation): string[] {
  if (!response || pod.protected) return [];
  const { to, mode, steps, held } = response;
  const worst = to === 'WorstAlert' ? ' about the worst alert' : '';
  const title =
    mode === 'Enforce' ? `What is done${worst}` : `What is only recorded${worst}, and Enforce would do`;
  const rows = steps.map(({ step, form, message }, index) => [
    `${index + 1} ${step}${form === null || form === 'LabelOnly' ? '' : ` (${form})`}`,
    message,
  ]);
  const end = held ? [['then', `${held.reason}: ${held.message}`]] : [];
  return [title, ...table([...rows, ...end])];
}

const CHECK_WORDS: Readonly<Record<Check['check'], string>> = {
  Protection: 'protection',
  Policies: 'policies not in force',
  Mode: 'mode',
  Caps: 'caps',
  PauseSwitch: 'pause switch',
  OpenIncident: 'open incident',
  HostNetwork: 'host network',
  Limits: 'limits',
  LastReadyCopy: 'last Ready copy',
  Availability: 'what its workload can spare',
  Approval: 'approval',
  Owner: 'owner',
};

function checksText({ checks }: Explanation): string[] {
  const clear = CHECKS.filter((check) => checks.some((one) => one.check === check && one.state === 'Clear'));
  const rows = checks
    .filter(({ state }) => state !== 'Clear')
    .map(({ check, state, message }) => [
      CHECK_WORDS[check],
      state === 'Unknown' ? `not known: ${message}` : message,
    ]);
  const title = rows.length > 0 ? 'What stops or lessens it' : 'Nothing stops or lessens it';
  return [
    title,
    ...table(rows),
    ...hanging('  not in the way: ', clear.map((check) => CHECK_WORDS[check]).join(', ')),
  ];
}

function settingsText({ settings }: Explanation): string[] {
  if (settings.length === 0) return [];
  const rows = settings.map(({ field, value, from }) => [field, String(value), listed(from.map(shortName))]);
  return ['Settings, of each the most careful', ...table(rows)];
}

function duration(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor((seconds % 3600) / 60), 'm'],
    [seconds % 60, 's'],
  ] as const;
  return parts.flatMap(([count, unit]) => (count > 0 ? [`${count}${unit}`] : [])).join('');
}
