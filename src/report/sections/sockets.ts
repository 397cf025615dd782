// With whom the pod was connected, and where it listened, when its node was read.
import { SocketRecordSchema, type SocketRecord } from '../../api/process-record.ts';
import { captured, cutNote, listCutNote, NODE_COLLECTORS } from '../captured.ts';
import type { Source } from '../input.ts';
import type { Block, Text } from '../model.ts';
import { readArray } from '../records.ts';
import { grouped } from '../visible.ts';

const MAX_RECORDS = 100_000;
const MAX_SHOWN = 200;
const MAX_PIDS = 8;

/** The sockets of the network; of those of Unix the number. */
export function connections(source: Source): Block[] {
  const what = 'The connections of the pod';
  const file = captured(source, { file: 'sockets', collectors: NODE_COLLECTORS, askedAs: 'Processes' });
  if ('missing' in file) return [{ kind: 'Missing', in: 'Evidence', what, why: file.missing }];
  const read = readArray(file.content, SocketRecordSchema, MAX_RECORDS);
  if (!read) {
    const why = file.cut ? cutNote('sockets') : 'node/sockets.json is not a list in JSON.';
    return [{ kind: 'Missing', in: 'Evidence', what, why: [why] }];
  }
  const network = read.records.filter(({ protocol }) => protocol !== 'unix').toSorted(connectedFirst);
  const left = network.length - Math.min(network.length, MAX_SHOWN);
  const rest = [
    ...(left > 0 ? [`${grouped(left)} more are in node/sockets.json.`] : []),
    ...(read.bad > 0 ? [`${grouped(read.bad)} records could not be read.`] : []),
    ...(read.more > 0
      ? [`${grouped(read.more)} records beyond the first ${grouped(MAX_RECORDS)} were not read.`]
      : []),
    `Sockets within the node (Unix): ${grouped(read.records.length - network.length)}.`,
  ];
  return [
    ...(read.cut ? [{ kind: 'Notice', tone: 'Unknown', text: listCutNote('sockets', file) } as const] : []),
    {
      kind: 'Table',
      title: 'Connections and open ports when the node was read',
      columns: [
        { name: 'Protocol', as: 'Word' },
        { name: 'State' },
        { name: 'Here' },
        { name: 'There' },
        { name: 'Processes' },
      ],
      rows: network.slice(0, MAX_SHOWN).map(row),
    },
    {
      kind: 'Paragraph',
      text: [network.length === 0 ? 'No socket of the network was open.' : '', ...rest].join(' ').trim(),
    },
  ];
}

function row({ protocol, state, local, remote, pids }: SocketRecord): Text[] {
  const more = pids.length > MAX_PIDS ? ` and ${pids.length - MAX_PIDS} more` : '';
  return [
    protocol,
    state ?? '',
    { code: local },
    remote === undefined ? '' : { code: remote },
    pids.length === 0 ? 'of none that was seen' : `${pids.slice(0, MAX_PIDS).join(', ')}${more}`,
  ];
}

function connectedFirst(a: SocketRecord, b: SocketRecord): number {
  return Number(b.state === 'ESTABLISHED') - Number(a.state === 'ESTABLISHED');
}
