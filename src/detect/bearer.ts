// Compares the bearer token of a request.
import { createHash, timingSafeEqual } from 'node:crypto';

// RFC 6750: the scheme in any case, then the token. The bound is that of token files.
const BEARER = /^bearer +([\x21-\x7e]{1,512})$/i;

/**
 * Whether the `Authorization` header carries one of the tokens. The time it takes tells nothing about the tokens:
 * hashes of one length are compared, and always with every token.
 */
export function bearerMatches(header: string | undefined, tokens: readonly string[]): boolean {
  const offered = digest(BEARER.exec(header ?? '')?.[1] ?? '');
  return tokens
    .filter((token) => token !== '')
    .map((token) => timingSafeEqual(digest(token), offered))
    .includes(true);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
