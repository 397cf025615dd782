// What Falco 0.44 knows of what our rules rely on: fields, events, priorities.

const words = (...lines: string[]) => lines.join(' ').split(' ');

/** Fields of libs (userspace/libsinsp/sinsp_filtercheck_*.cpp), which need no plugin. */
const LIBS_FIELDS = words(
  'evt.type evt.rawres evt.res evt.is_open_write',
  'proc.name proc.args proc.cmdline proc.exepath proc.exe_ino.ctime proc.tty',
  'proc.is_exe_upper_layer proc.is_exe_lower_layer proc.is_exe_from_memfd',
  'proc.pid proc.ppid proc.vpid proc.pvpid proc.pname proc.pcmdline',
  'fd.num fd.name fd.typechar fd.is_upper_layer fd.l4proto fd.name_changed fd.sip fd.sport fd.snet',
  'fs.path.source fs.path.target user.name user.uid',
);

/** Fields of the container plugin 0.7 (plugins/container/src/caps/extract/extract.cpp); the runtime is asked for them. */
const PLUGIN_FIELDS = words(
  'container.id container.full_id container.name container.image.repository container.image.digest',
  'k8s.ns.name k8s.pod.name k8s.pod.uid',
);

/** Everything that can be compared. */
export const KNOWN_FIELDS: ReadonlySet<string> = new Set([...LIBS_FIELDS, ...PLUGIN_FIELDS]);

/** Fields that can only be compared, not printed (`EPF_FILTER_ONLY`). */
export const FILTER_ONLY: ReadonlySet<string> = new Set(['fd.snet']);

/** Values of `evt.type`. */
export const KNOWN_EVENTS: ReadonlySet<string> = new Set(
  words(
    'execve execveat open openat openat2 creat',
    'rename renameat renameat2 link linkat symlink symlinkat',
    'connect sendto sendmsg sendmmsg',
  ),
);

/** As in files of rules. */
export const PRIORITIES = words('EMERGENCY ALERT CRITICAL ERROR WARNING NOTICE INFORMATIONAL DEBUG');
