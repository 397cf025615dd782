// The CEL library, loaded when the first condition is compiled: most processes never see one.
import { createRequire } from 'node:module';
import type * as Cel from '@bufbuild/cel';
import type * as Re2 from '@bufbuild/re2';

/** The library. */
export type CelLibrary = typeof Cel;
/** A parsed expression. */
export type Parsed = ReturnType<CelLibrary['parse']>;
/** A node of its tree. */
export type Expr = NonNullable<Parsed['expr']>;
/** A compiled regular expression. */
export type Pattern = Re2.RE2JS;

const load = createRequire(import.meta.url);

/** Loads the library, which takes 0.1 s the first time. Throws if it is not installed. */
export function celLibrary(): CelLibrary {
  return load('@bufbuild/cel') as CelLibrary;
}

/** Compiles a regular expression of RE2, which matches in linear time. Throws if it is none. */
export function compilePattern(source: string): Pattern {
  return (load('@bufbuild/re2') as typeof Re2).RE2JS.compile(source);
}
