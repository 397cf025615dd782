// Reads manifests for commands that work without a cluster: YAML and JSON, from files, folders and standard input.
import { createReadStream } from 'node:fs';
import type { Manifests } from './manifest.ts';
import { readManifest } from './parse.ts';
import { expand, STDIN } from './paths.ts';

export type { Manifest, ManifestProblem, Manifests } from './manifest.ts';

/** What is read at most; larger input is a problem, never cut silently. */
export const MANIFEST_LIMITS = { fileBytes: 8 * 2 ** 20, files: 1000, objects: 10_000 } as const;

/**
 * Reads manifests as kubectl does: several documents in a file, Lists unpacked, YAML 1.1 as in `enforce: yes`. A path is
 * a file of any name, a folder (its *.yaml, *.yml and *.json, also below it; hidden ones are left out), or `-` for
 * standard input. What is named twice is read once. In a folder, documents with neither `apiVersion` nor `kind` are left out,
 * such as values of a Helm chart; in a file that was named they are problems. Never throws for what it reads.
 * @param stdin what `-` reads.
 */
export async function readManifests(
  paths: readonly string[],
  stdin: AsyncIterable<Uint8Array | string> = process.stdin,
): Promise<Manifests> {
  const { files, problems } = await expand(paths, MANIFEST_LIMITS.files);
  const all: Manifests = { manifests: [], problems };
  for (const { file, named } of files) {
    const text = await textOf(file === STDIN ? stdin : createReadStream(file));
    const room = MANIFEST_LIMITS.objects - all.manifests.length;
    const read =
      typeof text === 'string' ? readManifest({ file, named }, text, room) : refused(file, text.problem);
    // One by one: a call takes only so many arguments.
    for (const manifest of read.manifests) all.manifests.push(manifest);
    for (const problem of read.problems) all.problems.push(problem);
  }
  return all;
}

function refused(file: string, message: string): Manifests {
  return { manifests: [], problems: [{ file, message }] };
}

async function textOf(source: AsyncIterable<Uint8Array | string>): Promise<string | { problem: string }> {
  try {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of source) {
      const bytes = Buffer.from(chunk as Uint8Array);
      size += bytes.length;
      if (size > MANIFEST_LIMITS.fileBytes)
        return { problem: `has more than ${MANIFEST_LIMITS.fileBytes / 2 ** 20} MiB: split it` };
      chunks.push(bytes);
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    return { problem: causeOf(error) };
  }
}

function causeOf(error: unknown): string {
  if (error instanceof TypeError) return 'is not text in UTF-8';
  return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
}
