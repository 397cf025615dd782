// What the kernel prints about processes and sockets, parsed: as it is meant, and whatever else it is.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProcessRecordSchema, SocketRecordSchema } from '../../../../src/api/process-record.ts';
import { capabilityNames } from '../../../../src/helpers/programs/capture/capabilities.ts';
import {
  bootTime,
  parseArgs,
  parseEnvironment,
  parseExecutable,
  parseStatus,
  socketInode,
  startTime,
} from '../../../../src/helpers/programs/capture/process-parse.ts';
import { parseSockets, SOCKET_TABLES } from '../../../../src/helpers/programs/capture/sockets-parse.ts';
import { parseStat } from '../../../../src/helpers/programs/proc-stat.ts';

describe('capabilities', () => {
  test.each<[hex: string, names: string[]]>([
    ['0000000000000000', []],
    ['0000000000000001', ['CAP_CHOWN']],
    ['0000000000002000', ['CAP_NET_RAW']],
    ['0000000000200000', ['CAP_SYS_ADMIN']],
    ['0000000000080004', ['CAP_DAC_READ_SEARCH', 'CAP_SYS_PTRACE']],
    ['0000010000000000', ['CAP_CHECKPOINT_RESTORE']],
    // What a container of containerd has when nobody says anything.
    [
      '00000000a80425fb',
      'CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP'
        .split(' ')
        .map((name) => `CAP_${name}`),
    ],
    ['8000020000000000', ['41', '63']],
    ['', []],
    ['none', []],
  ])('%s', (hex, names) => {
    expect(capabilityNames(hex)).toEqual(names);
  });

  test('all that Linux has today have a name', () => {
    const names = capabilityNames('000001ffffffffff');
    expect(names).toHaveLength(41);
    expect(names.filter((name) => !name.startsWith('CAP_'))).toEqual([]);
  });
});

describe('the stat of a process', () => {
  const rest = `S 7 ${Array.from({ length: 17 }, () => 0).join(' ')} 4711 0 0`;

  test.each(['sh', 'a b', 'a) R 1 (b', ')', '(', '', 'a\nb'])('with the name %j', (name) => {
    expect(parseStat(`12 (${name}) ${rest}\n`)).toEqual({ name, state: 'S', ppid: 7, startTicks: 4711 });
  });

  test.each(['', '12', '12 (sh', '12 (sh) S 7 0 0', `12 (sh) S x${rest.slice(3)}`])('is not %j', (text) => {
    expect(parseStat(text)).toBeUndefined();
  });
});

test('the status of a process', () => {
  const text = [
    'Name:\tsh\\nUid:\\t0',
    'Umask:\t0022',
    'State:\tS (sleeping)',
    'NStgid:\t4711\t12',
    'NSpid:\t4712\t13',
    'Uid:\t1000\t1001\t1002\t1003',
    'Gid:\t2000\t2001\t2002\t2003',
    'CapPrm:\t0000000000002000',
    'CapEff:\t0000000000000000',
    'CapBnd:\t0000000000000001',
    'NoNewPrivs:\t1',
    'Seccomp:\t2',
    '',
  ].join('\n');
  expect(parseStatus(text)).toEqual({
    namespacePids: [4711, 12],
    uids: [1000, 1001, 1002, 1003],
    gids: [2000, 2001, 2002, 2003],
    capabilities: { effective: [], permitted: ['CAP_NET_RAW'], bounding: ['CAP_CHOWN'] },
    noNewPrivileges: true,
    seccomp: 2,
  });
});

describe('a command line', () => {
  test.each<[cmdline: string, args: string[], isCut: boolean]>([
    ['', [], false],
    ['sh\0-c\0a b\n\0', ['sh', '-c', 'a b\n'], false],
    ['sh\0\0x\0', ['sh', '', 'x'], false],
    ['written over: no NUL', ['written over: no NUL'], false],
    ['\0', [''], false],
    [`${'a'.repeat(4097)}\0`, ['a'.repeat(4096)], true],
    ['x\0'.repeat(257), Array<string>(256).fill('x'), true],
  ])('%#', (cmdline, args, isCut) => {
    expect(parseArgs(Buffer.from(cmdline))).toEqual({ args, isCut });
  });

  test('is not cut in the middle of a character', () => {
    const [arg = ''] = parseArgs(Buffer.from(`${'a'.repeat(4095)}\u{1F600}`)).args;
    expect(arg.isWellFormed()).toBe(true);
    expect(arg.startsWith('aaa')).toBe(true);
  });
});

test('an environment', () => {
  expect(parseEnvironment(Buffer.from('A=1\0B=x=y\n\0\0C'))).toEqual(['A=1', 'B=x=y\n', 'C']);
});

test.each<[link: string, path: string, deleted: boolean, memfd: boolean]>([
  ['/bin/sh', '/bin/sh', false, false],
  ['/tmp/x (deleted)', '/tmp/x', true, false],
  ['/memfd:x (deleted)', '/memfd:x', true, true],
  // A file of that name, and not the kernel's.
  ['/memfd:x', '/memfd:x', false, false],
  ['/tmp/x (deleted) (deleted)', '/tmp/x (deleted)', true, false],
])('the executable %s', (link, path, deleted, memfd) => {
  expect(parseExecutable(link)).toEqual({ path, deleted, memfd });
});

test.each<[target: string, inode: number | undefined]>([
  ['socket:[4711]', 4711],
  ['/tmp/socket:[4711]', undefined],
  ['socket:[4711] (deleted)', undefined],
  ['pipe:[4711]', undefined],
])('the open file %s', (target, inode) => {
  expect(socketInode(target)).toBe(inode);
});

test('the time at which a process started', () => {
  const bootedAt = bootTime('cpu  1 2\nbtime 1790000000\nprocesses 7\n') ?? 0;
  expect(startTime(bootedAt, 12_345)).toBe('2026-09-21T14:15:23.450Z');
  expect(bootTime('cpu 1')).toBeUndefined();
  expect(startTime(bootedAt, Number.MAX_SAFE_INTEGER)).toBe('9999-12-31T23:59:59.999Z');
});

const TITLES = 'titles\n';
const inet = (line: string) =>
  `   0: ${line} 00000000:00000000 00:00000000 00000000  1000        0 5001 1 0000000000000000 100 0 0 10 0\n`;
const of = (protocol: (typeof SOCKET_TABLES)[number], text: string) =>
  parseSockets(protocol, TITLES + text, 100).sockets;

describe('sockets', () => {
  test.each<[local: string, remote: string, state: string, expected: [string, string, string]]>([
    ['0100007F:1F90', '00000000:0000', '0A', ['127.0.0.1:8080', '0.0.0.0:0', 'LISTEN']],
    ['0700F40A:D431', '08080808:01BB', '01', ['10.244.0.7:54321', '8.8.8.8:443', 'ESTABLISHED']],
    ['0700F40A:D431', '08080808:01BB', '06', ['10.244.0.7:54321', '8.8.8.8:443', 'TIME_WAIT']],
    ['0700F40A:D431', '08080808:01BB', '07', ['10.244.0.7:54321', '8.8.8.8:443', 'CLOSE']],
    ['0700F40A:D431', '08080808:01BB', 'FE', ['10.244.0.7:54321', '8.8.8.8:443', '254']],
  ])('of TCP: %s %s %s', (local, remote, state, expected) => {
    const [socket] = of('tcp', inet(`${local} ${remote} ${state}`));
    expect([socket?.local, socket?.remote, socket?.state]).toEqual(expected);
    expect(socket).toMatchObject({ protocol: 'tcp', inode: 5001, uid: 1000 });
  });

  test.each<[local: string, expected: string]>([
    ['00000000000000000000000001000000:0050', '[::1]:80'],
    ['B80D01200000000000000000010000FF:0050', '[2001:db8::ff00:1]:80'],
    ['0000000000000000FFFF00000700F40A:0050', '[::ffff:10.244.0.7]:80'],
    ['00000000000000000000000000000000:0000', '[::]:0'],
  ])('of TCP over IPv6: %s', (local, expected) => {
    const [socket] = of('tcp6', inet(`${local} 00000000000000000000000000000000:0000 0A`));
    expect(socket?.local).toBe(expected);
  });

  test('of UDP and raw ones have no connection, unless they are bound to a peer', () => {
    const states = (protocol: 'udp' | 'raw6') =>
      ['07', '01'].map((state) => of(protocol, inet(`0100007F:0035 00000000:0000 ${state}`))[0]?.state);
    expect(states('udp')).toEqual(['UNCONNECTED', 'ESTABLISHED']);
    expect(states('raw6')).toEqual(['UNCONNECTED', 'ESTABLISHED']);
  });

  test('of packets', () => {
    expect(of('packet', 'ffff8881 3      3    0003   2     1 0      0      6001  \n')).toEqual([
      { protocol: 'packet', local: 'interface 2, protocol 0x0003', inode: 6001, uid: 0 },
    ]);
  });

  test.each<[line: string, local: string, state: string]>([
    ['00000000ea7d3618: 00000003 00000000 00000000 0001 03   662', '', 'CONNECTED'],
    ['00000000ea7d3618: 00000002 00000000 00010000 0001 01   662 /run/a b.sock', '/run/a b.sock', 'LISTEN'],
    ['00000000ea7d3618: 00000002 00000000 00000000 0002 01   662 @\u2028x', '@\u2028x', 'UNCONNECTED'],
  ])('of Unix: %j', (line, local, state) => {
    expect(of('unix', `${line}\n`)).toEqual([{ protocol: 'unix', local, state, inode: 662 }]);
  });

  test('what is no socket is counted, and so is what is too much', () => {
    const good = inet('0100007F:1F90 00000000:0000 0A');
    const { sockets, unread, more } = parseSockets('tcp', `${TITLES}${good}hm\n${good}${good}`, 3);
    expect([sockets.length, unread, more]).toEqual([2, 1, 1]);
  });
});

describe('whatever is in them', () => {
  const ends = [
    '(',
    ')',
    '\0',
    '\n',
    ': ',
    ':\t',
    ' ',
    '0',
    'F',
    'Uid',
    'NStgid',
    'Seccomp',
    ' (deleted)',
    '9'.repeat(20),
  ];
  const anything = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc
      .array(fc.oneof(fc.constantFrom(...ends), fc.string({ maxLength: 5 })), { maxLength: 400 })
      .map((parts) => parts.join('')),
  );
  const bytes = fc.oneof(
    anything.map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 9000 }).map((all) => Buffer.from(all)),
  );
  const { shape } = ProcessRecordSchema;

  test('records of processes keep their shape', () => {
    fc.assert(
      fc.property(anything, bytes, fc.maxSafeNat(), (text, cmdline, ticks) => {
        const { capabilities, namespacePids, uids, gids, seccomp, noNewPrivileges } = parseStatus(text);
        shape.capabilities.parse(capabilities);
        shape.namespacePids.parse(namespacePids);
        shape.uids.parse(uids);
        shape.gids.parse(gids);
        shape.seccomp.parse(seccomp);
        shape.noNewPrivileges.parse(noNewPrivileges);
        shape.args.parse(parseArgs(cmdline).args);
        shape.executable.parse(parseExecutable(text));
        shape.startedAt.parse(startTime(bootTime(text) ?? 0, ticks));
        parseEnvironment(cmdline);
        parseStat(text);
        socketInode(text);
      }),
    );
  });

  test('records of sockets keep theirs', () => {
    const lines = fc.array(
      fc.oneof(
        anything,
        fc.tuple(anything, fc.constantFrom('01', '0A', '07', 'FF')).map(([path, state]) => {
          return `0000: 00000002 00000000 00010000 0001 ${state} 662 ${path}`;
        }),
        fc.stringMatching(
          /^ {0,3}0: [0-9A-F]{8}:[0-9A-F]{4} [0-9A-F]{32}:[0-9A-F]{4} [0-9A-F]{2} 0:0 0:0 0 +0 +0 7 1$/,
        ),
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(fc.constantFrom(...SOCKET_TABLES), lines, (protocol, all) => {
        const { sockets, unread, more } = parseSockets(protocol, `${TITLES}${all.join('\n')}`, 20);
        for (const socket of sockets) SocketRecordSchema.parse({ ...socket, namespace: 'net:[1]', pids: [] });
        const there = all
          .join('\n')
          .split('\n')
          .filter((line) => line !== '').length;
        expect(sockets.length + unread + more).toBe(there);
        expect(sockets.length).toBeLessThanOrEqual(20);
      }),
    );
  });
});
