// The evidence store of `die-operator run`, as the settings describe it.
import { parseDuration } from '../../decide/duration.ts';
import { createDirectoryStore } from '../../evidence/directory-store.ts';
import { refusedRecipient } from '../../evidence/encrypt.ts';
import { messageOf } from '../../evidence/error-message.ts';
import { createS3Store, s3Trouble } from '../../evidence/s3-store.ts';
import { readSigner } from '../../evidence/sign.ts';
import type { EvidenceStore } from '../../evidence/store.ts';
import type { Clock } from '../../kube/clock.ts';
import type { Logger } from '../../observe/log.ts';
import { version } from '../../version.ts';
import type { Settings } from '../../settings.ts';
import { s3AccessOf, wakefulClock, type S3Settings } from './s3-access.ts';

type EvidenceSettings = S3Settings &
  Pick<Settings, 'evidenceDir' | 'evidenceRecipients' | 'evidenceSigningKeyFile' | 'evidenceRetention'>;

/** The store; nothing is read or written yet. */
export function evidenceOf(settings: EvidenceSettings, clock: Clock): EvidenceStore {
  const { evidenceSigningKeyFile: keyFile, evidenceRetention: retention } = settings;
  const access = s3AccessOf(settings, clock);
  const common = {
    clock,
    version: version(),
    recipients: settings.evidenceRecipients,
    ...(keyFile !== undefined && { signer: () => readSigner(keyFile) }),
    ...(retention !== undefined && { retentionMs: parseDuration(retention) }),
  };
  return access
    ? createS3Store({ ...access, ...common })
    : createDirectoryStore({ root: settings.evidenceDir, ...common });
}

/**
 * Rejects with an Error that names the setting because of which evidence could not be kept as it is asked for. A key that
 * does not sign, or a bucket that does not answer now, is told and no reason to stay away: isolation needs neither, and
 * it may be there when it is needed.
 */
export async function checkEvidence(
  settings: EvidenceSettings,
  store: EvidenceStore,
  log: Pick<Logger, 'warn'>,
): Promise<void> {
  const { evidenceRecipients, evidenceSigningKeyFile } = settings;
  await checkPlace(settings, store, log);
  const refused = await refusedRecipient(evidenceRecipients);
  if (refused !== undefined) throw new Error(`--evidence-recipients: ${refused}`);
  if (evidenceSigningKeyFile === undefined) return;
  await readSigner(evidenceSigningKeyFile).catch((error: unknown) => {
    const why = messageOf(error);
    log.warn(
      { err: error },
      `--evidence-signing-key-file: ${why}. Evidence is kept without a signature until that is cured; a restart is not needed`,
    );
  });
}

async function checkPlace(
  settings: EvidenceSettings,
  store: EvidenceStore,
  log: Pick<Logger, 'warn'>,
): Promise<void> {
  const { evidenceDir, evidenceStore } = settings;
  const access = s3AccessOf(settings, wakefulClock);
  if (!access) {
    const trouble = await store.readiness();
    if (trouble !== undefined) throw new Error(`--evidence-dir ${evidenceDir}: ${trouble}`);
    return;
  }
  const trouble = await s3Trouble(access);
  if (!trouble) return;
  const message = `--evidence-store ${evidenceStore}: ${trouble.message}`;
  if (trouble.reason !== 'Unreachable' && trouble.reason !== 'Busy')
    throw new Error(message, { cause: trouble });
  log.warn({ err: trouble }, message);
}
