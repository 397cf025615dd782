// How a decision is shown before the question, and what became of it after. Texts are the attacker's, or other people's.
import { hanging, table } from '../../explain/layout.ts';
import { visible } from '../../explain/visible.ts';
import type { Preview } from './preview.ts';
import type { DecisionAction } from './sense.ts';
import type { PersonsDecision } from '../../decide/decided.ts';
import type { Outcome } from './follow.ts';

/** Longest line. */
export const WIDEST = 120;
const VERDICTS = { Allowed: 'yes', Denied: 'NO', Gone: 'GONE', NotAsked: 'NOT KNOWN' } as const;

/** What is decided, in the words of a question. */
export const QUESTIONS: Readonly<Record<DecisionAction, string>> = {
  Approve: 'Approve exactly this?',
  Deny: 'Deny the eviction?',
  Hold: 'Hold it?',
  Resume: 'Let it go on?',
  Release: 'Put the pod back into service?',
};

/** What is shown before the question. @param width columns of the terminal. */
export function previewText(preview: Preview, decision: PersonsDecision, width: number = WIDEST): string {
  const safe = visible({ preview, decision });
  return [
    head(safe.preview, width),
    planText(safe.preview, width),
    [
      'Touched',
      ...wide(
        safe.preview.touches.map(({ object, what }) => [object, what]),
        width,
      ),
    ],
    budgetText(safe.preview, width),
    replacementText(safe.preview, width),
    safe.preview.notes.length > 0
      ? ['Note', ...safe.preview.notes.flatMap((note) => hanging('  ', note, width))]
      : [],
    decisionText(safe.decision, width),
  ]
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n');
}

/** What became of it. */
export function outcomeText(outcome: Outcome, width: number = WIDEST): string {
  const { seen, phase, stands, waited, unknown } = visible(outcome);
  const missed =
    waited === 0
      ? 'Written; the operator was not waited for.'
      : `Written; the operator has not seen it within ${waited / 1000} s: look whether a responder runs.`;
  const first =
    unknown === undefined
      ? seen
        ? `Written, and seen at ${seen.at}: ${seen.outcome}`
        : missed
      : `Written; what became of it is not known: ${unknown}`;
  const rest = phase === '' ? [] : [`${phase}: ${stands}`];
  return [first, ...rest]
    .flatMap((line) => hanging('', line, width))
    .map((line) => `${line}\n`)
    .join('');
}

function head({ action, namespace, name, about, phase, stands }: Preview, width: number): string[] {
  const title = `${action} DriftIncident ${namespace}/${name}`;
  return [
    title,
    ...table(
      [
        ['about', about],
        ['stands', phase === '' ? 'new' : `${phase}: ${stands}`],
      ],
      width,
    ),
  ];
}

function planText({ plan }: Preview, width: number): string[] {
  if (!plan) return ['Plan: none yet'];
  const rows = [
    ['plan', plan.message || 'none in words'],
    ['steps left', plan.left.join(', ') || 'none'],
    ...(plan.needs.length > 0 ? [['asked for', plan.needs.join(', ')]] : []),
    ['hash', plan.hash ?? 'none'],
  ];
  return table(rows, width);
}

function budgetText({ budget }: Preview, width: number): string[] {
  if (!budget) return [];
  return [
    'May it be evicted now? (a dry run in your name)',
    ...table([[VERDICTS[budget.verdict], budget.message]], width),
  ];
}

function replacementText({ replacement }: Preview, width: number): string[] {
  if (!replacement) return [];
  const { by, images, notes } = replacement;
  const rows = images.map(({ container, image, pinned, note }) => [
    container,
    [image, pinned ? 'pinned' : '', note].filter(Boolean).join('; '),
  ]);
  return [
    `What takes its place, made by ${by}`,
    ...wide(rows, width),
    ...notes.flatMap((note) => hanging('  ', note, width)),
  ];
}

function decisionText({ by, reason, expiresAt }: PersonsDecision, width: number): string[] {
  const rows = [
    ['by', by],
    ['reason', reason],
    ...(expiresAt === undefined
      ? []
      : [['ends', `${expiresAt}: what was not begun by then counts as denied`]]),
  ];
  return ['Written as', ...table(rows, width)];
}

// Long names have a line of their own: no name of what is touched is cut.
function wide(rows: readonly (readonly string[])[], width: number): string[] {
  return rows.flatMap(([first = '', ...rest]) => [
    `  ${first}`,
    ...hanging('      ', rest.join('  '), width),
  ]);
}
