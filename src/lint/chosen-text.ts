// Which fields of a detection are the choice of the process that it is about (Falco's fields for syscall events).

/**
 * Path: of a file as the kernel knows it, so that only a file there has it; but its name was somebody's choice.
 * Free: a process writes it as it likes. Told: holds for everything in the container alike, or whoever sets off the rule
 * chooses it. Firm: a fact that the kernel tells, or anything that is not known here.
 */
export type FieldOrigin = 'Path' | 'Free' | 'Told' | 'Firm';

const PATHS: ReadonlySet<string> = new Set([
  'proc.exepath',
  'proc.pexepath',
  'proc.aexepath',
  'proc.sid.exepath',
  'proc.vpgid.exepath',
]);
// Names come from prctl(PR_SET_NAME), the others from argv, from chdir, or from what a call was given.
const PROCESS_TEXTS = [
  'name',
  'pname',
  'aname',
  'sname',
  'vpgid.name',
  'exe',
  'pexe',
  'aexe',
  'sid.exe',
  'vpgid.exe',
  'cmdline',
  'pcmdline',
  'acmdline',
  'exeline',
  'args',
  'cwd',
  'env',
  'aenv',
];
const FREE: ReadonlySet<string> = new Set([
  ...PROCESS_TEXTS.map((name) => `proc.${name}`),
  'fd.name',
  'fd.filename',
  'fd.directory',
  'fd.nameraw',
  'evt.args',
  'evt.arg',
  'fs.path.name',
  'fs.path.nameraw',
]);

/** Facts of the kernel that are "true" of any program that was dropped: asking for them keeps nobody out. */
export const DRIFT_FACTS: ReadonlySet<string> = new Set([
  'proc.is_exe_upper_layer',
  'proc.is_exe_from_memfd',
  'proc.is_exe_writable',
]);

const TOLD = /^(?:container|k8s|user|group|evt)\./;

/** Origin of a field that a condition reads, by its path from the root, as in `['detection', 'fields', 'proc.name']`. */
export function originOf([root, field, name]: readonly string[]): FieldOrigin {
  if (root !== 'detection') return 'Told';
  if (field === 'executable') return 'Path';
  if (field !== 'fields' || name === undefined) return 'Told';
  // As in proc.aname[2] and evt.arg.path.
  const plain = name.replace(/\[.*$/s, '').replace(/^evt\.arg\..*$/s, 'evt.arg');
  if (PATHS.has(plain)) return 'Path';
  if (FREE.has(plain)) return 'Free';
  return TOLD.test(plain) ? 'Told' : 'Firm';
}
