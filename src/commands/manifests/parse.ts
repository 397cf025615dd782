// From the text of one file to its objects, each with the line on which it begins.
import {
  Composer,
  isMap,
  isNode,
  isSeq,
  LineCounter,
  Parser,
  type Document,
  type Tags,
  type YAMLError,
} from 'yaml';
import { isObject } from '../../api/defaulting.ts';
import type { Manifests } from './manifest.ts';
import type { FoundFile } from './paths.ts';

type Doc = Document.Parsed;

/** The file that is read. */
interface Source extends FoundFile {
  lineOf: (offset: number) => number;
}

/** A value that should be an object. */
interface Candidate {
  line: number;
  value: unknown;
}

// Aliases may repeat a node so often in all: a few lines of aliases to aliases could fill the memory.
const MAX_ALIASES = 100;
// One mistake often makes many errors, of which the first tells most.
const MAX_ERRORS = 3;
// kubectl reads YAML 1.1, but a time is text to it, and so is 1:30.
const FOREIGN_TAG = /:(?:timestamp|binary|omap|pairs|set)$/;

/** Reads the objects of a file, at most so many. JSON is read as the YAML that it is, for its lines and duplicate keys. */
export function readManifest(found: FoundFile, text: string, maxObjects: number): Manifests {
  const lines = new LineCounter();
  const source: Source = { ...found, lineOf: (offset) => lines.linePos(offset).line };
  const { file } = found;
  const all: Manifests = { manifests: [], problems: [] };
  const composer = new Composer({ version: '1.1', prettyErrors: false, customTags: kubectlTags });
  try {
    // Composed one by one: a file can hold millions of empty documents.
    for (const doc of composer.compose(new Parser(lines.addNewLine).parse(text))) {
      const { manifests, problems } = readDocument(source, doc);
      all.problems.push(...problems);
      const room = maxObjects - all.manifests.length;
      all.manifests.push(...manifests.slice(0, room));
      if (manifests.length > room) {
        const line = manifests[room]?.line ?? 1;
        all.problems.push({
          file,
          line,
          message: 'is one object too many to be read at a time: name fewer files',
        });
        break;
      }
    }
  } catch (error) {
    all.problems.push({ file, message: thrownMessage(error) });
  }
  return all;
}

function kubectlTags(tags: Tags): Tags {
  return tags.filter(
    (tag) =>
      typeof tag !== 'string' && !FOREIGN_TAG.test(tag.tag) && !('format' in tag && tag.format === 'TIME'),
  );
}

function readDocument(source: Source, doc: Doc): Manifests {
  const { file, lineOf } = source;
  const faults: YAMLError[] = [...doc.errors, ...doc.warnings];
  if (faults.length > 0) {
    const problems = faults
      .slice(0, MAX_ERRORS)
      .map((fault) => ({ file, line: lineOf(fault.pos[0]), message: faultMessage(fault) }));
    return { manifests: [], problems };
  }
  const line = lineOf(doc.contents?.range[0] ?? 0);
  try {
    const value: unknown = doc.toJS({ maxAliasCount: MAX_ALIASES });
    return checked(source, unpacked(source, doc, { line, value }));
  } catch (error) {
    return { manifests: [], problems: [{ file, line, message: thrownMessage(error) }] };
  }
}

function faultMessage({ code, message }: YAMLError): string {
  return code === 'DUPLICATE_KEY'
    ? 'has the same key twice in one map: remove one, as nothing says which of them counts'
    : `is neither YAML nor JSON: ${message}`;
}

function thrownMessage(error: unknown): string {
  if (error instanceof RangeError) return 'is nested too deeply';
  const message = error instanceof Error ? error.message : String(error);
  if (message.startsWith('Excessive alias'))
    return 'uses aliases to repeat a part too often: write the parts out';
  return `cannot be read: ${message}`;
}

function unpacked({ lineOf }: Source, doc: Doc, { line, value }: Candidate): Candidate[] {
  // `---` with nothing behind it.
  if (value === null) return [];
  if (!isObject(value) || !isList(value)) return [{ line, value }];
  const nodes = isMap(doc.contents) ? doc.contents.get('items', true) : undefined;
  return value.items.map((item, index) => {
    const node = isSeq(nodes) ? nodes.items[index] : undefined;
    return {
      line: isNode(node) && node.range ? lineOf(node.range[0]) : line,
      value: isObject(item) ? { ...kindOfItems(value), ...item } : item,
    };
  });
}

// As kubectl writes it (`List`), and as the API server does (`DriftPolicyList`).
function isList(
  value: Record<string, unknown>,
): value is { apiVersion: unknown; kind: string; items: unknown[] } {
  return typeof value['kind'] === 'string' && value['kind'].endsWith('List') && Array.isArray(value['items']);
}

// The API server leaves both out of the items of a list of one kind.
function kindOfItems({ apiVersion, kind }: { apiVersion: unknown; kind: string }): Record<string, unknown> {
  return kind === 'List' ? {} : { apiVersion, kind: kind.slice(0, -'List'.length) };
}

function checked({ file, named }: Source, candidates: readonly Candidate[]): Manifests {
  const all: Manifests = { manifests: [], problems: [] };
  for (const { line, value } of candidates) {
    const missing = missingFrom(value);
    if (missing.length === 0) all.manifests.push({ file, line, object: value as Record<string, unknown> });
    else if (named || missing.length === 1) {
      all.problems.push({
        file,
        line,
        message: `is no Kubernetes object: it has no ${missing.join(' and no ')}`,
      });
    }
  }
  return all;
}

function missingFrom(value: unknown): string[] {
  return ['apiVersion', 'kind'].filter((field) => !isObject(value) || typeof value[field] !== 'string');
}
