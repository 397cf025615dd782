// The alert that a pod is explained for: as Falcosidekick sent it, or as the command line tells.
import { createReadStream } from 'node:fs';
import type { Detection } from '../../api/detection.ts';
import { identify } from '../../decide/identify.ts';
import { parseFalco } from '../../detect/falco.ts';
import { MAX_ALERT_BYTES, parseJson } from '../../detect/json.ts';
import { cleanText } from '../../detect/sanitize.ts';
import type { Question, Subject } from '../../explain/subject.ts';
import type { ExplainOptions } from '../explain.ts';

// As the receiver cuts them.
const MAX_RULE = 256;
const MAX_TAGS = 32;
const MAX_TAG = 64;

/** What is asked. @throws Error if the alert cannot be read, or the pod has no such container. */
export async function questionOf(options: ExplainOptions, subject: Subject): Promise<Question> {
  const { container } = options;
  const names = subject.pod.containers.map(({ name }) => name);
  if (container !== undefined && !names.includes(container)) {
    throw new Error(`pod ${subject.pod.name} has no container ${container}: it has ${names.join(', ')}`);
  }
  if (options.alert !== undefined) return fromAlert(await readAlert(options.alert), subject, container);
  const only = names.length === 1 ? names[0] : undefined;
  const { rule, severity } = options;
  if (rule === undefined || severity === undefined) return { container: container ?? only };
  const detection = toldDetection({ ...options, rule, severity }, subject.at);
  return { container: container ?? only, alert: { detection, identified: null } };
}

function fromAlert(detection: Detection, { pod, origin }: Subject, container: string | undefined): Question {
  if (origin === 'Files') return { container, alert: { detection, identified: null } };
  const found = identify(detection.identity, [pod]);
  if (found.kind === 'Refused')
    return { container, alert: { detection, identified: { ok: false, message: found.message } } };
  const identified = {
    ok: true,
    message: `by ${found.by === 'PodUid' ? 'the UID of the pod' : 'the container ID'}`,
  };
  return { container: container ?? found.container, alert: { detection, identified } };
}

function toldDetection(
  { rule, severity, source, tag = [] }: ExplainOptions & Required<Pick<ExplainOptions, 'rule' | 'severity'>>,
  at: number,
): Detection {
  const time = new Date(at).toISOString();
  return {
    summary: {
      id: '0'.repeat(32),
      source,
      rule: cleanText(rule, MAX_RULE),
      severity,
      time,
      receivedAt: time,
    },
    identity: {},
    tags: tag.slice(0, MAX_TAGS).map((text) => cleanText(text, MAX_TAG)),
    fields: {},
  };
}

async function readAlert(path: string): Promise<Detection> {
  const where = path === '-' ? 'the alert on standard input' : path;
  const json = parseJson(await readUpTo(path, where));
  if ('problem' in json) throw new Error(`${where}: ${json.problem.path} ${json.problem.message}`);
  // As if it had come in time: an alert that was kept is explained as it would have been answered.
  const result = parseFalco(json.value, new Date(0).toISOString());
  switch (result.kind) {
    case 'Detection': {
      const { summary } = result.detection;
      return { ...result.detection, summary: { ...summary, receivedAt: summary.time } };
    }
    case 'Invalid':
      throw new Error(`${where} is no alert of Falco: ${result.path} ${result.message}`);
    case 'Ignored':
    case 'NotAPod':
      throw new Error(`${where} would open no incident for any pod: ${result.message}`);
  }
}

async function readUpTo(path: string, where: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of path === '-' ? process.stdin : createReadStream(path)) {
      const bytes = Buffer.from(chunk as Uint8Array);
      size += bytes.length;
      if (size > MAX_ALERT_BYTES) break;
      chunks.push(bytes);
    }
  } catch (error) {
    throw new Error(`${where} cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (size > MAX_ALERT_BYTES)
    throw new Error(`${where} has more than ${MAX_ALERT_BYTES} bytes, the limit of the receiver`);
  return Buffer.concat(chunks).toString('utf8');
}
