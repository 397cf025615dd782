// Whom `die-operator run` lets report drift: reads what the settings of the intake name.
import type { Access } from '../../detect/access.ts';
import { fileTls } from '../../detect/tls.ts';
import { fileTokens } from '../../detect/tokens.ts';
import type { Clock } from '../../kube/clock.ts';
import type { Logger } from '../../observe/log.ts';
import type { Settings } from '../../settings.ts';

/** Only the receiver has an intake; for other roles nothing is read. @throws Error if a file is not good. */
export function intakeAccess(settings: Settings, clock: Clock, log: Logger): Access {
  if (!settings.roles.includes('receiver')) return { tokens: () => [] };
  const { tokenFile, tlsCertFile: cert, tlsKeyFile: key, tlsClientCaFile: clientCa } = settings;
  const files = cert !== undefined && key !== undefined && { cert, key, ...(clientCa && { clientCa }) };
  return {
    tokens: tokenFile === undefined ? () => [] : fileTokens(tokenFile, clock, log),
    ...(files && { tls: fileTls(files, clock, log) }),
    allowUnauthenticated: settings.allowUnauthenticatedIntake,
  };
}
