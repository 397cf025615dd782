// How far the pod was isolated: pictures of its network before and after, and every way that is still open.
import { findCondition } from '../../api/conditions.ts';
import type { DriftIncident, IsolationPath } from '../../api/incident.ts';
import type { Condition } from '../../api/policy.ts';
import type { Source } from '../input.ts';
import type { Block, NetworkPicture, Section, Tone, Way } from '../model.ts';
import { grouped, lasting, utc } from '../visible.ts';

/** Ways that a picture shows in each direction; the table has all. */
const MAX_DRAWN = 5;

/** See the file's first line. */
export function network({ incident }: Source): Section {
  const { isolation } = incident.status ?? {};
  const condition = findCondition(incident.status?.conditions, 'Isolated');
  const blocks: Block[] = isolation
    ? [
        verdict(condition),
        { kind: 'Networks', pictures: [before(incident), after(incident, condition)] },
        { kind: 'Paragraph', text: LEGEND },
        ...pathsOf(incident),
        { kind: 'Facts', rows: factsOf(incident) },
      ]
    : [
        ...(condition ? [verdict(condition)] : []),
        {
          kind: 'Missing',
          in: 'Incident',
          what: 'An isolation',
          why: ['The pod was not isolated: its network was left as it was.'],
        },
      ];
  return { id: 'isolation', title: 'Isolation', blocks };
}

const LEGEND =
  'Cut: proven by a test. Denied: a policy denies it, and nothing proved that the network obeys. Before: what is open to any pod where no policy says otherwise.';

const TONES: Readonly<Record<string, Tone>> = { True: 'Good', False: 'Bad' };

function verdict(condition: Condition | undefined): Block {
  if (!condition)
    return {
      kind: 'Notice',
      tone: 'Unknown',
      text: 'Nothing says how far the isolation reaches: the condition Isolated is not set.',
    };
  const { status, reason, message } = condition;
  return {
    kind: 'Notice',
    tone: TONES[status] ?? 'Unknown',
    text: [{ strong: `Isolated: ${status}/${reason}.` }, message],
  };
}

function podOf({ spec: { target } }: DriftIncident): string {
  return `${target.namespace}/${target.name}`;
}

// What other policies allowed then is not in the incident; api/networkpolicies.json of the evidence has them.
function before(incident: DriftIncident): NetworkPicture {
  const open = (direction: Way['direction'], peer: string): Way => ({ direction, peer, state: 'Open' });
  return {
    title: 'Before: as the policies of others allowed',
    pod: podOf(incident),
    ways: [
      open('In', 'clients: Services, other pods, from outside'),
      open('In', 'its node'),
      open('In', 'exec, attach, port-forward'),
      open('Out', 'other pods, the cluster, the internet'),
    ],
  };
}

function after(incident: DriftIncident, condition: Condition | undefined): NetworkPicture {
  const { paths = [], morePaths = 0 } = incident.status?.isolation ?? {};
  const rest = restOf(condition);
  const ways = (direction: Way['direction'], name: IsolationPath['direction']): Way[] => {
    const open = paths.filter((path) => path.direction === name);
    const left = open.length - MAX_DRAWN;
    return [
      ...open
        .slice(0, MAX_DRAWN)
        .map(({ kind, peer }): Way => ({ direction, peer: shortPeer(kind, peer), state: 'Open' })),
      ...(left > 0 ? [{ direction, peer: `${left} more, listed below`, state: 'Open' } as const] : []),
      { direction, peer: open.length === 0 ? 'everybody' : 'everybody else', state: rest },
    ];
  };
  const unlisted: Way[] =
    morePaths > 0
      ? [{ direction: 'In', peer: `${grouped(morePaths)} more ways, in or out`, state: 'Open' }]
      : [];
  return {
    title: 'After: what the incident last knew',
    pod: podOf(incident),
    ways: [...ways('In', 'Ingress'), ...unlisted, ...ways('Out', 'Egress')],
  };
}

const SHORT: Readonly<Partial<Record<IsolationPath['kind'], string>>> = {
  Node: 'its node',
  Exec: 'exec, attach, port-forward',
  Established: 'connections from before',
};

function shortPeer(kind: IsolationPath['kind'], peer: string): string {
  return SHORT[kind] ?? peer;
}

const NOT_CUT = ['Unenforced', 'Unsupported', 'Lifted'];

function restOf(condition: Condition | undefined): Way['state'] {
  if (condition?.status === 'True') return 'Cut';
  return condition?.status === 'False' && NOT_CUT.includes(condition.reason) ? 'Open' : 'Denied';
}

function pathsOf(incident: DriftIncident): Block[] {
  const { paths, morePaths = 0 } = incident.status?.isolation ?? {};
  if (!paths)
    return [
      {
        kind: 'Missing',
        in: 'Incident',
        what: 'The list of open ways',
        why: ['The responder has not judged them.'],
      },
    ];
  return [
    {
      kind: 'Table',
      title: 'Ways that are still open',
      columns: [
        { name: 'Direction', as: 'Word' },
        { name: 'Who' },
        { name: 'Ports' },
        { name: 'Because of' },
      ],
      rows: paths.map(({ direction, peer, ports, kind, policy }) => [
        direction === 'Ingress' ? 'to the pod' : 'from the pod',
        peer,
        ports,
        policy === undefined ? kind : [`${kind}:`, { code: policy }],
      ]),
    },
    ...(paths.length === 0 ? [{ kind: 'Paragraph', text: 'The responder knows of none.' } as const] : []),
    ...(morePaths > 0
      ? [
          {
            kind: 'Notice',
            tone: 'Bad',
            text: `${grouped(morePaths)} more ways are open; the incident has no room for them.`,
          } as const,
        ]
      : []),
  ];
}

const FORMS = {
  Orphan: 'all labels taken away: out of its Services and its workload, which starts another pod',
  Gentle: 'its labels kept, the quarantine label added: it stays in its Services and its workload',
  LabelOnly: 'the quarantine label only',
} as const;

function factsOf({ status }: DriftIncident): [string, string][] {
  const { isolation } = status ?? {};
  if (!isolation) return [];
  const { form, at, networkPolicy, enforcement, cut, deniedBy } = isolation;
  return [
    ['Isolated at', utc(at)],
    ['How', `${form}: ${FORMS[form]}`],
    ['Deny policy', networkPolicy ?? 'none'],
    [
      'Test of the node',
      enforcement
        ? `${enforcement.node}: ${enforcement.verdict}, at ${utc(enforcement.testedAt)}, within ${lasting(enforcement.tookMs)}; open connections were ${enforcement.establishedCut ? 'cut as well' : 'not cut'}`
        : 'not tested',
    ],
    ['Firewall in the pod', firewallOf(cut)],
    ...(deniedBy === undefined ? [] : [['Labels kept since refused by', deniedBy] as [string, string]]),
  ];
}

function firewallOf(cut: { begunAt: string; at?: string | undefined } | undefined): string {
  if (!cut) return 'not asked for, or not begun';
  return cut.at === undefined
    ? `begun at ${utc(cut.begunAt)}, not known to be in place`
    : `in place since ${utc(cut.at)}`;
}
