// How `die-operator show` prints an incident. Whatever stands in it was written by others.
import type { DriftIncident } from '../../api/incident.ts';
import { hanging, table } from '../../explain/layout.ts';
import { visible, visibleJson } from '../../explain/visible.ts';
import { rowOf } from '../incidents/rows.ts';
import { answersTo } from '../answer/waits.ts';
import { WIDEST } from '../answer/print.ts';
import type { ShowSection } from './section.ts';
import { sectionsOf } from './sections.ts';

/** For people. @param now milliseconds since the epoch. @param width columns of the terminal. */
export function showText(incident: DriftIncident, now: number, width: number = WIDEST): string {
  return visible(sectionsOf(incident, now))
    .map((section) => `${sectionText(section, width).join('\n')}\n`)
    .join('\n');
}

/** For programs: what the list has, the commands that make sense now, and the whole incident. */
export function showJson(incident: DriftIncident, now: number): string {
  return visibleJson({ ...rowOf(incident), answers: answersTo(incident, now), incident });
}

function sectionText({ title, rows, commands = [] }: ShowSection, width: number): string[] {
  return [
    title,
    ...(rows.length > 0 ? table(rows, width) : []),
    ...(commands.length > 0 ? ['  answer it with:'] : []),
    ...commands.flatMap(([command, does]) => [`    ${command}`, ...hanging('        ', does, width)]),
  ];
}
