// What is read from an answer: JSON, or the error that it carries.
import { readUpTo } from './body.ts';
import { brokenAnswer, oversizedAnswer, statusError, type KubeError } from './errors.ts';
import type { HttpResponse } from './transport.ts';

/** Largest JSON answer: a page of 500 objects of 100 KiB, and some. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;
/** Largest error answer that is read as such. */
const MAX_ERROR_BYTES = 64 * 1024;

/** Whether the request was carried out. The API server redirects none of ours, so 3xx is an error. */
export function isSuccess(response: HttpResponse): boolean {
  return response.status >= 200 && response.status < 300;
}

/**
 * Reads the answer as a JSON object with metadata, as everything is that an API server answers. Rejects with a KubeError
 * when it is too large or no such object: something else than an API server may have answered.
 */
export async function readJson(doing: string, response: HttpResponse, signal: AbortSignal): Promise<object> {
  const { bytes, truncated } = await readUpTo(response.body, MAX_JSON_BYTES, signal);
  if (truncated) throw oversizedAnswer(doing, MAX_JSON_BYTES);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  const object = parseObject(doing, text);
  if (!hasMetadata(object)) throw brokenAnswer(doing, 'the answer is JSON, but no object of an API server');
  return object;
}

/** Parses JSON that must be an object; throws a KubeError otherwise. */
export function parseObject(doing: string, text: string): object {
  const value = parse(text);
  if (!isObject(value)) throw brokenAnswer(doing, 'the answer is cut off or no JSON');
  return value;
}

/** Reads the error of an answer; a body that cannot be read leaves the status. Never rejects. */
export async function readError(
  doing: string,
  response: HttpResponse,
  signal: AbortSignal,
): Promise<KubeError> {
  const body = await readUpTo(response.body, MAX_ERROR_BYTES, signal).catch(() => undefined);
  const text = Buffer.from(body?.bytes ?? []).toString('utf8');
  const { status, headers } = response;
  return statusError(doing, { status, retryAfter: headers['retry-after'], body: parse(text) });
}

/** Whether it is an object with metadata, as everything in a list or watch must be. */
export function hasMetadata(object: unknown): object is { metadata: object } {
  return isObject(object) && 'metadata' in object && isObject(object.metadata);
}

/** Whether the object tells what it is known by: name, UID and version as text, and its namespace if it has one. */
export function isIdentified({ metadata }: { metadata: object }): boolean {
  const { name, uid, resourceVersion, namespace = 'none' } = metadata as Record<string, unknown>;
  return [name, uid, resourceVersion, namespace].every((text) => typeof text === 'string' && text !== '');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
