// What a condition sees: one table for all sources, and how a detection in a pod fills it.
import { FIELD_LIMITS, type Detection } from '../../api/detection.ts';
import { MAX_RECORDED_CONTAINERS, MAX_RECORDED_LABELS } from '../../api/incident.ts';
import { controllerOf, foreignLabels, type ContainerFacts, type PodFacts } from '../../api/pod.ts';
import { severityRank } from '../../api/severity.ts';

/** Values of fields as TypeScript has them, by their type in CEL. A timestamp is text in RFC 3339. */
interface FieldValues {
  string: string;
  int: number;
  bool: boolean;
  timestamp: string;
  'list<string>': readonly string[];
  'map<string>': Readonly<Record<string, string>>;
}

/** One field that a condition can read. */
export interface ConditionField {
  readonly type: keyof FieldValues;
  /** For the table in the docs. */
  readonly description: string;
  /** Characters of a string, or of each value of a list or map; what is longer is cut. */
  readonly length: number;
  /** Elements of a list or map. A larger one cannot be read: reading a part could make a wrong answer. */
  readonly size: number;
}

/** Characters that a condition sees of a string whose own limit is not lower. */
export const MAX_TEXT = 1024;
/** Characters of a key in a map; Kubernetes has none longer (a DNS name of 253, a slash, a name of 63). */
export const MAX_KEY = 317;

const text = (description: string, length: number = MAX_TEXT) =>
  ({ type: 'string', description, length, size: 0 }) as const;
const list = (description: string, size: number, length: number) =>
  ({ type: 'list<string>', description, length, size }) as const;
const map = (description: string, size: number, length: number) =>
  ({ type: 'map<string>', description, length, size }) as const;

/**
 * The fields below the four names of a condition. All are always there: what is absent is `""`, `[]` or `{}`, so that
 * only a missing key of a map is an error. The documentation's table is made from this one.
 */
export const CONDITION_FIELDS = {
  detection: {
    id: text('Identity of the detection, 32 hex digits.'),
    source: text('The detector, such as `Falco`.'),
    rule: text('Rule of the detector that fired.'),
    severity: text('Severity, such as `Critical`.'),
    priority: {
      type: 'int',
      description: 'Severity as Falco and syslog count it: 0 is Emergency, 7 is Debug.',
      length: 0,
      size: 0,
    },
    time: {
      type: 'timestamp',
      description: 'When the detector saw it, by its own clock.',
      length: 0,
      size: 0,
    },
    tags: list('Tags of the rule.', 32, 64),
    hostname: text('Node as the detector told it.'),
    executable: text('Path of the program that the rule is about. The attacker’s text.'),
    fields: map(
      'What the detector told besides, by its own names, as in `detection.fields["proc.name"]`. The attacker’s text.',
      FIELD_LIMITS.fields,
      FIELD_LIMITS.value,
    ),
  },
  pod: {
    namespace: text('Namespace of the pod.'),
    name: text('Name of the pod.'),
    uid: text('UID of the pod.'),
    nodeName: text('Node of the pod.'),
    serviceAccount: text('Service account of the pod.'),
    labels: map('Labels of the pod without those of die-operator.', MAX_RECORDED_LABELS, 63),
    images: list('Images of the containers as the pod asks for them.', MAX_RECORDED_CONTAINERS, 512),
    hostNetwork: {
      type: 'bool',
      description: 'Whether the pod uses the network of its node.',
      length: 0,
      size: 0,
    },
  },
  container: {
    name: text('Container that the detection is about; empty where only the pod is known.'),
    image: text('Its image as the pod asks for it.', 512),
    imageID: text('Its image as the runtime resolved it.', 512),
  },
  workload: {
    apiVersion: text('API version of the controller of the pod; empty for a bare pod.'),
    kind: text('Kind of the controller, such as `ReplicaSet`.'),
    name: text('Name of the controller.'),
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ConditionField>>>>;

type Fields = typeof CONDITION_FIELDS;

/** Everything a condition sees, by the table {@link CONDITION_FIELDS}; limits are kept where it is evaluated. */
export type ConditionInput = {
  readonly [Root in keyof Fields]: {
    readonly [Name in keyof Fields[Root]]: Fields[Root][Name] extends { readonly type: infer Type }
      ? FieldValues[Type & keyof FieldValues]
      : never;
  };
};

/** Severity as Falco and syslog count it. */
const LEAST_PRIORITY = 7;

/** What conditions see of a detection in a container of a pod; `container` is undefined if only the pod is known. */
export function conditionInput(
  { summary, tags, fields }: Detection,
  pod: PodFacts,
  container: ContainerFacts | undefined,
): ConditionInput {
  const { id, source, rule, severity, time, hostname = '', executable = '' } = summary;
  const priority = LEAST_PRIORITY - severityRank(severity);
  const { apiVersion = '', kind = '', name: controller = '' } = controllerOf(pod) ?? {};
  const { name = '', image = '', imageID = '' } = container ?? {};
  return {
    detection: { id, source, rule, severity, priority, time, tags, hostname, executable, fields },
    pod: podInput(pod),
    container: { name, image, imageID },
    workload: { apiVersion, kind, name: controller },
  };
}

function podInput(pod: PodFacts): ConditionInput['pod'] {
  const { namespace, name, uid, nodeName = '', serviceAccount = '', hostNetwork } = pod;
  const images = pod.containers.map(({ image }) => image);
  return {
    namespace,
    name,
    uid,
    nodeName,
    serviceAccount,
    labels: foreignLabels(pod.labels),
    images,
    hostNetwork,
  };
}
