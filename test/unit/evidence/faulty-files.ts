// A file system that fails or dies at a chosen operation, and remembers what it was asked.
import { dirname } from 'node:path';
import { localFiles, type FileSystem } from '../../../src/evidence/files.ts';

/** What a process that was killed looks like from inside a test. */
export class Killed extends Error {}

/** An error as node:fs throws it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** See the file's first line. */
export interface FaultyFiles {
  files: FileSystem;
  /** `<operation> <path>` of each operation so far. */
  operations: string[];
}

/** Asked before each operation: an error is thrown instead of it, `torn` after half of a file was written. */
export type Fault = (operation: string, count: number) => { error: Error; torn?: boolean } | undefined;

export function faultyFiles(fault: Fault): FaultyFiles {
  const operations: string[] = [];
  const before = (name: string, path: string) => {
    operations.push(`${name} ${path}`);
    return fault(`${name} ${path}`, operations.length);
  };
  const guard =
    <A extends [string, ...unknown[]], R>(name: string, work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const failing = before(name, args[0]);
      if (failing) throw failing.error;
      return work(...args);
    };
  return {
    operations,
    files: {
      kindOf: guard('kindOf', (path: string) => localFiles.kindOf(path)),
      modifiedAt: guard('modifiedAt', (path: string) => localFiles.modifiedAt(path)),
      names: guard('names', (path: string) => localFiles.names(path)),
      makeDirectory: guard('makeDirectory', (path: string) => localFiles.makeDirectory(path)),
      read: guard('read', (path: string, maxBytes: number) => localFiles.read(path, maxBytes)),
      syncDirectory: guard('syncDirectory', (path: string) => localFiles.syncDirectory(path)),
      rename: guard('rename', (from: string, to: string) => localFiles.rename(from, to)),
      remove: guard('remove', (path: string) => localFiles.remove(path)),
      create: async (path, content) => {
        const failing = before('create', path);
        if (failing?.torn) {
          const whole =
            content instanceof Uint8Array ? content : Buffer.concat(await Array.fromAsync(content));
          await localFiles.create(path, whole.subarray(0, whole.length / 2));
        }
        if (failing) throw failing.error;
        await localFiles.create(path, content);
      },
    },
  };
}

/** Fails with the error at every operation that matches. */
export function failingAt(pattern: RegExp, code: string): FileSystem {
  return faultyFiles((operation) => (pattern.test(operation) ? { error: systemError(code) } : undefined))
    .files;
}

/** The directories that were synced, in that order. */
export function syncedDirectories(operations: readonly string[]): string[] {
  return operations
    .filter((o) => o.startsWith('syncDirectory '))
    .map((o) => o.slice('syncDirectory '.length));
}

/** Directories in which the operations made an entry. */
export function changedDirectories(operations: readonly string[]): Set<string> {
  const made = operations.filter((o) => /^(create|makeDirectory) /.test(o));
  return new Set(made.map((o) => dirname(o.slice(o.indexOf(' ') + 1))));
}
