// Tables of docs/falco.md, and the policies that it speaks of.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { DriftPolicy } from '../../../src/api/policy.ts';

export const ROOT = join(import.meta.dirname, '../../..');

export const page = await readFile(join(ROOT, 'docs/falco.md'), 'utf8');

/** A table of the page, found by the cells of its head: a row by the names in the head. Throws if there is none. */
export function tableOf(...head: string[]): Record<string, string>[] {
  const [, body] = page.split(`\n| ${head.join(' | ')} |\n`);
  if (body === undefined) throw new Error(`docs/falco.md has no table with the head ${head.join(', ')}`);
  const [table = ''] = body.split(/\n(?!\|)/);
  const [, ...rows] = table.split('\n');
  return rows.map((row) => {
    const cells = row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim());
    return Object.fromEntries(head.map((name, index) => [name, cells[index] ?? '']));
  });
}

/** `B2, B3` as a list. */
export function scenariosIn(cell = ''): string[] {
  return cell === '' ? [] : cell.split(', ');
}

/** A policy of examples/policies, as an API server would have stored it. */
export async function examplePolicy(name: string): Promise<DriftPolicy> {
  const policy = parse(await readFile(join(ROOT, `examples/policies/${name}.yaml`), 'utf8')) as DriftPolicy;
  const stored = { uid: `${name}-uid`, generation: 1, resourceVersion: '1', creationTimestamp: '' };
  return { ...policy, metadata: { ...policy.metadata, ...stored } };
}
