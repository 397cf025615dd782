// Rungs that add nothing to the others of their ladder.
import type { Response } from '../api/policy.ts';
import type { LintedPolicy, Remark } from './finding.ts';
import { isCoveredBy } from './rungs.ts';

/** Rule: every rung adds an action for some detection. */
export function shadowedRungs({ rungs }: LintedPolicy): Remark[] {
  return rungs.flatMap((rung, index) => {
    const others = rungs.filter((other, at) => at !== index && shadows(other, at, rung, index));
    const missing = rung.actions.filter((action) => !others.some(({ actions }) => actions.includes(action)));
    if (missing.length > 0) return [];
    // One that does it all says it best.
    const alone = others.filter(({ actions }) => rung.actions.every((action) => actions.includes(action)));
    const useful =
      alone.length > 0
        ? alone.slice(0, 1)
        : others.filter(({ actions }) => actions.some((action) => rung.actions.includes(action)));
    return [{ code: 'Shadowed', path: `spec.responses[${index}]`, message: told(rung, useful) }];
  });
}

// Of two that are met by the same detections only the later one is called superfluous.
function shadows(other: Response, at: number, rung: Response, index: number): boolean {
  return isCoveredBy(rung, other) && (at < index || !isCoveredBy(other, rung));
}

function told({ name, actions }: Response, others: readonly Response[]): string {
  const names = others.map((other) => `"${other.name}"`).join(' and ');
  return `rung "${name}" adds nothing: every detection that meets it also meets ${names}, which ${others.length > 1 ? 'do' : 'does'} ${actions.join(', ')}`;
}
