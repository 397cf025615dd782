// Where the environment of a container differs from its template: variables that load code, and secrets that it is given.
import type { ContainerRules, Place } from './template-added.ts';
import {
  canonical,
  isAbsent,
  objectAt,
  objectsAt,
  shownName,
  shownPair,
  shownPart,
  textAt,
  type Json,
  type TemplateFinding,
} from './template-finding.ts';

/** Variables by which a program that the image has is made to run something else as well. */
const LOADING = [
  'BASH_ENV',
  'DOTNET_STARTUP_HOOKS',
  'ENV',
  'JAVA_TOOL_OPTIONS',
  'JDK_JAVA_OPTIONS',
  'LD_AUDIT',
  'LD_LIBRARY_PATH',
  'LD_PRELOAD',
  'NODE_OPTIONS',
  'PATH',
  'PERL5OPT',
  'PYTHONPATH',
  'PYTHONSTARTUP',
  'RUBYOPT',
  '_JAVA_OPTIONS',
] as const;

/** What `envFrom` takes all variables from. */
const SOURCES = [
  { key: 'secretRef', kind: 'Secret', danger: true },
  { key: 'configMapRef', kind: 'ConfigMap', danger: false },
] as const;

/**
 * Other variables are the business of whoever wrote them, and admission adds many. What only one of several keys of a Secret
 * is taken for is known by that key.
 */
export function environmentFindings(
  approved: Json,
  runs: Json,
  place: Place,
  { isAllowedVariable }: Pick<ContainerRules, 'isAllowedVariable'>,
): TemplateFinding[] {
  return [
    ...loadingFindings(approved, runs, place, isAllowedVariable),
    ...secretFindings(approved, runs, place, isAllowedVariable),
    ...sourceFindings(approved, runs, place, isAllowedVariable),
  ];
}

type IsAllowed = ContainerRules['isAllowedVariable'];

function loadingFindings(approved: Json, runs: Json, place: Place, isAllowed: IsAllowed): TemplateFinding[] {
  const [before, now] = [variables(approved), variables(runs)];
  return LOADING.filter((name) => !isAllowed(name)).flatMap((name) => {
    const [a, b] = [words(before.get(name)), words(now.get(name))];
    return a === b ? [] : [commandFinding(`env[${name}]`, shownPair(a, b), place)];
  });
}

function secretFindings(approved: Json, runs: Json, place: Place, isAllowed: IsAllowed): TemplateFinding[] {
  const known = new Set(secretVariables(approved).map(({ source, key }) => `${source}/${key}`));
  const whole = new Set(sourcesOf(approved).map(({ source }) => source));
  return secretVariables(runs).flatMap(({ variable, source, key }) => {
    const taken = `${source}/${key}`;
    if (whole.has(source) || known.has(taken) || isAllowed(variable)) return [];
    return [environmentFinding(`env[${shownName(variable)}]`, shownPart(taken), true, place)];
  });
}

function sourceFindings(approved: Json, runs: Json, place: Place, isAllowed: IsAllowed): TemplateFinding[] {
  const known = new Set(sourcesOf(approved).map(({ source }) => source));
  return sourcesOf(runs).flatMap(({ source, name, danger }) =>
    known.has(source) || isAllowed(name)
      ? []
      : [environmentFinding(`envFrom[${shownName(source)}]`, shownName(source), danger, place)],
  );
}

/** The container runs something else. */
export function commandFinding(
  field: string,
  texts: Pick<TemplateFinding, 'approved' | 'runs'>,
  { path, who, container }: Place,
): TemplateFinding {
  const message = `${who} has another ${field} than its template`;
  return { kind: 'Command', container, field: `${path}.${field}`, ...texts, danger: false, message };
}

function environmentFinding(
  field: string,
  source: string,
  danger: boolean,
  { path, who, container }: Place,
): TemplateFinding {
  const message = `${who} is given ${source} in its environment, which its template does not give it`;
  return {
    kind: 'Environment',
    container,
    field: `${path}.${field}`,
    ...shownPair('', source),
    danger,
    message,
  };
}

// The last of a name counts.
function variables({ env }: Json): Map<string, unknown> {
  return new Map(objectsAt(env).map(({ name, value, valueFrom }) => [textAt(name), value ?? valueFrom]));
}

/** The Secrets that a container is given in its environment, in whole or in part, as `Secret db`. */
export function environmentSecrets(container: Json): string[] {
  return [
    ...secretVariables(container),
    ...sourcesOf(container).filter(({ source }) => source.startsWith('Secret ')),
  ].map(({ source }) => source);
}

// Each of one name: others may be made of what is set first, as `$(PASSWORD)`.
function secretVariables({ env }: Json): { variable: string; source: string; key: string }[] {
  return objectsAt(env).flatMap(({ name, valueFrom }) => {
    const { secretKeyRef } = objectAt(valueFrom);
    if (isAbsent(secretKeyRef)) return [];
    const { name: secret, key } = objectAt(secretKeyRef);
    return [{ variable: textAt(name), source: `Secret ${textAt(secret)}`, key: textAt(key) }];
  });
}

function sourcesOf({ envFrom }: Json): { source: string; name: string; danger: boolean }[] {
  return objectsAt(envFrom).flatMap((one) =>
    SOURCES.filter(({ key }) => !isAbsent(one[key])).map(({ key, kind, danger }) => {
      const name = textAt(objectAt(one[key])['name']);
      return { source: `${kind} ${name}`, name, danger };
    }),
  );
}

/** What is run or loaded, as a text that is the same for the same. */
export function words(value: unknown): string {
  return isAbsent(value) ? '' : canonical(value, (key, inner) => key === 'apiVersion' && inner === 'v1');
}
