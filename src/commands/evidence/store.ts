// Where evidence is looked for: the flags that all evidence commands share.
import { type Command, Option } from 'commander';
import { createDirectoryReader } from '../../evidence/directory-reader.ts';
import type { EvidenceReader } from '../../evidence/reader.ts';
import { createS3Reader } from '../../evidence/s3-reader.ts';
import { SettingsSchema } from '../../settings.ts';
import { s3AccessOf, wakefulClock } from '../run/s3-access.ts';

/** What {@link addStoreOptions} adds. */
export interface StoreOptions {
  /** A directory, or `s3://bucket/prefix`. */
  store: string;
  s3Endpoint?: string;
  s3Region: string;
}

/** `--store`, by default the directory of the operator on this machine, and how a bucket is reached. */
export function addStoreOptions(command: Command): Command {
  const directory = SettingsSchema.shape.evidenceDir.parse(undefined);
  const region = SettingsSchema.shape.evidenceS3Region.parse(undefined);
  return command
    .addOption(
      new Option('--store <location>', 'where evidence is kept: a directory, or s3://bucket/prefix')
        .env('DIE_EVIDENCE_DIR')
        .default(directory),
    )
    .addOption(new Option('--s3-endpoint <url>', 'S3 server other than AWS').env('DIE_EVIDENCE_S3_ENDPOINT'))
    .addOption(
      new Option('--s3-region <region>', 'region of the bucket')
        .env('DIE_EVIDENCE_S3_REGION')
        .default(region),
    );
}

/** Reads what is kept at a location. Rejects with an Error if that is of no kind that is known. */
export async function readerOf({ store, s3Endpoint, s3Region }: StoreOptions): Promise<EvidenceReader> {
  if (!/^[a-z0-9]+:\/\//.test(store)) return createDirectoryReader(store);
  if (!store.startsWith('s3://'))
    throw new Error(`--store ${store}: evidence is read from a directory or from s3://bucket/prefix`);
  const settings = { evidenceStore: store, evidenceS3Region: s3Region };
  const endpoint = s3Endpoint !== undefined && { evidenceS3Endpoint: s3Endpoint };
  const access = s3AccessOf({ ...settings, ...endpoint }, wakefulClock);
  if (!access) throw new Error(`--store ${store}: is no bucket`);
  return createS3Reader(access);
}
