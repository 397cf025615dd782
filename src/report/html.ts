// HTML that cannot be made without escaping: what stands in a template is ours, everything put into one is text.
import { visible } from './visible.ts';

const SAFE = Symbol('safe');

/** Markup. Only {@link html} makes it: nothing turns a string into markup. */
export interface Safe {
  readonly [SAFE]: string;
}

/** What may be put into a template: markup stands as it is, a text is shown as text. Lists stand without anything between. */
export type Value = Safe | string | number | readonly Value[];

// `]` and `` ` `` need no entity in HTML; old browsers took the second for a quote of attributes.
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};
const SPECIAL = /[&<>"'`]/g;
// Where a value would be more than text: a bare attribute, a tag, a name of an attribute.
const OUTSIDE_TEXT = /(?:=\s*|<\/?)$/;

/**
 * A template of markup. Values may stand in elements and in quoted attributes; none of the elements may be `script`, and
 * none of the attributes a handler or an address that a value is the beginning of.
 * @throws Error for a value at a place where escaping does not help: a fault of the template, whatever the value.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Safe {
  const parts = strings.map((string, index) => {
    const value = values[index];
    if (value === undefined) return string;
    if (OUTSIDE_TEXT.test(string)) throw new Error(`a value cannot stand after ${JSON.stringify(string)}`);
    return string + markup(value);
  });
  return { [SAFE]: parts.join('') };
}

/** The markup as a string. */
export function htmlText({ [SAFE]: text }: Safe): string {
  return text;
}

function markup(value: Value): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return escaped(value);
  return SAFE in value ? value[SAFE] : value.map(markup).join('');
}

// Made visible here as well, though renderers cut first: what is visible already stays as it is.
function escaped(text: string): string {
  return visible(text, Number.MAX_SAFE_INTEGER).replaceAll(SPECIAL, (character) => ENTITIES[character] ?? '');
}
