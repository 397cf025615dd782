// What `die-operator lint` prints: text for people, JSON for programs.
import { cleanText } from '../../detect/sanitize.ts';
import type { Finding } from '../../lint/finding.ts';
import type { LintResult } from '../../lint/lint.ts';
import type { ManifestProblem } from '../manifests/read.ts';

/** What was found, and what could not be read. */
export interface Report extends LintResult {
  problems: readonly ManifestProblem[];
}

// Files are somebody else's: what a terminal obeys, or what hides text, never reaches it raw.
const DECEPTIVE = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const MAX_LINE = 4096;

/** One finding on a line, its cure below; then one line that counts. */
export function asText(report: Report): string {
  const { errors, warnings, infos, policies } = summaryOf(report);
  const counted = [count(errors, 'error'), count(warnings, 'warning'), `${infos} info`].join(', ');
  const unread = report.problems.length > 0 ? '; not everything could be read' : '';
  return `${report.findings.map(findingLines).join('')}${count(policies, 'policy', 'policies')}: ${counted}${unread}\n`;
}

/** `{findings, problems, summary}`, with an escape for every character that could deceive whoever reads it. */
export function asJson(report: Report): string {
  const { findings, problems } = report;
  const text = JSON.stringify({ findings, problems, summary: summaryOf(report) }, undefined, 2);
  return `${text.replaceAll(DECEPTIVE, escaped)}\n`;
}

/** What could not be read, as a line for standard error. */
export function problemLine({ file, line, message }: ManifestProblem): string {
  return `${clean(`die-operator: ${place(file, line)}${message}`)}\n`;
}

function findingLines({ file, line, severity, code, object, path, message, cure }: Finding): string {
  const field = path === '' ? '' : ` ${path}`;
  const head = `${place(file, line)}${severity} ${code} ${object}${field}: ${message}`;
  return `${clean(head)}\n    ${clean(cure)}\n`;
}

function place(file: string | undefined, line: number | undefined): string {
  if (file === undefined) return '';
  const name = file === '-' ? '(standard input)' : file;
  return line === undefined ? `${name}: ` : `${name}:${line} `;
}

function clean(text: string): string {
  return cleanText(text, MAX_LINE);
}

function escaped(character: string): string {
  const units = character.split('').map((unit) => unit.charCodeAt(0).toString(16).padStart(4, '0'));
  return units.map((hex) => `\\u${hex}`).join('');
}

function summaryOf({ findings, policies }: Report) {
  const number = (severity: Finding['severity']) =>
    findings.filter((one) => one.severity === severity).length;
  return { errors: number('Error'), warnings: number('Warning'), infos: number('Info'), policies };
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
