// The lists of approved images that policies name, each read once: of the policy itself, and of ConfigMaps.
import { APPROVED_IMAGES_CONFIGMAP } from '../../api/names.ts';
import { compileApproved, uniteApproved, type ApprovedImages } from '../../decide/approved-images.ts';
import { readApproved } from '../../decide/approved-text.ts';
import { listNamespaceOf, type CompiledPolicy } from '../../decide/policies.ts';
import type { ReportProblem } from './report.ts';

/** See the file's first line. */
export class ApprovedSources {
  /** By namespace. */
  readonly #read = new Map<string, ApprovedImages>();
  /** Namespaces of which something could not be read. */
  readonly #faulty = new Set<string>();
  readonly problems: ReportProblem[] = [];

  /** Namespaces whose ConfigMap is to be read. */
  wantedBy(policies: readonly CompiledPolicy[]): Set<string> {
    return new Set(policies.filter((one) => one.approvedFromConfigMap).map(listNamespaceOf));
  }

  /** What the ConfigMap of a namespace holds. */
  note(namespace: string, data: Readonly<Record<string, unknown>>): void {
    const { images, problem } = readApproved(data);
    this.#read.set(namespace, compileApproved(images));
    if (problem !== undefined) this.fault(namespace, problem);
  }

  /** What is wrong with it. */
  fault(namespace: string, what: string): void {
    this.#faulty.add(namespace);
    const message = `ConfigMap ${APPROVED_IMAGES_CONFIGMAP} in namespace ${namespace}: ${what}`;
    this.problems.push({ kind: 'List', message });
  }

  /** Whether part of what a policy approves could not be read. */
  readonly isIncomplete = (policy: CompiledPolicy): boolean =>
    policy.approvedFromConfigMap === true && this.#faulty.has(listNamespaceOf(policy));

  /** What a policy approves; undefined: it says nothing of images. */
  readonly of = (policy: CompiledPolicy): ApprovedImages | undefined =>
    uniteApproved(
      policy.approvedImages,
      policy.approvedFromConfigMap ? this.#read.get(listNamespaceOf(policy)) : undefined,
    );
}
