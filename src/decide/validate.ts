// Whether this version can do what the spec of a policy says; or everything that is wrong with it.
import { parseAny } from '../api/parse.ts';
import type { LabelSelector } from '../api/meta.ts';
import { CAPTURE_NAMESPACE, SYSTEM_NAMESPACE } from '../api/names.ts';
import {
  ClusterDriftPolicySpecSchema,
  DriftPolicySpecSchema,
  EVICT_OR_RESTART,
  type Action,
  type ClusterDriftPolicySpec,
  type Comparison,
  type DriftPolicySpec,
  type PolicyKind,
} from '../api/policy.ts';
import { MAX_POLICY_COST } from './cel/budget.ts';
import { compileCondition } from './cel/condition.ts';
import { parseDuration } from './duration.ts';
import { qualifiedName } from './images.ts';
import type { Problem } from './problem.ts';
import { parseQuantity } from './quantity.ts';
import { selectorProblems } from './selector.ts';

const OWN_NAMESPACES: ReadonlySet<string> = new Set([SYSTEM_NAMESPACE, CAPTURE_NAMESPACE]);

type AnySpec = DriftPolicySpec | ClusterDriftPolicySpec;

const SCHEMAS = { DriftPolicy: DriftPolicySpecSchema, ClusterDriftPolicy: ClusterDriftPolicySpecSchema };

/** A spec with its defaults, or at least one problem. */
export type Validation = { valid: true; spec: AnySpec } | { valid: false; problems: Problem[] };

/**
 * Validates the spec of a policy again. Again, because the API server may hold objects from before or after this
 * version's schema, and because unique names, patterns, conditions and ranges of durations are not in the schema.
 */
export function validateSpec(input: unknown, kind: PolicyKind = 'DriftPolicy'): Validation {
  const parsed = parseAny<AnySpec>(SCHEMAS[kind], input);
  if (!parsed.success) {
    const problems = parsed.issues.map(({ path, message }) => ({
      path: path.reduce(fieldPath, 'spec'),
      message,
    }));
    return { valid: false, problems };
  }
  const problems = [...unknownFields(input, parsed.data, 'spec'), ...specProblems(parsed.data, kind)];
  return problems.length > 0 ? { valid: false, problems } : { valid: true, spec: parsed.data };
}

// What the schema dropped. A field of a later version may be one that holds back: ignoring it would do more than its
// author allowed.
function unknownFields(input: unknown, known: unknown, path: string): Problem[] {
  if (!isObject(input) || !isObject(known)) return [];
  return Object.entries(input).flatMap(([key, value]) => {
    const at = fieldPath(path, Array.isArray(input) ? Number(key) : key);
    return Object.hasOwn(known, key)
      ? unknownFields(value, known[key], at)
      : [
          {
            path: at,
            message:
              'this version of die-operator does not know the field: remove it, or upgrade die-operator',
          },
        ];
  });
}

function specProblems(spec: AnySpec, kind: PolicyKind): Problem[] {
  const { isolation, evidence, limits } = spec;
  const { waitForBudget, replacement } = spec.eviction;
  const { responses = [], exceptions = [] } = spec;
  return [
    ...('namespaceSelector' in spec ? selectorAt('spec.namespaceSelector', spec.namespaceSelector) : []),
    ...selectorAt('spec.match.podSelector', spec.match.podSelector),
    ...globProblems('spec.match.images', spec.match.images),
    ...(kind === 'ClusterDriftPolicy' ? [...grantProblems(spec), ...unprotectProblems(spec)] : []),
    ...responses.flatMap(({ rules, tags, condition, actions }, index) => {
      const at = `spec.responses[${index}]`;
      return [
        ...actionsProblems(`${at}.actions`, actions),
        ...globProblems(`${at}.rules`, rules),
        ...globProblems(`${at}.tags`, tags),
        ...conditionProblems(`${at}.condition`, condition),
      ];
    }),
    ...exceptions.flatMap(({ image, condition }, index) => {
      const at = `spec.exceptions[${index}]`;
      const [problem] = globProblems('', [image]);
      return [
        ...(problem ? [{ ...problem, path: `${at}.image` }] : []),
        ...conditionProblems(`${at}.condition`, condition),
      ];
    }),
    ...costProblems([...responses, ...exceptions]),
    ...duplicateNames('spec.responses', 'rung', responses),
    ...duplicateNames('spec.exceptions', 'exception', exceptions),
    ...comparisonProblems(spec.comparison),
    ...approvedProblems(spec.approvedImages),
    ...verificationProblems(spec.verification),
    ...durationProblems('spec.isolation.ttl', isolation.ttl, ['1m', '8760h']),
    ...durationProblems('spec.evidence.deadline', evidence.deadline, ['10s', '9m']),
    ...rangeProblems('spec.evidence.maxBytes', evidence.maxBytes, ['1Mi', '64Gi'], {
      parse: parseQuantity,
      what: 'a size',
    }),
    ...durationProblems('spec.eviction.waitForBudget', waitForBudget, ['0s', '24h']),
    ...durationProblems('spec.eviction.replacement.readyWithin', replacement.readyWithin, ['1s', '24h']),
    ...durationProblems('spec.eviction.replacement.quietFor', replacement.quietFor, ['0s', '24h']),
    ...durationProblems('spec.approval.within', spec.approval.within, ['1m', '168h']),
    ...durationProblems('spec.limits.cooldown', limits.cooldown, ['0s', '24h']),
    ...durationProblems('spec.limits.perNamespace.window', limits.perNamespace.window, ['1m', '24h']),
    ...durationProblems('spec.limits.perWorkload.recurrenceWindow', limits.perWorkload.recurrenceWindow, [
      '1m',
      '168h',
    ]),
  ];
}

function actionsProblems(path: string, actions: readonly Action[]): Problem[] {
  const both = actions.includes('Evict') && actions.includes('Restart');
  return both ? [{ path, message: EVICT_OR_RESTART }] : [];
}

function grantProblems({ responses, grants }: Partial<ClusterDriftPolicySpec>): Problem[] {
  const path = 'spec.grants.breakGlass.maxDuration';
  return [
    ...(responses === undefined && grants === undefined
      ? [{ path: 'spec', message: 'says nothing: write responses, or grants' }]
      : []),
    ...(grants?.breakGlass ? durationProblems(path, grants.breakGlass.maxDuration, ['1m', '168h']) : []),
  ];
}

function unprotectProblems({ unprotect = [] }: Partial<ClusterDriftPolicySpec>): Problem[] {
  const path = 'spec.unprotect';
  return [
    ...duplicateNames(path, 'exception', unprotect),
    ...unprotect.flatMap(({ namespace, podSelector, images }, index) => {
      const at = `${path}[${index}]`;
      const message = `${namespace} is die-operator’s own, and no exception can have its pods touched: remove it`;
      return [
        ...(OWN_NAMESPACES.has(namespace) ? [{ path: `${at}.namespace`, message }] : []),
        ...selectorAt(`${at}.podSelector`, podSelector),
        ...globProblems(`${at}.images`, images),
      ];
    }),
  ];
}

function comparisonProblems(comparison: Comparison | undefined): Problem[] {
  if (!comparison) return [];
  return [
    ...durationProblems('spec.comparison.interval', comparison.interval, ['10m', '8760h']),
    ...(comparison.expectedWrites ?? []).flatMap((pattern, index) =>
      /^[/*]/.test(pattern)
        ? []
        : [
            {
              path: `spec.comparison.expectedWrites[${index}]`,
              message: `${JSON.stringify(pattern)} can never match: paths begin with /`,
            },
          ],
    ),
  ];
}

// Runtimes and pods leave out what is usual; here a name stands for one repository only.
function approvedProblems(images: readonly string[] = []): Problem[] {
  return images.flatMap((image, index) =>
    qualifiedName(image) === image
      ? []
      : [
          {
            path: `spec.approvedImages[${index}]`,
            message: `${JSON.stringify(image)} is short for another name: write ${qualifiedName(image)}`,
          },
        ],
  );
}

function verificationProblems(verification: AnySpec['verification']): Problem[] {
  if (!verification) return [];
  return [
    ...durationProblems('spec.verification.interval', verification.interval, ['1m', '24h']),
    ...globProblems('spec.verification.allowedContainers', verification.allowedContainers),
    ...globProblems('spec.verification.allowedVolumes', verification.allowedVolumes),
    ...globProblems('spec.verification.allowedVariables', verification.allowedVariables),
  ];
}

function selectorAt(at: string, selector: LabelSelector = {}): Problem[] {
  return selectorProblems(selector).map(({ path, message }) => ({ path: `${at}.${path}`, message }));
}

function conditionProblems(path: string, condition: string | undefined): Problem[] {
  if (condition === undefined) return [];
  const compiled = compileCondition(condition);
  return compiled.ok ? [] : [{ path, message: compiled.message }];
}

// All of a policy may be asked for one alert, and that holds up all others.
function costProblems(conditioned: readonly { condition?: string | undefined }[]): Problem[] {
  const costs = conditioned.map(({ condition }) => {
    const compiled = condition === undefined ? undefined : compileCondition(condition);
    return compiled?.ok ? compiled.condition.cost : 0;
  });
  const sum = costs.reduce((all, cost) => all + cost, 0);
  if (sum <= MAX_POLICY_COST) return [];
  const times = (sum / MAX_POLICY_COST).toFixed(1);
  const message = `the conditions of the policy can take too long together, ${times} times what one policy may: use fewer of them, shorter patterns, or startsWith, endsWith and contains instead of matches`;
  return [{ path: 'spec', message }];
}

function duplicateNames(path: string, what: string, entries: readonly { name: string }[]): Problem[] {
  const names = entries.map(({ name }) => name);
  return names.flatMap((name, index) => {
    const first = names.indexOf(name);
    if (first === index) return [];
    return [
      {
        path: `${path}[${index}].name`,
        message: `"${name}" is already the name of ${path}[${first}]: give each ${what} its own name`,
      },
    ];
  });
}

// Neither an image nor the name of a rule (detections are cleaned) has these: such a pattern would silently never match.
function globProblems(path: string, patterns: readonly string[] = []): Problem[] {
  return patterns.flatMap((pattern, index) =>
    pattern.trim() === pattern && !/\p{Cc}/u.test(pattern)
      ? []
      : [
          {
            path: `${path}[${index}]`,
            message: `${JSON.stringify(pattern)} can never match: remove white space at its ends and control characters`,
          },
        ],
  );
}

type Range = readonly [min: string, max: string];

function durationProblems(path: string, text: string, range: Range): Problem[] {
  return rangeProblems(path, text, range, { parse: parseDuration, what: 'a duration' });
}

function rangeProblems(
  path: string,
  text: string,
  [min, max]: Range,
  { parse, what }: { parse: (text: string) => number; what: string },
): Problem[] {
  try {
    const value = parse(text);
    if (value >= parse(min) && value <= parse(max)) return [];
    return [{ path, message: `"${text}" is out of range: write ${what} from ${min} to ${max}` }];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return [{ path, message: error.message }];
  }
}

function fieldPath(path: string, part: PropertyKey): string {
  return typeof part === 'number' ? `${path}[${part}]` : `${path}.${String(part)}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
