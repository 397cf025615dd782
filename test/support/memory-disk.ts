// The folder of a journal in memory, on a disk that loses, fails and fills up as real ones do.
import type { DiskFile, JournalDisk } from '../../src/detect/journal/disk.ts';
import type { Random } from '../../src/kube/clock.ts';

/** One step of an operation. An append or create has two: the content is written, then it is synced. */
export interface DiskStep {
  /** Counts mounts from 1. */
  mount: number;
  operation: keyof JournalDisk;
  /** `before` nothing was done, `written` but not synced, `after` all was done and the caller does not know it. */
  stage: 'before' | 'written' | 'after';
  /** The file; the old name for `rename`; empty for the directory. */
  name: string;
}

/** Called at each step; it may take its time, and what it throws is what the operation rejects with. */
export type OnStep = (step: DiskStep) => void | Promise<void>;

/** What one process sees of the disk. */
export interface MountedDisk extends JournalDisk {
  /** The process is gone: what it asked for is never answered, and what it wrote is there for the next. */
  kill(): void;
}

/** A piece of a file. `lost`: its fsync failed, so that the kernel forgot that it has to be written. */
interface Piece {
  bytes: Buffer;
  state: 'dirty' | 'synced' | 'lost';
}

interface MemoryFile {
  pieces: Piece[];
  /** What the disk has while an overwriting is not synced. */
  before?: Buffer;
}

type Names = Map<string, MemoryFile>;

/** A change of the directory that may not be on the disk. */
interface Change {
  apply: (names: Names) => void;
  lost: boolean;
}

/** An error as node:fs throws it. */
export function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** See the file's first line. Faults are set by assignment and hold for all mounts. */
export class MemoryDisk {
  /** Writes fail with EROFS. */
  readOnly = false;
  /** Writes beyond so many bytes in all files write what fits and fail with ENOSPC. */
  capacity = Infinity;
  /** So many of the next fsyncs fail with EIO, of directories too. */
  failingSyncs = 0;
  onStep: OnStep = () => {};
  /** The folder is there. */
  present = true;
  #names: Names = new Map();
  #durable: Names = new Map();
  #changes: Change[] = [];
  readonly #mounts: { dead: boolean }[] = [];

  /** What a process that starts now sees. */
  mount(): MountedDisk {
    const life = { dead: false };
    const mount = this.#mounts.push(life);
    const step = async (operation: keyof JournalDisk, stage: DiskStep['stage'], name = '') => {
      await alive(life);
      await this.onStep({ mount, operation, stage, name });
      await alive(life);
    };
    const run = async <T>(
      operation: keyof JournalDisk,
      name: string,
      work: () => T | Promise<T>,
    ): Promise<T> => {
      await step(operation, 'before', name);
      if (!this.present) throw diskError('ENOENT');
      const result = await work();
      await step(operation, 'after', name);
      return result;
    };
    const written = (operation: keyof JournalDisk, name: string, file: () => MemoryFile) => async () => {
      const changed = file();
      await step(operation, 'written', name);
      this.#sync(changed);
    };
    return {
      location: 'memory',
      list: () => run('list', '', () => this.files()),
      read: (name) => run('read', name, () => contentOf(this.#file(name))),
      create: (name, content) =>
        run(
          'create',
          name,
          written('create', name, () => this.#create(name, content)),
        ),
      append: (name, content) =>
        run(
          'append',
          name,
          written('append', name, () => this.#write(this.#file(name), content)),
        ),
      overwrite: (name, content) =>
        run(
          'overwrite',
          name,
          written('overwrite', name, () => this.#overwrite(name, content)),
        ),
      rename: (from, to) => run('rename', from, () => this.#rename(from, to)),
      remove: (name) => run('remove', name, () => this.#remove(name)),
      syncDirectory: () => run('syncDirectory', '', () => this.#syncDirectory()),
      kill: () => void (life.dead = true),
    };
  }

  /**
   * The machine loses its power: every process is gone. Of what was not synced each piece is there, or in part, or zeros, or
   * not, and each change of the directory is there or not, in any order.
   */
  crash(random: Random): void {
    for (const life of this.#mounts) life.dead = true;
    for (const { apply } of this.#changes) if (random() < 0.5) apply(this.#durable);
    const survivors = [...this.#durable].map(([name, file]) => [name, survivorOf(file, random)] as const);
    this.#durable = new Map(survivors);
    this.#names = new Map(survivors);
    this.#changes = [];
  }

  /** Names and sizes. */
  files(): DiskFile[] {
    return [...this.#names].map(([name, file]) => ({ name, bytes: sizeOf(file) }));
  }

  /** Bytes of all files. */
  get used(): number {
    return this.files().reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Content of a file as text. */
  text(name: string): string {
    return contentOf(this.#file(name)).toString('utf8');
  }

  /** Puts a file there, synced, whatever was there before. */
  put(name: string, content: string | Uint8Array): void {
    const file: MemoryFile = { pieces: [{ bytes: Buffer.from(content as string), state: 'synced' }] };
    this.#names.set(name, file);
    this.#durable.set(name, file);
  }

  #file(name: string): MemoryFile {
    const file = this.#names.get(name);
    if (!file) throw diskError('ENOENT');
    return file;
  }

  #create(name: string, content: Uint8Array): MemoryFile {
    this.#assertWritable();
    if (this.#names.has(name)) throw diskError('EEXIST');
    const file: MemoryFile = { pieces: [] };
    this.#change((names) => names.set(name, file));
    return this.#write(file, content);
  }

  #write(file: MemoryFile, content: Uint8Array): MemoryFile {
    this.#assertWritable();
    const room = Math.max(0, this.capacity - this.used);
    const bytes = Buffer.from(content.subarray(0, room));
    file.pieces.push({ bytes, state: 'dirty' });
    if (bytes.length < content.length) throw diskError('ENOSPC');
    return file;
  }

  #overwrite(name: string, content: Uint8Array): MemoryFile {
    this.#assertWritable();
    const old = this.#names.get(name);
    if (!old) return this.#create(name, content);
    old.before ??= Buffer.concat(old.pieces.map(({ bytes }) => bytes));
    old.pieces = [{ bytes: Buffer.from(content), state: 'dirty' }];
    return old;
  }

  #sync(file: MemoryFile): void {
    const failed = this.#syncFails();
    for (const piece of file.pieces) {
      if (piece.state === 'dirty') piece.state = failed ? 'lost' : 'synced';
    }
    if (failed) throw diskError('EIO');
    delete file.before;
  }

  #rename(from: string, to: string): void {
    this.#assertWritable();
    const file = this.#file(from);
    this.#change((names) => {
      names.delete(from);
      names.set(to, file);
    });
  }

  #remove(name: string): void {
    this.#assertWritable();
    this.#file(name);
    this.#change((names) => names.delete(name));
  }

  #change(apply: Change['apply']): void {
    apply(this.#names);
    this.#changes.push({ apply, lost: false });
  }

  #syncDirectory(): void {
    const failed = this.#syncFails();
    for (const change of this.#changes) {
      if (failed) change.lost = true;
      else if (!change.lost) change.apply(this.#durable);
    }
    if (failed) throw diskError('EIO');
    this.#changes = this.#changes.filter(({ lost }) => lost);
  }

  #syncFails(): boolean {
    if (this.failingSyncs <= 0) return false;
    this.failingSyncs--;
    return true;
  }

  #assertWritable(): void {
    if (this.readOnly) throw diskError('EROFS');
  }
}

function sizeOf({ pieces }: MemoryFile): number {
  return pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

function contentOf(file: MemoryFile): Buffer {
  return Buffer.concat(file.pieces.map(({ bytes }) => bytes));
}

// The dead are not answered.
async function alive(life: { dead: boolean }): Promise<void> {
  if (life.dead) await new Promise<never>(() => {});
}

function survivorOf(file: MemoryFile, random: Random): MemoryFile {
  const kept = file.before && random() < 0.3 ? file.before : keptOf(file.pieces, random);
  return { pieces: [{ bytes: kept, state: 'synced' }] };
}

// A file system writes pages in any order: what is missing before something that is there reads as zeros.
function keptOf(pieces: readonly Piece[], random: Random): Buffer {
  const parts: Buffer[] = [];
  let end = 0;
  let length = 0;
  for (const { bytes, state } of pieces) {
    const part = state === 'synced' ? bytes : partOf(bytes, random);
    parts.push(part);
    length += part.length;
    if (state === 'synced' || part.some((byte) => byte !== 0)) end = length;
  }
  const whole = Buffer.concat(parts);
  return random() < 0.8 ? whole.subarray(0, end) : whole;
}

function partOf(bytes: Buffer, random: Random): Buffer {
  const part = Buffer.alloc(bytes.length);
  const fate = random();
  const middle = Math.floor(random() * bytes.length);
  if (fate < 0.3) bytes.copy(part);
  else if (fate < 0.7) bytes.copy(part, 0, 0, middle);
  else if (fate < 0.85) bytes.copy(part, middle, middle);
  return part;
}
