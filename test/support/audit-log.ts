// Reads the API server's audit log: who called what, as the server saw it.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';

/** One request. Absent fields do not apply to it. */
export interface AuditCall {
  id: string;
  user: string;
  verb: string;
  /** As sent, with the query. */
  uri: string;
  resource?: string;
  subresource?: string;
  namespace?: string;
  name?: string;
  userAgent?: string;
  /** Which token was shown, where it was one of the TokenRequest API: two processes of one account differ in it. */
  credential?: string;
  /** When it arrived, RFC 3339 with microseconds: the order of these texts is that of the times. */
  receivedAt: string;
  /** Status code; absent until the answer was sent, and shortly after. */
  code?: number;
  /** When the answer was sent, in the form of `receivedAt`. */
  answeredAt?: string;
  /** What was sent, where the audit policy asks for it; known with the answer. */
  body?: unknown;
}

interface AuditLine {
  auditID: string;
  user: { username: string; extra?: Record<string, string[]> };
  verb: string;
  requestURI: string;
  userAgent?: string;
  objectRef?: { resource?: string; subresource?: string; namespace?: string; name?: string };
  requestReceivedTimestamp: string;
  stageTimestamp: string;
  responseStatus?: { code?: number };
  requestObject?: unknown;
}

const CREDENTIAL = 'authentication.kubernetes.io/credential-id';

/** A place in the log: the end of it now. */
export async function auditMark(path: string): Promise<number> {
  return (await stat(path)).size;
}

/** The requests that arrived after the mark, in order. A request is there before its sender has the answer. */
export async function auditCalls(path: string, mark = 0): Promise<AuditCall[]> {
  const bytes = await buffer(createReadStream(path, { start: mark }));
  const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1).toString('utf8');
  const calls = new Map<string, AuditCall>();
  for (const line of whole.split('\n')) {
    if (line === '') continue;
    const call = auditCall(JSON.parse(line) as AuditLine);
    // The lines of one request differ only in what the later one adds.
    calls.set(call.id, { ...calls.get(call.id), ...call });
  }
  return [...calls.values()];
}

/** How many of the calls each user made. */
export function countByUser(calls: readonly AuditCall[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { user } of calls) counts.set(user, (counts.get(user) ?? 0) + 1);
  return counts;
}

function auditCall(line: AuditLine): AuditCall {
  const { auditID: id, user, verb, requestURI: uri, requestReceivedTimestamp: receivedAt } = line;
  const { resource, subresource, namespace, name } = line.objectRef ?? {};
  const { code } = line.responseStatus ?? {};
  const [credential] = user.extra?.[CREDENTIAL] ?? [];
  const optional = { resource, subresource, namespace, name, userAgent: line.userAgent, credential };
  return {
    id,
    user: user.username,
    verb,
    uri,
    receivedAt,
    ...present({ ...optional, body: line.requestObject }),
    ...(code !== undefined && { code, answeredAt: line.stageTimestamp }),
  };
}

/** What is not undefined of it. */
function present<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
