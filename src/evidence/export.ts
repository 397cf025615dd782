// Copies a bundle out of its store into a new directory, decrypted if there is a key for it, and checks it on the way.
import { dirname, join } from 'node:path';
import { hashed, limited, once, type Digest } from './content.ts';
import { decrypt, ENCRYPTED_ENDING } from './encrypt.ts';
import { messageOf } from './error-message.ts';
import { localFiles, type FileSystem } from './files.ts';
import { ENVELOPE_FILE, MANIFEST_FILE, parseManifest, type ManifestFile } from './manifest.ts';
import { parentsOf } from './path.ts';
import type { StoredBundle } from './reader.ts';
import type { Difference } from './verify.ts';

/** What was copied. */
export interface Exported {
  files: number;
  /** Of these, decrypted. */
  decrypted: number;
  differences: Difference[];
}

/** What it takes beside the bundle. */
export interface ExportOptions {
  /** Must not be there yet. */
  directory: string;
  /** Private keys of age. Without them everything is copied as it is stored. */
  identities: readonly string[];
  files?: FileSystem;
}

/**
 * See the file's first line. A file that is not what the manifest says is copied as it is stored, and named. The manifest
 * comes last, so that a copy that was cut off does not look whole.
 */
export async function exportBundle(bundle: StoredBundle, options: ExportOptions): Promise<Exported> {
  const { directory, identities, files = localFiles } = options;
  const manifest = parseManifest(bundle.manifest);
  await files.makeDirectory(directory);
  const exported: Exported = { files: 0, decrypted: 0, differences: [] };
  const made = new Set<string>();
  for (const file of manifest.files) {
    for (const parent of parentsOf(file.path)) {
      if (!made.has(parent)) await files.makeDirectory(join(directory, parent));
      made.add(parent);
    }
    const difference = await copyFile({ bundle, directory, identities, files }, file);
    if (difference === 'decrypted') exported.decrypted += 1;
    else if (difference) exported.differences.push(difference);
    exported.files += 1;
  }
  if (bundle.envelope) await files.create(join(directory, ENVELOPE_FILE), once(bundle.envelope));
  await files.create(join(directory, MANIFEST_FILE), once(bundle.manifest));
  for (const parent of [...made, '.']) await files.syncDirectory(join(directory, parent));
  await files.syncDirectory(dirname(directory));
  return exported;
}

interface Copy {
  bundle: StoredBundle;
  directory: string;
  identities: readonly string[];
  files: FileSystem;
}

async function copyFile(copy: Copy, file: ManifestFile): Promise<Difference | 'decrypted' | undefined> {
  const { identities, directory, files, bundle } = copy;
  const { path, plain } = file;
  const refused =
    plain && identities.length > 0 && path.endsWith(ENCRYPTED_ENDING)
      ? await decryptFile(copy, { ...file, plain })
      : undefined;
  if (refused === 'decrypted') return refused;
  const content = limited(bundle.file(path), { room: file.size });
  const { content: stored, digest } = hashed(content.content);
  try {
    await files.create(join(directory, path), stored);
  } finally {
    content.release();
  }
  const { cut, ...ending } = content.ending();
  const changed = (detail: string): Difference => ({ path, layer: 'file', kind: 'changed', detail });
  if ('failure' in ending) return changed(`cannot be read: ${messageOf(ending.failure)}`);
  if (cut) return changed(`has more than ${file.size} bytes`);
  return compared(digest(), file, changed) ?? refused;
}

/** Decrypts into the directory; what does not come to what the manifest says is taken away again. */
async function decryptFile(
  { bundle, directory, identities, files }: Copy,
  file: ManifestFile & { plain: Digest },
): Promise<Difference | 'decrypted'> {
  const { path, size, plain } = file;
  const target = join(directory, path.slice(0, -ENCRYPTED_ENDING.length));
  const stored = limited(bundle.file(path), { room: size });
  const { content: ciphertext, digest: storedDigest } = hashed(stored.content);
  const content = limited(decrypt(identities, ciphertext), { room: plain.size });
  const { content: opened, digest } = hashed(content.content);
  const changed = (detail: string): Difference => ({ path, layer: 'content', kind: 'changed', detail });
  try {
    await files.create(target, opened);
  } finally {
    content.release();
    stored.release();
  }
  const { cut, ...ending } = content.ending();
  const difference =
    'failure' in ending
      ? changed(`cannot be decrypted: ${messageOf(ending.failure)}`)
      : compared(digest(), plain, changed, cut);
  const isAsStored = !stored.ending().cut && storedDigest().sha256 === file.sha256;
  if (!difference && isAsStored) return 'decrypted';
  await files.remove(target);
  return difference ?? changed('was decrypted from another file than the manifest lists');
}

function compared(
  now: Digest,
  expected: Digest,
  changed: (detail: string) => Difference,
  cut = false,
): Difference | undefined {
  if (cut) return changed(`has more than ${expected.size} bytes`);
  if (now.size !== expected.size) return changed(`has ${now.size} bytes, not ${expected.size}`);
  if (now.sha256 !== expected.sha256) return changed(`has SHA-256 ${now.sha256}, not ${expected.sha256}`);
  return undefined;
}
