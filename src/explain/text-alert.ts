// What one alert meets, as text.
import type { ExplainedAlert, ExplainedAnswer, Explanation } from './explanation.ts';
import { hanging, table } from './layout.ts';
import { shortName } from './short-name.ts';

/** The section of the alert; empty without one. */
export function alertText({ alert, pod }: Explanation): string[] {
  if (!alert) return [];
  const { rule, severity, source, tags, container, identified } = alert;
  const about = container === null ? 'container not known' : `container ${container}`;
  const tagged = tags.length === 0 ? 'no tags' : `tags ${tags.join(', ')}`;
  return [
    ...hanging('Alert ', `${severity} of ${source}: ${rule} (${about}, ${tagged})`),
    ...(identified && !identified.ok
      ? hanging('  NOT OF THIS POD: ', `${identified.message}; if it were:`)
      : []),
    ...table(alert.policies.flatMap(rowsOf)),
    ...hanging('  => ', pod.protected ? 'nothing: the pod is protected' : outcome(alert)),
  ];
}

function rowsOf({ rungs, actions, cap, kept, ...policy }: ExplainedAnswer): string[][] {
  const rows = rungs.map(({ name, met, message }) => [
    shortName(policy),
    name,
    met ? 'met' : `not met: ${message}`,
  ]);
  const capped = cap
    ? [
        [
          shortName(policy),
          'capped',
          `at ${cap.maxAction} by ${cap.name ?? 'break-glass'}, leaves ${actions.join(', ') || 'nothing'}`,
        ],
      ]
    : [];
  const dropped = kept
    ? []
    : [[shortName(policy), 'left out', 'more policies answer than an incident records']];
  return [...rows, ...capped, ...dropped];
}

function outcome({ done, recorded, ifConfirmed, policies }: ExplainedAlert): string {
  if (!policies.some(({ rungs }) => rungs.some(({ met }) => met)))
    return 'nothing: no rung is met, so that no incident is opened';
  const parts = [
    ...(done.length > 0 ? [`done: ${done.join(', ')}`] : []),
    ...(ifConfirmed.length > 0 ? [`once confirmed on the node: ${ifConfirmed.join(', ')}`] : []),
    ...(recorded.length > 0 ? [`only recorded: ${recorded.join(', ')}`] : []),
  ];
  return parts.length > 0 ? parts.join('; ') : 'an incident records the alert, and nothing is done';
}
