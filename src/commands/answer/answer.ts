// One decision of a person, from reading the incident to what became of it: shown first, asked for, then written.
import type { DriftIncident } from '../../api/incident.ts';
import type { PersonsDecision } from '../../decide/decided.ts';
import { visibleJson } from '../../explain/visible.ts';
import { KubeError } from '../../kube/errors.ts';
import { askSelf, type Self } from '../../kube/self-review.ts';
import { readOne } from '../incidents/read.ts';
import { follow, type Outcome } from './follow.ts';
import { previewOf } from './preview.ts';
import { outcomeText, previewText, QUESTIONS } from './print.ts';
import { senseless, type DecisionAction } from './sense.ts';
import type { Reply } from './terminal.ts';
import { commandFor } from './waits.ts';
import { NotDecidedError, writeDecision, type WriteContext } from './write.ts';

/** What a person asks for. */
export interface AnswerRequest {
  action: DecisionAction;
  namespace: string;
  name: string;
  reason: string;
  /** Of an approval, in milliseconds; others do not end. */
  expiresMs?: number | undefined;
  /** Nobody is asked. */
  yes: boolean;
  /** How long the operator is waited for. */
  waitMs: number;
  output: 'text' | 'json';
}

/** What the flow talks to. */
export interface AnswerContext extends WriteContext {
  ask: (question: string) => Promise<Reply>;
  /** Standard output. */
  print: (text: string) => void;
  /** For the person, beside the output: standard error. */
  say: (text: string) => void;
  /** Columns of the terminal. */
  width?: number | undefined;
}

/** See the file's first line. @returns the exit code. @throws NotDecidedError, or Error that says why it is not known. */
export async function answer(context: AnswerContext, request: AnswerRequest): Promise<number> {
  const { action, output } = request;
  const incident = await readOne(context.client, request);
  const self = await whoAsks(context);
  const now = self.at ?? context.clock.now();
  const why = senseless(incident, action, now);
  if (why !== undefined) throw new NotDecidedError(`nothing was decided about ${nameOf(incident)}: ${why}`);
  const decision = decisionOf(request, incident, self.username, now);
  // A right that is missing is told before anybody reads and answers.
  await writeDecision(context, incident, decision, true);
  const preview = await previewOf(context.client, incident, action);
  const show = output === 'json' ? context.say : context.print;
  show(previewText(preview, decision, context.width));
  await confirm(context, request, incident);
  await writeDecision(context, incident, decision, false);
  const outcome = await follow(context, incident, decision, request.waitMs).catch(unknownOutcome);
  if (output === 'json') {
    const { namespace = '', name, uid } = incident.metadata;
    context.print(visibleJson({ incident: { namespace, name, uid }, decision, preview, outcome }));
  } else context.print(`\n${outcomeText(outcome, context.width)}`);
  return exitCode(context, incident, outcome);
}

async function whoAsks({ client }: AnswerContext): Promise<Self> {
  try {
    return await askSelf(client);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    throw new NotDecidedError(
      `nothing was decided: it is not known who you are to this API server, and a decision bears a name (${error.message})`,
      { cause: error },
    );
  }
}

function decisionOf(
  { action, reason, expiresMs }: AnswerRequest,
  { status }: DriftIncident,
  by: string,
  now: number,
): PersonsDecision {
  const planHash = status?.plan?.hash;
  if (action !== 'Approve') return { action, by, reason };
  return {
    action,
    by,
    reason,
    ...(planHash !== undefined && { planHash }),
    ...(expiresMs !== undefined && { expiresAt: new Date(now + expiresMs).toISOString() }),
  };
}

async function confirm(
  context: AnswerContext,
  { action, yes }: AnswerRequest,
  incident: DriftIncident,
): Promise<void> {
  const reply = yes ? 'Yes' : await context.ask(`\n${QUESTIONS[action]}`);
  if (reply === 'Yes') return;
  throw new NotDecidedError(
    reply === 'No'
      ? `nothing was decided about ${nameOf(incident)}: you did not say yes`
      : 'nothing was decided: there is no terminal to ask on. Read what is shown, and give --yes',
  );
}

// It is written: what cannot be read any more does not undo it.
function unknownOutcome(error: unknown): Outcome {
  const why = error instanceof Error ? error.message : String(error);
  return { phase: '', stands: '', counts: true, waited: 0, unknown: why };
}

function exitCode(context: AnswerContext, incident: DriftIncident, outcome: Outcome): number {
  if (outcome.counts) return 0;
  context.say(
    `die-operator: the approval does not count: the plan changed, or its time is over. Look again: ${commandFor('Show', incident)}\n`,
  );
  return 1;
}

function nameOf({ metadata }: DriftIncident): string {
  return `DriftIncident ${metadata.namespace ?? ''}/${metadata.name}`;
}
