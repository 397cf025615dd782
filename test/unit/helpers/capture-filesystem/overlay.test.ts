// On a real overlay with a process in it: what the kernel leaves in the upper layer, and what that process sees. Needs root.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openView } from '../../../../src/helpers/programs/capture/changes-view.ts';
import { parseMounts, readTable } from '../../../../src/helpers/programs/capture/layers-mounts.ts';
import { at, changesOf, IS_ROOT, make, run, short, temporary } from './trees.ts';

const CAN_MOUNT = IS_ROOT && canMount();
let folder: ReturnType<typeof temporary>;
const on = (path: string) => join(folder.path, path);
let inside: ChildProcess | undefined;

beforeEach(async () => {
  folder = temporary();
  if (!CAN_MOUNT) return;
  make(on('image'), {
    etc: { passwd: 'root', 'a.conf': 'a' },
    anew: { old: 'x' },
    gone: { x: 'x' },
    covered: { x: 'x' },
  });
  for (const name of ['upper', 'work', 'root']) mkdirSync(on(name));
  mount();
  // Its root becomes that of a shell, as a runtime would do it; the shell waits for the end of its input.
  mkdirSync(on('root/old'));
  const script =
    'mount --bind "$0" "$0" && cd "$0" && mount -t tmpfs t covered && pivot_root . old && echo ready && read -r line';
  inside = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script, on('root')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(inside.stdout ?? inside, 'data');
});
afterEach(async () => {
  if (inside) {
    inside.stdin?.end();
    await once(inside, 'exit');
    run('umount', on('root'));
  }
  inside = undefined;
  folder.remove();
});

function mount(): void {
  const options = `lowerdir=${on('image')},upperdir=${on('upper')},workdir=${on('work')}`;
  run('mount', '-t', 'overlay', 'overlay', '-o', options, on('root'));
}

function canMount(): boolean {
  const { path, remove } = temporary();
  for (const name of ['l', 'u', 'w', 'm']) mkdirSync(join(path, name));
  const options = `lowerdir=${path}/l,upperdir=${path}/u,workdir=${path}/w`;
  const { status } = spawnSync('mount', ['-t', 'overlay', 'overlay', '-o', options, `${path}/m`]);
  if (status === 0) run('umount', `${path}/m`);
  remove();
  return status === 0;
}

function device(): string {
  const fd = openSync('/proc/self/mountinfo', 'r');
  const mounts = parseMounts(readTable(fd));
  closeSync(fd);
  return mounts.find(({ mountPoint }) => mountPoint === on('root'))?.device ?? '';
}

const view = () => openView('/proc', inside?.pid ?? 0, device());

describe.skipIf(!CAN_MOUNT)('on a real overlay (needs root)', () => {
  test('a directory that was made anew is told from one that was added to', async () => {
    rmSync(on('root/anew'), { recursive: true });
    make(on('root/anew'), { own: 'x' });
    rmSync(on('root/gone'), { recursive: true });
    rmSync(on('root/etc/a.conf'));
    writeFileSync(on('root/etc/new'), 'x');
    run('chmod', '600', on('root/etc/passwd'));
    const seen = view();
    const { changes, problems } = await changesOf(on('upper'), {
      lowers: [on('image')],
      ...(seen && { view: seen, mountPoints: seen.mountPoints }),
    });
    seen?.close();
    // `old` is where something is mounted.
    expect(short(changes)).toEqual([
      'Added /anew/own',
      'Added /etc/new',
      'Deleted /etc/a.conf',
      'Deleted /gone',
      'Metadata /etc/passwd',
      'Opaque /anew',
    ]);
    expect(at(changes, '/anew').problem).toBeUndefined();
    expect(problems).toEqual([]);
  });

  test('names are there or not, and below another mount nobody knows', () => {
    const seen = view();
    expect(seen?.has('/etc', 'passwd')).toBe(true);
    expect(seen?.has('/etc', 'nothing')).toBe(false);
    expect(seen?.has('/covered', 'x')).toBeUndefined();
    expect(seen?.has('/nowhere', 'x')).toBeUndefined();
    expect(seen?.mountPoints.has('/covered')).toBe(true);
    seen?.close();
  });

  test('a process with another root has no view of it', () => {
    expect(openView('/proc', process.pid, device())).toBeUndefined();
    expect(readFileSync(`/proc/${inside?.pid}/mountinfo`, 'utf8')).toContain(device());
    expect(openView('/proc', inside?.pid ?? 0, '8:1')).toBeUndefined();
  });
});
