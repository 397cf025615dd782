// Judges the running pods of a cluster: their images, and their configuration against the templates that they were made from.
import { controllerOf, isQuarantined, type PodFacts } from '../../api/pod.ts';
import { hasEnded } from '../../api/pod-end.ts';
import { templateDrift, type TemplateFinding } from '../../decide/template-drift.ts';
import { withoutTemplate } from '../../decide/template-missing.ts';
import { allowancesOf, listsForVerification } from '../../decide/verification.ts';
import { verifyImages, type VerificationMeans, type VerifiedImage } from '../../decide/verify-images.ts';
import { createTemplateReader, type ReadTemplate } from '../../incidents/pod-template.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import { imagesOf } from '../../roles/verification.ts';
import { counted } from '../../report/visible.ts';
import { eachOf } from './each.ts';
import { openQuestions, type Registries } from './registries.ts';
import { emptyReport, type ImageRow, type Place, type Report, type ReportProblem } from './report.ts';
import { readScene, type Scene, type ScenePod, type SceneRequest } from './scene.ts';

/** What it works with. */
export interface ClusterMeans {
  client: KubeClient;
  clock: Clock;
  registries: Registries;
}

/** A pod whose images are judged, perhaps once more when a registry has told. */
interface Judged {
  pod: PodFacts;
  means: Omit<VerificationMeans, 'same'>;
  images: VerifiedImage[];
}

/** Templates that are read at a time. */
const PARALLEL = 8;

/** @throws Error that says what cannot be read and which right is missing; KubeError. */
export async function verifyCluster(means: ClusterMeans, request: SceneRequest): Promise<Report> {
  const scene = await readScene(means.client, request);
  const report: Report = { ...emptyReport(), problems: [...scene.problems] };
  const asked = scene.all.filter(({ facts }) => scene.isAsked(facts) && !hasEnded(facts));
  const pods = asked.filter(({ facts }) => !isEnding(facts) && !isQuarantined(facts));
  report.pods = pods.length;
  report.leftOut = {
    ending: asked.filter(({ facts }) => isEnding(facts)).length,
    quarantined: asked.filter(({ facts }) => !isEnding(facts) && isQuarantined(facts)).length,
  };
  const judged = await compare(means, scene, pods, report);
  await judgeImages(judged, means.registries);
  const found = judged.flatMap(({ pod, images }) => images.map((image) => ({ pod, image })));
  report.images = found.map(({ pod, image }) => rowOf(pod, answered(image)));
  report.notStarted = pods.reduce((sum, { facts }) => sum + containersOf(facts), 0) - report.images.length;
  const open = found.filter(({ image }) => isAsking(image)).length;
  report.problems.push(...openQuestions(open, means.registries));
  return report;
}

// Pods of one controller one after another: their template is read once.
async function compare(
  { client, clock }: ClusterMeans,
  scene: Scene,
  pods: readonly ScenePod[],
  report: Report,
): Promise<Judged[]> {
  const templateOf = createTemplateReader({ client, clock });
  const siblings = Map.groupBy(
    scene.all.map(({ facts }) => facts),
    (pod) => controllerOf(pod)?.uid,
  );
  const unreadable = new Map<string, number>();
  const judged: Judged[] = [];
  const controllers = Map.groupBy(pods, ({ facts }) => controllerOf(facts)?.uid ?? facts.uid);
  await eachOf(controllers.values(), PARALLEL, async (group) => {
    const baselines: Judged['means']['baselines'] = new Map();
    for (const { facts, object } of group) {
      const read = await templateOf(facts);
      const template = read.kind === 'Template' ? imagesOf(read.template) : undefined;
      const lists = listsForVerification(
        facts,
        scene.policies.of(facts.namespace),
        scene.lists.of,
        scene.lists.isIncomplete,
      );
      const controller = controllerOf(facts)?.uid;
      const known = controller === undefined ? [] : (siblings.get(controller) ?? []);
      judged.push({ pod: facts, means: { template, siblings: known, baselines, lists }, images: [] });
      noteTemplate(read, facts, { report, unreadable });
      const allowed = allowancesOf(facts, scene.policies.of(facts.namespace));
      const isKnown = read.kind === 'Template';
      const found = isKnown
        ? templateDrift(object, read.template, { ...read, ...allowed })
        : withoutTemplate(facts, facts);
      const from = isKnown ? read.from : 'no template';
      for (const finding of found)
        report.configuration.push({ ...placeOf(facts), template: from, ...asRow(finding) });
    }
  });
  for (const [kind, count] of unreadable) report.problems.push(unreadableTemplates(kind, count));
  return judged;
}

function noteTemplate(
  { kind }: ReadTemplate,
  pod: PodFacts,
  { report, unreadable }: { report: Report; unreadable: Map<string, number> },
): void {
  if (kind === 'None') report.withoutTemplate += 1;
  if (kind !== 'Unreadable') return;
  const owner = controllerOf(pod)?.kind ?? '';
  unreadable.set(owner, (unreadable.get(owner) ?? 0) + 1);
}

function unreadableTemplates(kind: string, count: number): ReportProblem {
  const revisions = ['StatefulSet', 'DaemonSet'].includes(kind) ? ' and controllerrevisions' : '';
  const message = `templates of ${counted(count, 'pod')} of the kind ${kind} may not be read, so that their configuration is not compared and an image changed in place is taken as approved: you need the right to get ${kind.toLowerCase()}s${revisions}`;
  return { kind: 'Template', message };
}

/** Judges all, and those that wait for a registry again as often as there is something new to ask. */
async function judgeImages(judged: readonly Judged[], registries: Registries): Promise<void> {
  const { same } = registries;
  let open = judged;
  do {
    for (const one of open) one.images = verifyImages(one.pod, { ...one.means, same });
    open = open.filter(({ images }) => images.some(isAsking));
  } while (await registries.settle());
}

function isAsking({ reason }: Pick<VerifiedImage, 'reason'>): boolean {
  return reason === 'AskingRegistry';
}

// Nobody is asked any more.
function answered(image: VerifiedImage): VerifiedImage {
  if (!isAsking(image)) return image;
  const message = image.message.replace('is being asked whether', 'did not tell whether');
  return { ...image, reason: 'NoRegistry', message };
}

function rowOf(pod: PodFacts, found: VerifiedImage): ImageRow {
  const { container, image, verdict, reason, runs, approved, unsure, message } = found;
  const kind: ImageRow['kind'] = found.kind ?? 'Container';
  const judgement = { container, kind, image, verdict, reason };
  const digests = { runs: runs ?? null, approved: approved ?? null, unsure: unsure === true };
  return { ...placeOf(pod), ...judgement, ...digests, message };
}

function asRow({ container, ...finding }: TemplateFinding) {
  return { container: container ?? null, ...finding };
}

function placeOf(pod: PodFacts): Place {
  const owner = controllerOf(pod);
  return {
    namespace: pod.namespace,
    object: `Pod/${pod.name}`,
    workload: owner ? `${owner.kind}/${owner.name}` : null,
    source: null,
  };
}

function containersOf({ containers, initContainers = [], ephemeralContainers = [] }: PodFacts): number {
  return containers.length + initContainers.length + ephemeralContainers.length;
}

function isEnding({ deletionTimestamp }: PodFacts): boolean {
  return deletionTimestamp !== undefined;
}
