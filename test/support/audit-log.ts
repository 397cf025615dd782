// Reads the API server's audit log: who called what, as the server saw it.
import { readFile, stat } from 'node:fs/promises';

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
  /** Status code; absent until the answer was sent, and shortly after. */
  code?: number;
}

interface AuditLine {
  auditID: string;
  user: { username: string };
  verb: string;
  requestURI: string;
  userAgent?: string;
  objectRef?: { resource?: string; subresource?: string; namespace?: string; name?: string };
  responseStatus?: { code?: number };
}

/** A place in the log: the end of it now. */
export async function auditMark(path: string): Promise<number> {
  return (await stat(path)).size;
}

/** The requests that arrived after the mark, in order. A request is there before its sender has the answer. */
export async function auditCalls(path: string, mark = 0): Promise<AuditCall[]> {
  const bytes = (await readFile(path)).subarray(mark);
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

function auditCall({
  auditID,
  user,
  verb,
  requestURI,
  userAgent,
  objectRef,
  responseStatus,
}: AuditLine): AuditCall {
  const { resource, subresource, namespace, name } = objectRef ?? {};
  return {
    id: auditID,
    user: user.username,
    verb,
    uri: requestURI,
    ...(resource !== undefined && { resource }),
    ...(subresource !== undefined && { subresource }),
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(userAgent !== undefined && { userAgent }),
    ...(responseStatus?.code !== undefined && { code: responseStatus.code }),
  };
}
