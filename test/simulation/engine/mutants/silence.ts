// Bugs in what is noted of alerts, and in the test events that show whether they would come.
import type { Mutant } from './mutant.ts';

const CUT = ['silence-route-cut', 'silence-sidekick-away'];
const OPEN = ['silence-works', 'silence-alerts-only'];

export const SILENCE_MUTANTS: readonly Mutant[] = [
  {
    name: 'test-before-it-is-written',
    file: 'roles/silence.ts',
    find: '    const result = await record.change((data) => {',
    replacement: '    void ask(signal);\n    const result = await record.change((data) => {',
    about: 'Falcosidekick is asked for a test event before that is written',
    prey: [...CUT, 'silence-works'],
  },
  {
    name: 'every-receiver-asks',
    file: 'roles/silence.ts',
    find: "if (result === 'Failed' || written === undefined || record.data?.[INTAKE_KEYS.sent] !== written) return;",
    replacement: "if (result === 'Failed') return;",
    about: 'each receiver asks for test events of its own',
    prey: [...CUT, 'silence-works'],
  },
  {
    name: 'lost-canary-is-not-asked-for',
    file: 'roles/silence.ts',
    find: "if (result === 'Failed' || written === undefined || record.data?.[INTAKE_KEYS.sent] !== written) return;",
    replacement: "if (result !== 'Written') return;",
    about: 'a test event is missed because the answer to a write was lost',
    prey: [...CUT, 'silence-works'],
  },
  {
    name: 'alert-time-put-back',
    file: 'decide/silence.ts',
    find: 'return at !== undefined && at > (known ?? -Infinity);',
    replacement: 'return at !== undefined && at > (known ?? -Infinity) - 1e7;',
    about: 'what came before the last is noted as the last',
    prey: OPEN,
  },
  {
    name: 'any-alert-answers',
    file: 'decide/silence.ts',
    find: "if (arrived.has('Test') && canary?.answered === false)",
    replacement: 'if (arrived.size > 0 && canary?.answered === false)',
    about: 'an alert counts as the test event that was asked for',
    prey: CUT,
  },
  {
    name: 'nothing-is-missed',
    file: 'decide/silence.ts',
    find: 'sentAt !== undefined && now - sentAt >= ANSWER_WITHIN_MS',
    replacement: 'sentAt !== undefined && now - sentAt < 0',
    about: 'a test event that does not come never counts as missed',
    prey: CUT,
  },
  {
    name: 'silent-for-ever',
    file: 'decide/silence.ts',
    find: '  if (!canary || canary.answered) return 0;',
    replacement: '  if (!canary || (canary.answered && canary.missedBefore < 2)) return 0;',
    about: 'a route that works again is still said to be silent',
    prey: CUT,
  },
  {
    name: 'one-missed-is-silent',
    file: 'decide/silence.ts',
    find: 'export const MISSED_IS_SILENT = 2;',
    replacement: 'export const MISSED_IS_SILENT = 1;',
    about: 'one test event that a restart swallowed is an alarm',
    prey: OPEN,
  },
  {
    name: 'failed-note-is-forgotten',
    file: 'detect/silence-notes.ts',
    find: "if (result === 'Failed') this.#keep(arrived);",
    replacement: '',
    about: 'what came while a write failed is never noted',
    prey: OPEN,
  },
  {
    name: 'one-note-is-enough',
    file: 'detect/silence-notes.ts',
    find: '    if (wait > 0) this.#cancel = this.#options.clock.after(wait, () => this.#plan());',
    replacement: '    if (wait > 0) this.#waiting.clear();',
    about: 'what comes soon after a note is never noted',
    prey: ['silence-alerts-only'],
  },
  {
    name: 'note-whatever-stands',
    file: 'detect/silence-record.ts',
    find: "      { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },\n",
    replacement: '',
    about: 'two receivers that write at once both think that theirs stands',
    prey: [...CUT, 'silence-works'],
  },
];
