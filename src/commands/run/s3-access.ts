// How the bucket of evidence is reached, as the settings describe it.
import { messageOf } from '../../evidence/error-message.ts';
import { parseS3Location, type S3Location } from '../../evidence/s3-location.ts';
import type { S3Access } from '../../evidence/s3-store.ts';
import { systemClock, systemRandom, type Clock } from '../../kube/clock.ts';
import type { Settings } from '../../settings.ts';

/** The settings that say so. */
export type S3Settings = Partial<
  Pick<
    Settings,
    'evidenceStore' | 'evidenceS3Endpoint' | 'evidenceS3LockMode' | 'evidenceS3LockDays' | 'evidenceS3Region'
  >
>;

/**
 * The clock of the machine with timers that keep the process alive: before anything listens, nothing else does while a
 * request waits for its next try.
 */
export const wakefulClock: Clock = {
  ...systemClock,
  after: (ms, fn) => {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
};

/** The region of servers that know none. */
const DEFAULT_REGION = 'us-east-1';

/**
 * Undefined if evidence goes to the directory. Credentials are those of the SDK's default chain.
 * @throws Error that names the setting if the location cannot be used.
 */
export function s3AccessOf(settings: S3Settings, clock: Clock): S3Access | undefined {
  const { evidenceStore, evidenceS3Endpoint: endpoint, evidenceS3Region: region = DEFAULT_REGION } = settings;
  const { evidenceS3LockMode: mode, evidenceS3LockDays: days } = settings;
  if (evidenceStore === undefined) return undefined;
  return {
    location: locationOf(evidenceStore),
    // Most servers but AWS have no host name for each bucket.
    connection: { region, ...(endpoint !== undefined && { endpoint, forcePathStyle: true }) },
    ...(mode !== undefined && days !== undefined && { lock: { mode, days } }),
    clock,
    random: systemRandom,
  };
}

function locationOf(text: string): S3Location {
  try {
    return parseS3Location(text);
  } catch (error) {
    throw new Error(`--evidence-store ${text}: ${messageOf(error)}`, { cause: error });
  }
}
