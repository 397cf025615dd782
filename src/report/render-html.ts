// A report as one page of HTML: no script, nothing from elsewhere, and a policy that forbids both.
import { createHash } from 'node:crypto';
import { html, htmlText, type Safe } from './html.ts';
import type { Block, Column, Inline, ReportModel, Section, Text, Tone, TreeNode } from './model.ts';
import { picture } from './picture.ts';
import { STYLE } from './style.ts';
import { visible } from './visible.ts';

// No white space around the text: the policy of the page names its hash.
// prettier-ignore
const SHEET = html`<style>${STYLE}</style>`;

/** The whole page, with a line break at its end. */
export function renderHtml({ title, summary, sections, colophon }: ReportModel): string {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${contentSecurityPolicy()}" />
        <meta name="referrer" content="no-referrer" />
        <meta name="robots" content="noindex" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${visible(title)}</title>
        ${SHEET}
      </head>
      <body>
        <header>
          <h1>${visible(title)}</h1>
          <p class="summary">${visible(summary, MAX_TEXT)}</p>
        </header>
        <nav aria-label="Sections">
          ${sections.map(({ id, title: name }) => html`<a href="#${id}">${name}</a>`)}
        </nav>
        <main>${sections.map(section)}</main>
        <footer><p>${colophon}</p></footer>
      </body>
    </html> `;
  return htmlText(page);
}

/** Forbids everything but the one style sheet of the page. */
export function contentSecurityPolicy(): string {
  const hash = createHash('sha256').update(STYLE).digest('base64');
  return `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
}

/** Messages of conditions have at most 1,024 characters. */
const MAX_TEXT = 2048;

function section({ id, title, blocks }: Section): Safe {
  return html`<section id="${id}">
    <h2>${title}</h2>
    ${blocks.map(block)}
  </section> `;
}

const NOT = { Evidence: 'Not captured', Incident: 'Not recorded' } as const;

function block(each: Block): Safe {
  switch (each.kind) {
    case 'Paragraph':
      return html`<p>${text(each.text)}</p> `;
    case 'Notice':
      return html`<p class="notice ${each.tone.toLowerCase()}">${text(each.text)}</p> `;
    case 'Missing':
      return html`<div class="missing">
        <strong>${NOT[each.in]}: ${each.what}.</strong>
        <ul>
          ${each.why.map((why) => html`<li>${text(why)}</li>`)}
        </ul>
      </div> `;
    case 'Facts':
      return html`<dl>
        ${each.rows.map(
          ([name, value]) =>
            html`<dt>${name}</dt>
              <dd>${text(value)}</dd> `,
        )}
      </dl> `;
    case 'Table':
      return each.rows.length === 0 ? html`` : table(each);
    case 'Tree':
      return html`<ul class="tree">
        ${each.roots.map(node)}
      </ul> `;
    case 'Networks':
      return html`${each.pictures.map(
        (one) =>
          html`<figure>
            <figcaption>${one.title}</figcaption>
            ${picture(one)}
          </figure> `,
      )}`;
  }
}

function table({ title, columns, rows }: Extract<Block, { kind: 'Table' }>): Safe {
  return html`<table>
    ${
      title === undefined
        ? []
        : html`<caption>
            ${title}
          </caption>`
    }
    <thead>
      <tr>
        ${columns.map((column) => html`<th scope="col" class="${classOf(column)}">${column.name}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (row) =>
          html`<tr>
            ${row.map(
              (cell, index) =>
                html`<td class="${classOf(columns[index])}" data-label="${columns[index]?.name ?? ''}">
                  ${text(cell)}
                </td>`,
            )}
          </tr> `,
      )}
    </tbody>
  </table> `;
}

function classOf(column: Column | undefined): string {
  return column?.as?.toLowerCase() ?? 'text';
}

// As deep as the forest of processes, which has a limit.
function node({ text: line, marked, children }: TreeNode): Safe {
  return html`<li>
    <div class="line${marked ? ' marked' : ''}">${text(line)}</div>
    ${
      children.length === 0
        ? []
        : html`<ul>
            ${children.map(node)}
          </ul>`
    }
  </li> `;
}

function text(pieces: Text): Safe {
  const all: readonly Inline[] = isList(pieces) ? pieces : [pieces];
  return html`${all.map((piece, index) => (index === 0 ? inline(piece) : html` ${inline(piece)}`))}`;
}

function isList(pieces: Text): pieces is readonly Inline[] {
  return Array.isArray(pieces);
}

const SIGNS: Readonly<Record<Tone, string>> = { Bad: '! ', Good: '✓ ', Unknown: '? ', Plain: '' };

function inline(piece: Inline): Safe {
  if (typeof piece === 'string') return html`${visible(piece, MAX_TEXT)}`;
  if ('code' in piece)
    return html`<code>${piece.code === '' ? '(empty)' : visible(piece.code, piece.max)}</code>`;
  if ('strong' in piece) return html`<strong>${visible(piece.strong)}</strong>`;
  return html`<span class="tag ${piece.tone.toLowerCase()}">${SIGNS[piece.tone]}${piece.tag}</span>`;
}
