// Which commands of policies are not run, as a pod gets a few only.
import { describe, expect, test } from 'vitest';
import type { Contribution, DriftIncident, ResponseSettings } from '../../../src/api/incident.ts';
import { droppedCommands } from '../../../src/decide/dropped-commands.ts';
import { mergeSettings } from '../../../src/decide/merge.ts';
import type { CompiledPolicy } from '../../../src/decide/policies.ts';
import { aContribution, anIncident, T0 } from '../../support/builders.ts';

const base = anIncident().spec.trigger.response;
const asking = (...programs: string[]): ResponseSettings => ({
  ...base,
  evidence: { ...base.evidence, exec: programs.map((name) => ({ container: 'web', command: [name] })) },
});
const by = (uid: string, change: Partial<Contribution> = {}) =>
  aContribution({ uid, name: uid, mode: 'Enforce', generation: 3, ...change });
const policy = (uid: string, settings: ResponseSettings, generation = 3) =>
  [uid, { uid, generation, settings } as CompiledPolicy] as const;

const reportOf = (policies: Contribution[], response: ResponseSettings) => ({
  count: 1,
  firstSeen: T0,
  lastSeen: T0,
  highestSeverity: 'Critical' as const,
  detections: [],
  policies,
  response,
});

function incidentOf(response: ResponseSettings, policies: Contribution[]): DriftIncident {
  const incident = anIncident();
  return {
    ...incident,
    spec: { ...incident.spec, trigger: { ...incident.spec.trigger, response, policies } },
  };
}

function dropped(incident: DriftIncident, ...policies: (readonly [string, CompiledPolicy])[]): string[] {
  return droppedCommands(incident, { inForce: new Map(policies) }).map(({ command }) => command.join(' '));
}

describe('commands beyond the fourth', () => {
  const [one, two] = [asking('a', 'c', 'e'), asking('b', 'd', 'f')];
  const incident = incidentOf(mergeSettings([one, two]), [by('one'), by('two')]);

  test('of the policies of one alert are named, each once', () => {
    expect(dropped(incident, policy('one', one), policy('two', two))).toEqual(['e', 'f']);
    expect(dropped(incident, policy('one', one), policy('two', one))).toEqual(['e']);
  });

  test('of a later alert are named from the record', () => {
    const report = reportOf([by('late')], asking('x'));
    const later = { ...incident, status: { ...incident.status, reports: { rcv: report } } };
    expect(dropped(later)).toEqual(['x']);
    const audited = reportOf([by('late', { mode: 'Audit' })], asking('x'));
    expect(dropped({ ...incident, status: { ...incident.status, reports: { rcv: audited } } })).toEqual([]);
  });

  test('of the first alert are named where those of a later one come before them', () => {
    const report = reportOf([by('late')], asking('A'));
    expect(dropped({ ...incident, status: { ...incident.status, reports: { rcv: report } } })).toEqual(['d']);
  });

  test('are none of a policy that only records, or was changed since', () => {
    const recorded = incidentOf(one, [by('one'), by('two', { mode: 'Audit' })]);
    expect(dropped(recorded, policy('two', two))).toEqual([]);
    expect(dropped(incident, policy('two', two, 4))).toEqual([]);
  });

  test('are none where all are run', () => {
    const few = incidentOf(mergeSettings([asking('a'), asking('b')]), [by('one')]);
    expect(dropped(few, policy('one', two))).toEqual([]);
  });
});
