// No text of an attacker gets out of its place: whatever it is, the page has the same elements as with a harmless one.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { html, htmlText } from '../../../src/report/html.ts';
import { code, fenced, prose, row } from '../../../src/report/markdown.ts';
import { contentSecurityPolicy, renderHtml } from '../../../src/report/render-html.ts';
import { renderMarkdown } from '../../../src/report/render-markdown.ts';
import { reportOf } from '../../../src/report/report.ts';
import { STYLE } from '../../../src/report/style.ts';
import { EDITION, exampleIncident } from './example.ts';
import { exampleEvidence } from './example-evidence.ts';
import { hostileReport, MAX_TEXT } from './hostile.ts';
import { readHtml, type Token } from './html-reading.ts';
import { readMarkdown } from './markdown-reading.ts';

const TRICKS = [
  '<',
  '>',
  '"',
  "'",
  '&',
  '`',
  '``',
  '```',
  '${x}',
  ']]>',
  '-->',
  '<!--',
  '</code>',
  '</style><script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '" onload="alert(1)',
  'javascript:alert(1)',
  '&lt;',
  '&#60;',
  '|',
  '\\|',
  '\\\\|',
  '\\',
  '*',
  '_',
  '[a](http://evil.example)',
  '![a](x)',
  'http://evil.example',
  'www.evil.example',
  '@everyone',
  '#1',
  '\n',
  '\r\n',
  '\n\n# x',
  '\n```\n',
  '\t',
  '\u001b[31m',
  '\u0000',
  '\u0007',
  '\u202e',
  '\u2066',
  '\u200b',
  '\ufeff',
  '\u2028',
  '\u00a0',
  '\ud800',
  '\u0301',
  '\u{e0041}',
  '~~~',
  '---',
  '1. ',
  '- ',
  '> ',
  '  ',
  ' ',
  'a',
  'é',
  '漢',
  'א',
];
const trick = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...TRICKS) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
);
const hostile = fc
  .array(trick, { minLength: 1, maxLength: 12 })
  .map((parts) => parts.join('').slice(0, MAX_TEXT) || 'a');

const ACTIVE = new Set(['script', 'img', 'iframe', 'object', 'embed', 'link', 'base', 'form']);
const skeleton = (tokens: readonly Token[]) =>
  tokens.map((token) => {
    if ('text' in token) return 'text';
    return 'end' in token ? `/${token.end}` : `${token.tag} ${Object.keys(token.attributes).join(' ')}`;
  });
const HARMLESS = skeleton(readHtml(renderHtml(hostileReport('x'))));

describe('HTML', () => {
  test('has the same elements and attributes whatever texts are in it', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(skeleton(readHtml(renderHtml(hostileReport(text))))).toEqual(HARMLESS);
      }),
      { numRuns: 80 },
    );
  });

  test('has no script, no handler, no address but those within the page, and no character that deceives', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const page = renderHtml(hostileReport(text));
        const tags = readHtml(page).filter((token) => 'tag' in token);
        expect(tags.filter(({ tag }) => ACTIVE.has(tag))).toEqual([]);
        const attributes = tags.flatMap((token) => Object.entries(token.attributes));
        expect(attributes.filter(([name]) => /^(?:on|src|style$|action|data$)/.test(name))).toEqual([]);
        expect(attributes.filter(([name, value]) => name === 'href' && !/^#[a-z-]+$/.test(value))).toEqual(
          [],
        );
        expect(page.replaceAll('\n', '')).not.toMatch(/[\p{C}\p{Zl}\p{Zp}\u00a0]/u);
      }),
      { numRuns: 60 },
    );
  });

  test('shows the text itself, with what cannot be seen named', () => {
    const texts = readHtml(renderHtml(hostileReport('<b>&"\u202Eexe'))).flatMap((token) =>
      'text' in token ? [token.text] : [],
    );
    expect(texts).toContain('<b>&"⟨U+202E⟩exe');
  });

  test('allows nothing but its own style sheet, which it names by hash', () => {
    const incident = exampleIncident();
    const tokens = readHtml(renderHtml(reportOf(incident, exampleEvidence(incident), EDITION)));
    const csp = tokens.flatMap((token) =>
      'tag' in token && token.attributes['http-equiv'] === 'Content-Security-Policy'
        ? [token.attributes['content']]
        : [],
    );
    expect(csp).toEqual([contentSecurityPolicy()]);
    const start = tokens.findIndex((token) => 'tag' in token && token.tag === 'style');
    const style = tokens[start + 1];
    const hash = createHash('sha256')
      .update(style && 'text' in style ? style.text : '')
      .digest('base64');
    expect(csp[0]).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`,
    );
  });

  test('has a style sheet that escaping leaves as it is, and that fetches nothing', () => {
    expect(htmlText(html`${STYLE}`)).toBe(STYLE);
    expect(STYLE).not.toMatch(/url\(|@import|@font-face/);
  });
});

describe('a template', () => {
  test('escapes everything that ends a text or an attribute, of either quotes', () => {
    expect(htmlText(html`${'<>&"\'`'}`)).toBe('&lt;&gt;&amp;&quot;&#39;&#96;');
  });

  test('takes markup of a template as it is, everything else as text, and lists of both', () => {
    expect(htmlText(html`<b>${'<i>'}</b>${[html`<i>${1}</i>`, '&']}`)).toBe('<b>&lt;i&gt;</b><i>1</i>&amp;');
  });

  test('takes nothing that only looks like markup', () => {
    const forged = JSON.parse('{"safe":"<b>"}') as string;
    expect(() => htmlText(html`<p>${forged}</p>`)).toThrow(TypeError);
  });

  test.each([
    ['a bare attribute', (value: string) => html`<p class=${value}></p>`],
    ['a tag', (value: string) => html`<${value}></${value}>`],
    ['the end of one', (value: string) => html`</${value}>`],
  ])('refuses a value in the place of %s', (_, make) => {
    expect(() => make('x')).toThrow(/cannot stand after/);
  });
});

describe('Markdown', () => {
  test.for([
    ['the pod is gone, in 5.3 s (twice)', 'the pod is gone, in 5.3 s (twice)'],
    ['of @everyone in #1', 'of `@everyone` in `#1`'],
    ['see http://x and www.x.y', 'see `http://x` and `www.x.y`'],
    ['a ` b', 'a `` ` `` b'],
    ['1. first', '`1.` first'],
    ['- x', '`-` x'],
  ])('leaves words and numbers alone, and nothing else: %j', ([text = '', expected = '']) => {
    expect(prose(text)).toBe(expected);
  });

  test('fences code with more backquotes than stand in it', () => {
    expect(fenced(['a', '````'])).toBe('`````text\na\n````\n`````');
    expect(code('`a``b`')).toBe('``` `a``b` ```');
    expect(row(['`a|b`', '`a\\|b`'])).toBe('| `a\\|b` | `a\\⟨U+007C⟩b` |');
  });

  const harmless = readMarkdown(renderMarkdown(hostileReport('x.y')));

  test('has the same blocks and cells whatever texts are in it, and all that is not a word in code', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        // As code in each place: a text of words alone would join the words around it.
        const found = readMarkdown(renderMarkdown(hostileReport(`.${text}`)));
        expect(found.map(({ shape }) => shape)).toEqual(harmless.map(({ shape }) => shape));
      }),
      { numRuns: 80 },
    );
  });
});
