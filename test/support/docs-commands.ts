// The examples of a page in docs/, so that tests run what readers run.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { ClusterAccess } from './cluster-access.ts';

const DOCS = join(import.meta.dirname, '../../docs');
// A heading, or a whole fenced block: no line in one is a heading.
const PART = /^#+ (?<title>.*)$|^(?<indent> *)```(?<language>\w*)\n(?<example>[\s\S]*?)^\k<indent>```$/gm;

/** The fenced blocks in that language below a heading, up to the next heading. Rejects if there is none. */
export async function examplesOf(
  page: string,
  heading: string,
  language: 'sh' | 'yaml' | 'text',
): Promise<string[]> {
  const text = await readFile(join(DOCS, page), 'utf8');
  const found: string[] = [];
  let current = '';
  for (const { groups = {} } of text.matchAll(PART)) {
    const { title, indent = '', example = '' } = groups;
    if (title !== undefined) current = title;
    else if (current === heading && groups['language'] === language)
      found.push(example.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));
  }
  if (found.length === 0) throw new Error(`docs/${page} has no ${language} below "${heading}"`);
  return found;
}

/** Runs commands in a folder as a person would who is the admin; ends at the first that fails, and rejects. */
export async function runCommands(access: ClusterAccess, folder: string, commands: string): Promise<string> {
  const { kubectl, adminKubeconfig } = access;
  if (kubectl === undefined) throw new Error('there is no kubectl beside this API server');
  const PATH = [dirname(kubectl), process.env['PATH'] ?? ''].join(delimiter);
  const env = { ...process.env, PATH, KUBECONFIG: adminKubeconfig };
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', commands], {
    cwd: folder,
    env,
  });
  return stdout;
}
