// From the paths that a person gives to the files that are read.
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ManifestProblem } from './manifest.ts';

/** The path that stands for standard input, and its name in messages. */
export const STDIN = '-';
const MANIFEST_FILE = /\.(?:ya?ml|json)$/i;

/** A file to read. */
export interface FoundFile {
  file: string;
  /** Whether a person named it; else it lay in a folder, and may be of another trade. */
  named: boolean;
}

/** What the paths stand for. */
export interface Expansion {
  /** Each file once: in the order given, those of a folder by name. */
  files: FoundFile[];
  problems: ManifestProblem[];
}

/** Expands folders, and leaves out what was named before; at most so many files. */
export async function expand(paths: readonly string[], maxFiles: number): Promise<Expansion> {
  const found: FoundFile[] = [];
  const problems: ManifestProblem[] = [];
  for (const path of paths) {
    const files = await filesAt(path, maxFiles).catch((error: unknown) => ({ problem: whyNot(error) }));
    if ('problem' in files) problems.push({ file: path, message: files.problem });
    else found.push(...files.map((file) => ({ file, named: file === path })));
  }
  const files = [...Map.groupBy(found, ({ file }) => identity(file)).values()].flatMap(
    ([first]) => first ?? [],
  );
  if (files.length <= maxFiles) return { files, problems };
  const { file = '' } = files[maxFiles] ?? {};
  const message = `is one file too many: at most ${maxFiles} are read at a time; name fewer`;
  return { files: files.slice(0, maxFiles), problems: [...problems, { file, message }] };
}

async function filesAt(path: string, maxFiles: number): Promise<string[] | { problem: string }> {
  if (path === STDIN || !(await stat(path)).isDirectory()) return [path];
  const files = await filesBelow(path, maxFiles + 1);
  return files.length > 0 ? files : { problem: 'is a folder without *.yaml, *.yml or *.json files' };
}

// A link to a folder is not followed, so that there are no circles.
async function filesBelow(folder: string, most: number): Promise<string[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).toSorted((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  const files: string[] = [];
  for (const entry of entries.filter(({ name }) => !name.startsWith('.'))) {
    if (files.length >= most) break;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) files.push(...(await filesBelow(path, most - files.length)));
    else if (MANIFEST_FILE.test(entry.name) && (await stat(path)).isFile()) files.push(path);
  }
  return files;
}

function identity(file: string): string {
  return file === STDIN ? STDIN : resolve(file);
}

function whyNot(error: unknown): string {
  const { code, message, path } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'does not exist';
  return code === undefined ? message : `cannot be read: ${code}${path === undefined ? '' : ` at ${path}`}`;
}
