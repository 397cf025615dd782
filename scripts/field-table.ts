// The table of a kind's fields for its page in docs/spec, made from the same schema as the CRD.
import type { StructuralSchema } from '../src/api/structural.ts';

interface Row {
  path: string;
  schema: StructuralSchema;
  required: boolean;
}

/** A Markdown table of the fields below `spec` and `status`, one row a field. */
export function fieldTable(root: StructuralSchema): string {
  const { spec, status } = root.properties ?? {};
  const rows = [
    ...(spec ? [{ path: 'spec', schema: spec, required: true }, ...rowsOf(spec, 'spec')] : []),
    ...(status ? [{ path: 'status', schema: status, required: false }, ...rowsOf(status, 'status')] : []),
  ];
  return ['| Field | Type | Default | What it is |', '| --- | --- | --- | --- |', ...rows.map(line)].join(
    '\n',
  );
}

function rowsOf(schema: StructuralSchema, path: string): Row[] {
  if (schema.items) return rowsOf(schema.items, `${path}[]`);
  if (schema.additionalProperties) return rowsOf(schema.additionalProperties, `${path}.*`);
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const row = {
      path: `${path}.${name}`,
      schema: child,
      required: schema.required?.includes(name) ?? false,
    };
    return [row, ...rowsOf(child, row.path)];
  });
}

function line({ path, schema, required }: Row): string {
  const cells = [`\`${path}\``, typeOf(schema), defaultOf(schema, required), descriptionOf(schema)];
  return `| ${cells.map(escape).join(' | ')} |`;
}

// Pipes end a cell. A lone `*` would begin emphasis; those in code marks are safe.
function escape(cell: string): string {
  return cell.replaceAll('|', '\\|');
}

function typeOf(schema: StructuralSchema): string {
  if (schema.format === 'date-time') return 'time';
  if (schema.items) return `list of ${typeOf(schema.items)}`;
  if (schema.additionalProperties) return `map of ${typeOf(schema.additionalProperties)}`;
  return schema.type;
}

function defaultOf(schema: StructuralSchema, required: boolean): string {
  if (required) return 'required';
  if (schema.default === undefined) return '';
  // An empty object stands for the defaults of its fields, which have rows of their own.
  return schema.type === 'object' ? 'see below' : `\`${JSON.stringify(schema.default).replaceAll('"', '')}\``;
}

function descriptionOf(schema: StructuralSchema): string {
  return [schema.description ?? '', ...limitsOf(schema)].join(' ').trim();
}

function limitsOf(schema: StructuralSchema): string[] {
  const values = schema.enum ?? schema.items?.enum;
  const length = range(schema.minLength, schema.maxLength);
  const size = range(schema.minItems, schema.maxItems ?? schema.maxProperties);
  const value = range(schema.minimum, schema.maximum);
  return [
    ...(values ? [`One of ${values.map((each) => `\`${each}\``).join(', ')}.`] : []),
    ...(value ? [`${value}.`] : []),
    ...(size ? [`${size} entries.`] : []),
    ...(length && schema.format === undefined && !schema.enum ? [`${length} characters.`] : []),
  ];
}

function range(from: number | undefined, to: number | undefined): string | undefined {
  if (from !== undefined && to !== undefined) return from === to ? `${from}` : `${from} to ${to}`;
  if (to !== undefined) return `At most ${to}`;
  return from === undefined ? undefined : `At least ${from}`;
}
