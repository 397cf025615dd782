// What the client library throws, in words that say what to do.

const STREAM_NOT_FOUND = 10_059;
const CONSUMER_NOT_FOUND = 10_014;

/** The first that fits the message, or the code of a system error. */
const WORDS: readonly [RegExp, string][] = [
  [
    /authorization violation|authentication (expired|revoked|timeout)|user authentication/i,
    'the server does not accept the credentials: check --stream-creds-file, --stream-token-file, or --stream-user and ' +
      '--stream-password-file, or the client certificate',
  ],
  [/permissions violation/i, 'the server does not allow it: give this user the rights in docs/stream.md'],
  [/does not support 'tls'/i, 'the server speaks no TLS, and a tls:// URL or a CA file asks for it'],
  [/connection refused|ECONNREFUSED/, 'connection refused: no server listens there'],
  [/ENOTFOUND|EAI_AGAIN/, 'the name of the server is not known: check --stream-servers and DNS'],
  [/ECONNRESET|EPIPE|socket hang up/, 'the server broke the connection off'],
  [/EHOSTUNREACH|ENETUNREACH/, 'the server cannot be reached from here: check routes and network policies'],
  [
    /certificate|self-signed|altname|SSL|TLS|issuer/i,
    'TLS fails: check --stream-tls-ca-file and the names in the certificate',
  ],
  [
    /jetstream (is )?not enabled|no responders/i,
    'JetStream does not answer: it is not enabled for this account, or has no leader',
  ],
  [
    /insufficient (storage )?resources/i,
    'JetStream reserves the whole size of a stream, and has no room for it: raise `max_file_store` of the server, or ' +
      'make a smaller stream by hand',
  ],
  [/heartbeats missed/i, 'the server stopped answering'],
  [/^timeout$/i, 'the server does not answer in time: check network policies, and the rights of this user'],
];

/** A short text for people; holds no secret and nothing of an alert. */
export function describeNatsError(error: unknown): string {
  const message = messageOf(error);
  if (message === '') return 'the connection ended';
  const code = codeOf(error);
  const found = WORDS.find(([pattern]) => pattern.test(message) || pattern.test(String(code ?? '')));
  return found ? `${found[1]} (${message})` : message;
}

/** Whether the JetStream API says that there is no such stream or consumer. */
export function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === STREAM_NOT_FOUND || code === CONSUMER_NOT_FOUND;
}

function messageOf(error: unknown): string {
  if (typeof error === 'string') return error;
  return error instanceof Error ? error.message : '';
}

// Of JetStream a number, of the system a text.
function codeOf(error: unknown): string | number | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' || typeof code === 'number' ? code : undefined;
}
