// What `die-operator verify-images` found, and the exit code that follows from it.
import type { TemplateFinding } from '../../decide/template-finding.ts';
import { VERIFICATION_VERDICTS, type VerificationVerdict } from '../../api/verification.ts';
import type { VerificationReason } from '../../decide/verify-images.ts';

/** What is looked at: a running pod, or a pod or pod template in a file. */
export interface Place {
  namespace: string;
  /** `Pod/web-1`; of a file what stands there, as `Deployment/web`. */
  object: string;
  /** What made the pod, as `ReplicaSet/web-7d9f`; null: nothing, or it stands in a file. */
  workload: string | null;
  /** `deploy/web.yaml:12`; null: it runs in a cluster. */
  source: string | null;
}

/** The image of one container. */
export interface ImageRow extends Place {
  container: string;
  kind: 'Container' | 'Init' | 'Ephemeral';
  /** As the pod asks for it. */
  image: string;
  verdict: VerificationVerdict;
  /** NotInRegistry, only of files: its registry has no such digest. */
  reason: VerificationReason | 'NotInRegistry';
  /** Digests; null: not known, of several, or of an image in a file that names none. */
  approved: string | null;
  runs: string | null;
  /** No registry was asked, so an index may be taken for another image than its manifest. */
  unsure: boolean;
  /** A clause for people. */
  message: string;
}

/** One way in which a running pod differs from its template. */
export interface ConfigurationRow extends Place, Omit<TemplateFinding, 'container'> {
  /** What holds the template: `ReplicaSet web-7d9f`. */
  template: string;
  /** Null: it is the pod's. */
  container: string | null;
}

/** What could not be read, or does not count. */
export interface ReportProblem {
  /**
   * File: it could not be read. Registry: it was to be asked and did not tell. Both leave open what else there is. The
   * others took lists, labels or templates away that the verdicts would have looked at.
   */
  kind: 'File' | 'Registry' | 'List' | 'Policy' | 'Namespace' | 'Template' | 'Image';
  message: string;
}

/** See the file's first line. */
export interface Report {
  /** Pods, or pods and templates in files, that were looked at. */
  pods: number;
  images: ImageRow[];
  configuration: ConfigurationRow[];
  problems: ReportProblem[];
  /** Containers that have no image yet: they were not created. */
  notStarted: number;
  /** Pods without a template that is known: bare ones, of other controllers, or whose template is gone. */
  withoutTemplate: number;
  /** Pods that were not looked at: those on their way out, and those in quarantine. */
  leftOut: { ending: number; quarantined: number };
}

const DECISIVE: ReadonlySet<ReportProblem['kind']> = new Set(['File', 'Registry']);

/** A report of nothing. */
export function emptyReport(): Report {
  return {
    pods: 0,
    images: [],
    configuration: [],
    problems: [],
    notStarted: 0,
    withoutTemplate: 0,
    leftOut: { ending: 0, quarantined: 0 },
  };
}

/** How many images have which verdict. */
export function verdictCounts({ images }: Pick<Report, 'images'>): Record<VerificationVerdict, number> {
  const counts = new Map(VERIFICATION_VERDICTS.map((verdict) => [verdict, 0]));
  for (const { verdict } of images) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  return Object.fromEntries(counts) as Record<VerificationVerdict, number>;
}

/** How many pods differ from their template. */
export function driftedPods({ configuration }: Pick<Report, 'configuration'>): number {
  return new Set(configuration.map(({ namespace, object }) => `${namespace}/${object}`)).size;
}

/** @param strict what merely cannot be proven fails, too, and so does what could not be read. */
export function exitCode(report: Report, strict: boolean): 0 | 1 | 2 {
  const { Approved: approved, Unapproved: unapproved } = verdictCounts(report);
  if (unapproved > 0 || report.configuration.length > 0) return 1;
  if (report.problems.some(({ kind }) => DECISIVE.has(kind))) return 2;
  if (!strict) return 0;
  if (report.images.length > approved) return 1;
  return report.problems.length > 0 ? 2 : 0;
}
