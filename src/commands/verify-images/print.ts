// How `die-operator verify-images` shows what it found. Names, images and fields are what tenants wrote.
import { VERIFICATION_VERDICTS, type VerificationVerdict } from '../../api/verification.ts';
import { visibleJson } from '../../explain/visible.ts';
import { counted, visible } from '../../report/visible.ts';
import { driftedPods, verdictCounts, type ConfigurationRow, type ImageRow, type Report } from './report.ts';
import { byPlace, DRIFTED, podOf, shownOf, tableOf, type Folded } from './table.ts';

/** Longest line, in characters: a finding with two texts of a template. */
const MAX_LINE = 4096;
/** What a verdict that fails nothing means, for all images that have it. */
const WARNINGS: Readonly<Partial<Record<VerificationVerdict, string>>> = {
  LocalOnly: 'the image was built or loaded on its node, and no registry can tell what is in it',
  MutableTag: 'the image names no digest: whoever may push decides what runs under its tag',
};

/** For people: a table, the findings with what was approved and what runs, and the counts. */
export function reportText(
  report: Report,
  { isAll, width }: { isAll: boolean; width: number | undefined },
): string {
  const shown = shownOf(report, isAll);
  const table = tableOf(shown, width);
  const findings = [
    ...shown.images.filter(({ row }) => row.verdict === 'Unapproved').map(imageLine),
    ...shown.configuration.map(configurationLine),
    ...shown.images.filter(({ row }) => row.verdict === 'Unverifiable').map(imageLine),
    ...warnings(report),
  ].map((line) => visible(line, MAX_LINE));
  const parts = [table, findings, summary(report)].filter((lines) => lines.length > 0);
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** For programs: one document. */
export function reportJson(report: Report): string {
  const { pods, images, configuration, problems, notStarted, withoutTemplate, leftOut } = report;
  const counts = { pods, containers: images.length, verdicts: verdictCounts(report) };
  const drifted = driftedPods(report);
  const summed = { ...counts, drifted, notStarted, withoutTemplate, leftOut };
  return visibleJson({
    summary: summed,
    images: images.toSorted(byPlace).map(imageJson),
    configuration: configuration.toSorted(byPlace).map(configurationJson),
    problems,
  });
}

// One order of the fields, whatever made the rows: documents of two runs can be compared.
function imageJson({
  namespace,
  object,
  workload,
  source,
  container,
  kind,
  image,
  ...rest
}: ImageRow): ImageRow {
  const { verdict, reason, approved, runs, unsure, message } = rest;
  const place = { namespace, object, workload, source, container, kind, image };
  return { ...place, verdict, reason, approved, runs, unsure, message };
}

function configurationJson({
  namespace,
  object,
  workload,
  source,
  ...rest
}: ConfigurationRow): ConfigurationRow {
  const { template, container, kind, field, approved, runs, danger, message } = rest;
  const place = { namespace, object, workload, source };
  return { ...place, template, container, kind, field, approved, runs, danger, message };
}

/** What could not be read, a line each, for standard error. */
export function problemLines({ problems }: Report): string {
  return problems.map(({ message }) => `die-operator: ${visible(message, MAX_LINE)}\n`).join('');
}

function imageLine({ row, others }: Folded<ImageRow>): string {
  const { verdict, approved, message, unsure } = row;
  const isTold = approved === null || message.includes(approved);
  const besides = [
    ...(isTold ? [] : [`approved: ${approved}`]),
    ...(unsure ? ['no registry was asked, which could call the two one image'] : []),
  ];
  const more = besides.length > 0 ? ` (${besides.join('; ')})` : '';
  return `${verdict} ${placeOf(row, others)}: ${message}${more}`;
}

function configurationLine({ row, others }: Folded<ConfigurationRow>): string {
  const { message, field, approved, runs } = row;
  return `${DRIFTED} ${placeOf(row, others)}: ${message} (${field}; approved: ${approved}; runs: ${runs})`;
}

function placeOf(row: ImageRow | ConfigurationRow, others: number): string {
  return row.source === null ? `${row.namespace}/${podOf(row, others)}` : `${row.source} ${row.object}`;
}

function warnings(report: Report): string[] {
  const counts = verdictCounts(report);
  return VERIFICATION_VERDICTS.toReversed().flatMap((verdict) => {
    const meaning = WARNINGS[verdict];
    const count = counts[verdict];
    return meaning === undefined || count === 0
      ? []
      : [`${verdict} ${counted(count, 'container')}: ${meaning}`];
  });
}

function summary(report: Report): string[] {
  const { pods, images, notStarted, withoutTemplate, leftOut } = report;
  const isOfFiles = images.some(({ source }) => source !== null);
  const what = isOfFiles
    ? counted(pods, 'pod or template', 'pods and templates')
    : counted(pods, 'running pod');
  const counts = verdictCounts(report);
  const some = VERIFICATION_VERDICTS.toReversed().filter((verdict) => counts[verdict] > 0);
  const verdicts = some.map((verdict) => `${counts[verdict]} ${verdict}`).join(', ');
  const drifted = driftedPods(report);
  const differ = drifted === 1 ? 'differs' : 'differ';
  const tail = drifted > 0 ? `; ${counted(drifted, 'pod')} ${differ} from the template` : '';
  const { ending, quarantined } = leftOut;
  const besides = [
    ...(notStarted > 0 ? [`${counted(notStarted, 'container')} not created yet`] : []),
    ...(withoutTemplate > 0 ? [`${counted(withoutTemplate, 'pod')} without a template to compare with`] : []),
    ...(ending > 0 ? [`${counted(ending, 'pod')} on the way out`] : []),
    ...(quarantined > 0 ? [`${counted(quarantined, 'pod')} in quarantine, which was left out`] : []),
  ];
  const head = `${counted(images.length, 'container')} of ${what}${verdicts === '' ? '' : `: ${verdicts}`}${tail}`;
  return [head, ...(besides.length > 0 ? [`besides: ${besides.join(', ')}`] : [])];
}
