// The table of what a condition sees for docs/policies.md, made from the fields that conditions are checked against.
import { CONDITION_FIELDS, type ConditionField } from '../src/decide/cel/input.ts';

const TYPES: Readonly<Record<ConditionField['type'], string>> = {
  string: 'string',
  int: 'int',
  bool: 'bool',
  timestamp: 'timestamp',
  'list<string>': 'list of string',
  'map<string>': 'map of string',
};

/** A Markdown table of every field below the names of a condition, one row a field. */
export function conditionTable(): string {
  const rows = Object.entries(CONDITION_FIELDS).flatMap(([root, fields]) =>
    Object.entries<ConditionField>(fields).map(([name, field]) => row(`${root}.${name}`, field)),
  );
  return ['| Field | Type | What it is | Limit |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function row(path: string, field: ConditionField): string {
  return `| \`${path}\` | ${TYPES[field.type]} | ${field.description} | ${limitOf(field)} |`;
}

function limitOf({ size, length }: ConditionField): string {
  const characters = `${length.toLocaleString('en')} characters`;
  if (size > 0) return `${size} entries of ${characters}`;
  return length > 0 ? characters : '';
}
