// Why something does not match, in words.
import type { DetectionSummary } from '../api/detection.ts';
import type { Exception, Response } from '../api/policy.ts';
import type { BreakGlassMiss, ExceptionMiss } from '../decide/exceptions.ts';
import type { RungMiss } from '../decide/match.ts';

/** Entries of a list that are named; of more their number. */
const MAX_LISTED = 6;

/** A text between quotation marks, as JSON writes it. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

/** `a, b and 3 more`. */
export function listed(texts: readonly string[]): string {
  const more = texts.length - MAX_LISTED;
  return more > 0 ? `${texts.slice(0, MAX_LISTED).join(', ')} and ${more} more` : texts.join(', ');
}

/** Why a rung does not answer an alert. */
export function rungWords(
  miss: RungMiss,
  rung: Pick<Response, 'minSeverity' | 'sources' | 'rules' | 'tags' | 'condition'>,
  { summary, tags }: { summary: DetectionSummary; tags: readonly string[] },
): string {
  switch (miss) {
    case 'Severity':
      return `severity ${summary.severity} is below ${rung.minSeverity}`;
    case 'Source':
      return `source ${summary.source} is none of ${listed(rung.sources ?? [])}`;
    case 'Rule':
      return `rule ${quoted(summary.rule)} matches none of ${patterns(rung.rules)}`;
    case 'Tag':
      return tags.length === 0
        ? `the alert has no tags, and one that matches ${patterns(rung.tags)} is needed`
        : `none of its tags (${listed(tags)}) matches ${patterns(rung.tags)}`;
    case 'Condition':
      return `the condition is false: ${rung.condition ?? ''}`;
    case 'ConditionError':
      return `the condition cannot be evaluated, which is no match: ${rung.condition ?? ''}`;
  }
}

/** What a rung needs of an alert besides severity and rule. */
export function needsOf({
  tags,
  condition,
  confirmed,
}: Pick<Response, 'tags' | 'condition' | 'confirmed'>): string[] {
  return [
    ...(tags ? [`the alert has a tag that matches ${patterns(tags)}`] : []),
    ...(condition === undefined ? [] : [`the condition is true: ${condition}`]),
    ...(confirmed === true ? ['the drift is confirmed on the node'] : []),
  ];
}

/** Why an exception does not apply. */
export function exceptionWords(
  miss: ExceptionMiss,
  { image, expires, condition }: Pick<Exception, 'image' | 'expires' | 'condition'>,
): string {
  switch (miss) {
    case 'Expired':
      return `ended at ${expires}`;
    case 'Container':
      return 'it is not known which container the alert is about, and so which image';
    case 'Image':
      return `the image of the container does not match ${quoted(image)}`;
    case 'Condition':
      return `the condition is false: ${condition ?? ''}`;
    case 'ConditionError':
      return `the condition cannot be evaluated, which is no match: ${condition ?? ''}`;
  }
}

/** Why the break-glass annotation is not honoured. */
export const BREAK_GLASS_WORDS: Readonly<Record<BreakGlassMiss, string>> = {
  Absent: 'the pod has no break-glass annotation',
  NotGranted: 'not honoured: no ClusterDriftPolicy grants break-glass to the namespace',
  NoTime: 'not honoured: it is no time as in 2026-11-22T08:30:00Z',
  Ended: 'not honoured: it has ended',
  TooLong: 'not honoured: it ends later than is granted',
};

function patterns(all: readonly string[] = []): string {
  return listed(all.map(quoted));
}
