// What `die-operator uninstall` prints: lines for people, JSON for programs.
import { visible, visibleJson } from '../../explain/visible.ts';
import type { Act } from './clear.ts';
import type { Remain } from './remains.ts';

/** One line for each thing that is left, with what a person can do below; then one line that counts. */
export function remainsText(remains: readonly Remain[]): string {
  return remains.map(remainLines).join('') + summaryLine(remains);
}

/** The line for what was done, or could not be. */
export function actLine({ kind, namespace, name, done, message }: Act): string {
  return visible(`${done ? 'cleared' : 'FAILED '} ${kind} ${namespace}/${name}: ${message}`) + '\n';
}

/** `{cleared, left, summary}`; `cleared` only where something was asked to be. */
export function asJson(remains: readonly Remain[], acts?: readonly Act[]): string {
  return visibleJson({ ...(acts && { cleared: acts }), left: remains, summary: countsOf(remains) });
}

/** Whether something is left that would be in the way, or be lost, when the rest is deleted. */
export function isLeft(remains: readonly Remain[]): boolean {
  return remains.some(({ by }) => by !== 'Config');
}

function remainLines({ kind, namespace, name, by, message, cure }: Remain): string {
  const head = `${HEADS[by]} ${kind} ${namespace}/${name}: ${message}`;
  return [head, ...(cure === undefined ? [] : [`       ${cure}`])]
    .map((line) => `${visible(line)}\n`)
    .join('');
}

const HEADS: Readonly<Record<Remain['by'], string>> = { Clear: 'clear ', Person: 'you   ', Config: 'config' };

function summaryLine(remains: readonly Remain[]): string {
  const { clear, person, config } = countsOf(remains);
  const rest = config === 0 ? '' : `; ${config} in die-operator’s own namespace`;
  if (clear + person === 0) return `nothing is left${rest}\n`;
  return `${clear + person} left: ${clear} for --clear, ${person} for you${rest}\n`;
}

function countsOf(remains: readonly Remain[]): { clear: number; person: number; config: number } {
  const count = (who: Remain['by']) => remains.filter(({ by }) => by === who).length;
  return { clear: count('Clear'), person: count('Person'), config: count('Config') };
}
