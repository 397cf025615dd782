// Bearer tokens from a file, so that they can be rotated without a restart.
import { readFileSync } from 'node:fs';
import type { Clock } from '../kube/clock.ts';
import type { Logger } from '../observe/log.ts';
import { reloading } from './reloading.ts';

/** The tokens that are valid now. */
export type Tokens = () => readonly string[];

const MAX_TOKENS = 2;
const CHECK_EVERY_MS = 1000;
// Visible ASCII of 16 to 512 characters without the separators of Falcosidekick's WEBHOOK_CUSTOMHEADERS: it drops a
// header whose value has a ':' or a ',' without a word.
const VISIBLE = /^[\x21-\x7e]*$/;
const MIN_LENGTH = 16;
const MAX_LENGTH = 512;

/**
 * Reads one or two tokens, one a line; blank lines and lines that start with `#` are left out. The file is read again
 * at most once a second; when that fails, the last good tokens stay valid and the reason is logged.
 * @throws Error if the file is not good at the start; the message says what to do.
 */
export function fileTokens(path: string, clock: Clock, log: Logger): Tokens {
  const read = () => readTokens(path);
  return reloading({ what: 'token file', path, read, everyMs: CHECK_EVERY_MS, clock, log }).current;
}

function readTokens(path: string): readonly string[] {
  return parseTokens(readText(path), path);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `token file ${path} cannot be read: ${reason}. Mount the secret there, or name another file.`,
      {
        cause: error,
      },
    );
  }
}

/** Parses the text of a token file. @throws Error that names the line and never quotes it. */
export function parseTokens(text: string, path: string): readonly string[] {
  const tokens: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const token = line.trim();
    if (token === '' || token.startsWith('#')) continue;
    const fault = faultOf(token);
    if (fault) throw new Error(`token file ${path}, line ${index + 1}: ${fault}. ${CURE}`);
    tokens.push(token);
  }
  if (tokens.length === 0) throw new Error(`token file ${path} has no token. ${CURE}`);
  if (tokens.length > MAX_TOKENS) {
    throw new Error(
      `token file ${path} has ${tokens.length} tokens; at most 2 can be valid. Remove the oldest.`,
    );
  }
  return tokens;
}

const CURE = 'Write one token a line; `openssl rand -hex 32` makes a good one.';

function faultOf(token: string): string | undefined {
  if (token.length < MIN_LENGTH || token.length > MAX_LENGTH) {
    return `the token has ${token.length} characters; ${MIN_LENGTH} to ${MAX_LENGTH} are needed`;
  }
  if (!VISIBLE.test(token)) return 'the token has a space or a character that is not visible ASCII';
  if (/[:,]/.test(token)) return "the token has a ':' or a ','; Falcosidekick drops headers with these";
  return undefined;
}
