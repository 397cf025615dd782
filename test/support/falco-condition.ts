// Reads a condition of a Falco rule: which fields, macros and lists it uses, and whether it is sound. No evaluation.

/** What a condition is made of. */
export interface ConditionParts {
  fields: Set<string>;
  /** Bare words where something true or false is asked for. */
  macros: Set<string>;
  /** Bare words in the brackets of `in`, `pmatch` and `intersects`: names of lists, or values. */
  listed: Set<string>;
  /** What `evt.type` is compared with. */
  events: Set<string>;
  /** What joins the outermost terms; undefined: there is one only. */
  outermost: string | undefined;
}

const TOKEN = /"[^"]*"|'[^']*'|[(),]|!=|>=|<=|=|>|<|[^\s()",'=<>!]+/g;
const LIST_OPERATORS = new Set(['in', 'pmatch', 'intersects']);
const OPERATORS = new Set(['=', '!=', '>', '<', '>=', '<=', 'contains', 'startswith', 'endswith']);
const FIELD = /^[a-z][a-z0-9]*(?:\.[a-z][a-z0-9_]*)+$/;
const MACRO = /^[a-z][a-z0-9_]*$/;

/**
 * @throws Error where the condition is not well-formed, joins `and` and `or` without brackets, or uses what this does not know.
 */
export function conditionParts(condition: string): ConditionParts {
  const reader = new Reader(condition);
  reader.parts.outermost = reader.expression();
  reader.end();
  return reader.parts;
}

class Reader {
  readonly parts: ConditionParts = {
    fields: new Set(),
    macros: new Set(),
    listed: new Set(),
    events: new Set(),
    outermost: undefined,
  };
  readonly #tokens: string[];
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = text.match(TOKEN) ?? [];
  }

  expression(): string | undefined {
    this.#term();
    let joined: string | undefined;
    for (let next = this.#peek(); next === 'and' || next === 'or'; next = this.#peek()) {
      if (joined !== undefined && joined !== next) this.#fail('joins "and" and "or" without brackets');
      joined = next;
      this.#at++;
      this.#term();
    }
    return joined;
  }

  end(): void {
    if (this.#peek() !== undefined) this.#fail('has something behind its end');
  }

  #term(): void {
    const token = this.#take();
    if (token === 'not') return this.#term();
    if (token === '(') {
      this.expression();
      return this.#expect(')');
    }
    if (FIELD.test(token)) return this.#comparison(token);
    if (!MACRO.test(token) || token === 'and' || token === 'or') this.#fail(`has "${token}" out of place`);
    this.parts.macros.add(token);
  }

  #comparison(field: string): void {
    this.parts.fields.add(field);
    const operator = this.#take();
    if (operator === 'exists') return;
    if (LIST_OPERATORS.has(operator)) return this.#list(field);
    if (!OPERATORS.has(operator)) this.#fail(`compares by "${operator}"`);
    const value = this.#take();
    if (value === 'val') {
      this.#expect('(');
      this.parts.fields.add(this.#take());
      return this.#expect(')');
    }
    if (/^[(),]$/.test(value)) this.#fail(`compares ${field} with nothing`);
    if (field === 'evt.type') this.parts.events.add(value);
  }

  #list(field: string): void {
    this.#expect('(');
    for (let token = this.#take(); token !== ')'; token = this.#take()) {
      if (token === ',') continue;
      if (field === 'evt.type') this.parts.events.add(token);
      else if (!/^["']/.test(token)) this.parts.listed.add(token);
    }
  }

  #expect(wanted: string): void {
    if (this.#take() !== wanted) this.#fail(`lacks "${wanted}"`);
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  #take(): string {
    return this.#tokens[this.#at++] ?? this.#fail('ends too soon');
  }

  #fail(what: string): never {
    throw new Error(`the condition ${what}: ${this.#text}`);
  }
}
