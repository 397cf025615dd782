// Commands that policies ask for as evidence of an incident, and that are not run: more than a pod gets.
import { execKey, MAX_EXEC } from '../api/exec-command.ts';
import type { DriftIncident, ResponseSettings } from '../api/incident.ts';
import { commandsAsked, responseOf } from './merge.ts';
import type { Rulebook } from './rulebook.ts';

/**
 * See the file's first line. The record holds the first ones only: those of a policy that answered one alert with others are
 * read from the policy, as long as it is in force and was not changed since.
 */
export function droppedCommands(
  incident: DriftIncident,
  { inForce }: Pick<Rulebook, 'inForce'>,
): NonNullable<ResponseSettings['evidence']['exec']> {
  const { contributions, settings } = responseOf(incident);
  const { exec = [] } = settings.evidence;
  // With room for one more, none was left out.
  if (exec.length < MAX_EXEC) return [];
  const { trigger } = incident.spec;
  const answers = [trigger, ...Object.values(incident.status?.reports ?? {})];
  const recorded = answers.flatMap(({ policies = [], response }) =>
    response && policies.some(({ mode }) => mode === 'Enforce') ? [response] : [],
  );
  const policies = contributions.flatMap(({ uid, generation, mode }) => {
    const policy = mode === 'Enforce' ? inForce.get(uid) : undefined;
    return policy?.generation === generation ? [policy.settings] : [];
  });
  const run = new Set(exec.map(execKey));
  return commandsAsked([...recorded, ...policies]).filter((one) => !run.has(execKey(one)));
}
