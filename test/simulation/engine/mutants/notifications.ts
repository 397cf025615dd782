// Bugs in what people are told.
import type { Mutant } from './mutant.ts';

const TROUBLED = [
  'told-and-approved',
  'told-nobody',
  'told-in-a-storm',
  'told-after-a-lost-answer',
  'told-by-the-next-leader',
];

export const NOTIFICATION_MUTANTS: readonly Mutant[] = [
  {
    name: 'told-at-the-first-try-only',
    file: 'observe/notify/destination.ts',
    find: 'if (signal.aborted || tries === MAX_TRIES || leftMs <= 0) {',
    replacement: 'if (tries > 0 || leftMs <= 0) {',
    about: 'what the server did not take is never tried again',
    prey: TROUBLED,
  },
  {
    name: 'no-answer-counts-as-taken',
    file: 'observe/notify/destination.ts',
    find: 'return { failure: error instanceof Error ? error.message : String(error) };',
    replacement: "return 'Sent';",
    about: 'what got no answer counts as told',
    prey: TROUBLED,
  },
  {
    name: 'retry-after-is-ignored',
    file: 'observe/notify/destination.ts',
    find: 'Math.min(tried.askedMs ?? 0, MAX_ASKED_MS)',
    replacement: 'Math.min(0, tried.askedMs ?? 0, MAX_ASKED_MS)',
    about: 'a server that asks to be left alone is told on',
    prey: TROUBLED,
  },
  {
    name: 'told-again-and-again',
    file: 'kube/outbox.ts',
    find: 'if (this.#recent.has(identity)) return true;',
    replacement: 'if (this.#recent.size < 0) return true;',
    about: 'what was told is told again whenever it comes up',
  },
  {
    name: 'least-urgent-first',
    file: 'kube/outbox.ts',
    find: 'b.rank - a.rank || a.order - b.order',
    replacement: 'a.rank - b.rank || a.order - b.order',
    about: 'the most urgent waits for all others, and is dropped first',
    prey: TROUBLED,
  },
  {
    name: 'waits-for-who-is-told',
    file: 'incidents/execute.ts',
    find: 'announceStep(context, record.current, work.step);\n}\n\n// From the alert',
    replacement: `announceStep(context, record.current, work.step);
  await (context as unknown as { notifier?: { flush(): Promise<void> } }).notifier?.flush();
}

// From the alert`,
    about: 'a response goes on only when people were told',
    prey: TROUBLED,
  },
  {
    name: 'told-before-it-is-so',
    file: 'incidents/reconcile.ts',
    find: '  await record.write();\n  announceEnd(context, record.current, decision);',
    replacement: '  announceEnd(context, record.current, decision);\n  await record.write();',
    about: 'the end of an incident is told before it is written',
  },
  {
    name: 'told-as-it-was',
    file: 'incidents/announce.ts',
    find: "if (!step || step.state === 'Waiting') return;\n  const failed = step.state === 'Failed';",
    replacement: "if (!step) return;\n  const failed = step.state === 'Failed';",
    about: 'a step that only waits is told as one that was done',
  },
  {
    name: 'end-is-not-told',
    file: 'observe/notify/notice.ts',
    find: 'if (news === undefined && !OTHERS.has(reason)) return undefined;',
    replacement:
      "if ((news === undefined && !OTHERS.has(reason)) || reason === 'DriftResolved') return undefined;",
    about: 'people are not told that it ended well',
  },
  {
    name: 'id-of-the-moment',
    file: 'observe/notify/notice.ts',
    find: "'die.id': idOf(id),",
    replacement: "'die.id': idOf([...id, time]),",
    about: 'what is told again has another id',
  },
  {
    name: 'rule-as-it-was-told',
    file: 'observe/notify/notice.ts',
    find: "cleanText(detection.rule.replaceAll(UNPLAIN, '?'), MAX_RULE_BYTES)",
    replacement: 'cleanText(detection.rule, MAX_RULE_BYTES)',
    about: 'who names a rule can mention people and post links in their chat',
    prey: TROUBLED,
  },
  {
    name: 'path-as-it-was-told',
    file: 'incidents/announce.ts',
    find: 'const notice = { ...told, note: withoutPath(told.note, incident) };',
    replacement: 'const notice = told;',
    about: 'who starts a program can post its path into a chat',
    prey: ['confirmed', 'confirmed-not', 'confirmed-unknown'],
  },
  {
    name: 'forged-alerts-are-a-flood',
    file: 'observe/notify/unidentified.ts',
    find: 'if (passed >= EVERY_MS) this.close();',
    replacement: 'if (passed >= 0) this.close();',
    about: 'each alert that names no pod is told by itself',
    prey: ['told-of-forged'],
  },
];
