// Exceptions to the protection of namespaces that reach far, or nobody.
import type { LabelSelector } from '../api/meta.ts';
import type { Unprotect } from '../api/policy.ts';
import type { LintedPolicy, Remark } from './finding.ts';

/** Rule: an exception says which pods it is about, and counts. */
export function unprotected({ spec }: LintedPolicy, now: number): Remark[] {
  const { unprotect = [], namespaceSelector } = spec as LintedPolicy['spec'] & {
    unprotect?: readonly Unprotect[];
    namespaceSelector?: LabelSelector;
  };
  return unprotect.flatMap((one, index) => {
    const path = `spec.unprotect[${index}]`;
    const about = `exception "${one.name}"`;
    const { podSelector = {}, images, expires, namespace } = one;
    const isWide = images === undefined && Object.values(podSelector).every((part) => isEmpty(part));
    // Of the namespace only the name is known here.
    const byName = namespaceSelector?.matchLabels?.[NAME_LABEL];
    return [
      ...(isWide
        ? [{ code: 'WideUnprotect' as const, path, message: `${about} is about every pod of ${namespace}` }]
        : []),
      ...(spec.mode === 'Audit' ? [idle(path, `${about} counts only in a policy in Enforce`)] : []),
      ...(byName !== undefined && byName !== namespace
        ? [idle(`${path}.namespace`, `${about} is about ${namespace}, which the policy does not select`)]
        : []),
      ...(expires !== undefined && Date.parse(expires) <= now
        ? [
            {
              code: 'ExpiredException' as const,
              path: `${path}.expires`,
              message: `${about} ended at ${expires}`,
            },
          ]
        : []),
    ];
  });
}

const NAME_LABEL = 'kubernetes.io/metadata.name';

function isEmpty(part: object | undefined): boolean {
  return part === undefined || Object.keys(part).length === 0;
}

function idle(path: string, message: string): Remark {
  return { code: 'NoEffect', path, message };
}
