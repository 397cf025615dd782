// Conditions of policies in CEL: compiled once, checked then, evaluated for each detection. Neither ever throws.
import { checkCondition } from './check.ts';
import { CONDITION_FIELDS, MAX_KEY, type ConditionField, type ConditionInput } from './input.ts';
import { celLibrary, type CelLibrary, type Expr, type Parsed } from './library.ts';
import { createPatterns, type Patterns } from './patterns.ts';
import { Refusal } from './refusal.ts';

/** What a condition says of an input. Error, for people to see, is never a match. */
export type Verdict = 'True' | 'False' | 'Error';

/** A compiled condition. */
export interface Condition {
  readonly source: string;
  /** Nanoseconds that one evaluation takes at the worst, as estimated; three times that was measured. */
  readonly cost: number;
  /** Never throws. For how long it takes see docs/decisions/0013-cel.md. */
  evaluate(input: ConditionInput): Verdict;
}

/** A condition, or in a sentence for people what is wrong with it, where, and what can be written instead. */
export type ConditionCompilation = { ok: true; condition: Condition } | { ok: false; message: string };

/** Characters of a condition. */
export const MAX_SOURCE = 1024;

type Value = ReturnType<ReturnType<CelLibrary['plan']>>;
type Evaluate = (bindings?: Record<string, unknown>) => Value;

/** What compiling one condition needs of the library. */
interface Compiler {
  readonly cel: CelLibrary;
  readonly patterns: Patterns;
  readonly plan: (expr: Expr | Parsed) => Evaluate;
}

/** Compiles a condition, and refuses one that could not work or that could take too long. */
export function compileCondition(source: string): ConditionCompilation {
  if (source.length > MAX_SOURCE) {
    return {
      ok: false,
      message: `a condition has at most ${MAX_SOURCE} characters: this one has ${source.length}`,
    };
  }
  const compiler = createCompiler();
  const parsed = parse(source, compiler.cel);
  if ('message' in parsed) return { ok: false, message: parsed.message };
  try {
    return { ok: true, condition: compile(source, parsed, compiler) };
  } catch (error) {
    return { ok: false, message: locate(error, source, parsed) };
  }
}

function createCompiler(): Compiler {
  const cel = celLibrary();
  const { CelScalar } = cel;
  const patterns = createPatterns();
  // The library's int() takes "" for 0, and hexadecimal digits.
  const toInt = cel.celFunc('int', [CelScalar.STRING], CelScalar.INT, strictInteger);
  const env = cel.celEnv({ funcs: [toInt], re2: patterns });
  return { cel, patterns, plan: (expr) => cel.plan(env, expr) as Evaluate };
}

function parse(source: string, cel: CelLibrary): (Parsed & { expr: Expr }) | { message: string } {
  try {
    const parsed = cel.parse(source);
    if (parsed.expr === undefined) return { message: 'the condition is empty' };
    return { ...parsed, expr: parsed.expr };
  } catch (error) {
    if (error instanceof RangeError) return { message: 'the condition is nested too deeply: split it' };
    return { message: syntaxMessage(error) };
  }
}

function compile(source: string, parsed: Parsed & { expr: Expr }, compiler: Compiler): Condition {
  const { cel, patterns, plan } = compiler;
  const hoursIn = plan(cel.parse('timestamp("1970-01-01T00:00:00Z").getHours(zone)'));
  const { type, cost } = checkCondition(parsed.expr, {
    patterns,
    fold: (call) => throwIfError(cel, plan(call)()),
    useZone: (zone) => throwIfError(cel, hoursIn({ zone })),
  });
  if (type !== 'bool') throw new Refusal(parsed.expr.id, `a condition must yield bool, this yields ${type}`);
  const evaluate = plan(parsed);
  const readTime = plan(cel.parse('timestamp(text)'));
  return {
    source,
    cost,
    evaluate: (input) => {
      try {
        const value = evaluate(bindings(input, (text) => optional(cel, readTime({ text }))));
        return value === true ? 'True' : value === false ? 'False' : 'Error';
      } catch {
        return 'Error';
      }
    },
  };
}

type ReadTime = (text: string) => unknown;

// Maps, as labels may be called `__proto__` or `constructor`. What is left out is an error where it is read.
function bindings(input: ConditionInput, readTime: ReadTime): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(CONDITION_FIELDS).map(([root, fields]) => {
      const values: Readonly<Record<string, unknown>> = input[root as keyof ConditionInput];
      const bound = Object.entries<ConditionField>(fields).flatMap(([name, field]) => {
        const value = bind(field, values[name], readTime);
        return value === undefined ? [] : [[name, value] as const];
      });
      return [root, new Map(bound)];
    }),
  );
}

function bind({ type, length, size }: ConditionField, value: unknown, readTime: ReadTime): unknown {
  switch (type) {
    case 'string':
      return (value as string).slice(0, length);
    case 'int':
      return BigInt(value as number);
    case 'bool':
      return value;
    case 'timestamp':
      return readTime(value as string);
    case 'list<string>': {
      const list = value as readonly string[];
      return list.length > size ? undefined : list.map((each) => each.slice(0, length));
    }
    case 'map<string>': {
      const entries = Object.entries(value as Readonly<Record<string, string>>);
      if (entries.length > size || entries.some(([key]) => key.length > MAX_KEY)) return undefined;
      return new Map(entries.map(([key, each]) => [key, each.slice(0, length)]));
    }
  }
}

function throwIfError(cel: CelLibrary, value: Value): void {
  if (cel.isCelError(value)) throw new Error(value.message);
}

function optional(cel: CelLibrary, value: Value): unknown {
  return cel.isCelError(value) ? undefined : value;
}

function strictInteger(text: string): bigint {
  if (!/^-?\d{1,19}$/.test(text)) throw new Error('int() takes decimal digits');
  const value = BigInt(text);
  if (BigInt.asIntN(64, value) !== value) throw new Error('int() takes a number of 64 bits');
  return value;
}

// The library's position of an operator is that of the space before it.
function locate(error: unknown, source: string, { sourceInfo }: Parsed): string {
  const message = error instanceof Error ? error.message : String(error);
  const offset = error instanceof Refusal ? sourceInfo?.positions[String(error.nodeId)] : undefined;
  if (offset === undefined) return message;
  const spaces = /^\s*/.exec(source.slice(offset))?.[0].length ?? 0;
  return `at character ${offset + spaces + 1}: ${message}`;
}

// The library says `<input>:1:5: found & but expecting ` and then everything that could stand there.
function syntaxMessage(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [, line, column, what = message] = /^<input>:(\d+):(\d+): (.*)$/s.exec(message) ?? [];
  const where = line === undefined ? '' : `at line ${line}, character ${column}: `;
  const found = what.replace(/ but expecting .*$/s, ', which cannot stand here').replaceAll(/\p{C}/gu, '?');
  return `${where}this is no expression in CEL: ${found}`;
}
