// Bugs in what becomes of a detection before anything is done.
import type { Mutant } from './mutant.ts';

export const INTAKE_MUTANTS: readonly Mutant[] = [
  {
    name: 'forget-recorded-only',
    file: 'incidents/open.ts',
    find: "contributions: match.contributions.map((contribution) => ({ ...contribution, mode: 'Audit' })),",
    replacement: 'contributions: match.contributions,',
    about: 'an alert that is too old is acted on',
  },
  {
    name: 'count-twice',
    file: 'incidents/report-counts.ts',
    find: 'count: plus(report.count, 1),',
    replacement: 'count: plus(report.count, 2),',
    about: 'each alert counts twice',
  },
  {
    name: 'report-to-the-ended',
    file: 'incidents/report.ts',
    find: "test('/status/phase', status?.phase ?? null),",
    replacement: '',
    about:
      'a detection that comes when the incident has just ended is written into it, and nothing answers it',
    prey: ['release-again'],
  },
];
