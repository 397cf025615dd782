// What is wrong with a field, in the words and reasons of the API server (apimachinery `field.Error`).

/** Reasons of `Status.details.causes`, as far as a schema can give them. */
export type ProblemReason =
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid';

/** One wrong field. */
export interface Problem {
  /** As Kubernetes writes it: `spec.responses[0].actions`; empty for the object itself. */
  field: string;
  reason: ProblemReason;
  /** For people, without the field: what is wrong, the value if it is short, what would be right. */
  message: string;
}

const WORDS: Readonly<Record<ProblemReason, string>> = {
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  FieldValueTypeInvalid: 'Invalid value',
};

/** Longer values are cut in messages. */
const MAX_SHOWN = 100;

/** Puts a problem into words. Without `value` the message does not show it, as for values that are long or absent. */
export function problem(field: string, reason: ProblemReason, detail: string, value?: unknown): Problem {
  const parts = [
    WORDS[reason],
    ...(value === undefined ? [] : [shown(value)]),
    ...(detail === '' ? [] : [detail]),
  ];
  return { field, reason, message: parts.join(': ') };
}

/** A problem on one line, as `kubectl` prints it. */
export function describeProblem({ field, message }: Problem): string {
  return field === '' ? message : `${field}: ${message}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}...`;
}
