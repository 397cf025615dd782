// The stream of `die-operator run`, if the settings name servers for it.
import type { StreamSettings } from '../../roles/receiver.ts';
import type { Settings } from '../../settings.ts';

/** Settings in the words of the stream; what is not set is left out. */
export function streamOf(settings: Settings): { stream?: StreamSettings } {
  if (settings.streamServers.length === 0) return {};
  return {
    stream: {
      servers: settings.streamServers,
      stream: settings.streamName,
      consumer: settings.streamConsumer,
      subject: settings.streamSubject,
      deadLetters: settings.streamDeadLetters,
      create: settings.createStream,
      insecure: settings.insecureStream,
      allowUnauthenticated: settings.allowUnauthenticatedStream,
      credentials: given({
        credsFile: settings.streamCredsFile,
        tokenFile: settings.streamTokenFile,
        user: settings.streamUser,
        passwordFile: settings.streamPasswordFile,
      }),
      tls: given({
        ca: settings.streamTlsCaFile,
        cert: settings.streamTlsCertFile,
        key: settings.streamTlsKeyFile,
      }),
    },
  };
}

function given<T extends Record<string, string | undefined>>(all: T): { [K in keyof T]?: string } {
  const entries = Object.entries(all).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: string };
}
