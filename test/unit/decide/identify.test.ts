// Identity: which told facts tie an alert to a pod, and that anything less, or anything that contradicts, is refused.
import { describe, expect, test } from 'vitest';
import type { ToldIdentity } from '../../../src/api/detection.ts';
import type { PodFacts } from '../../../src/api/pod.ts';
import { identify, type RefusalReason } from '../../../src/decide/identify.ts';
import { container, pod } from './builders.ts';

const ID = `a1b2c3d4e5f6${'0'.repeat(52)}`;
const OTHER_ID = 'f'.repeat(64);
const SHORT = ID.slice(0, 12);

const web = pod({
  containers: [
    container({
      name: 'app',
      containerID: `containerd://${ID}`,
      previousContainerID: `containerd://${'9'.repeat(64)}`,
    }),
    container({ name: 'proxy', containerID: `containerd://${'7'.repeat(64)}` }),
  ],
});
const other = pod({
  name: 'web-2',
  uid: 'uid-2',
  nodeName: 'node-b',
  containers: [container({ containerID: `cri-o://${OTHER_ID}` })],
});
const all = [other, web];

function refusal(
  told: ToldIdentity,
  candidates: readonly PodFacts[] = all,
): [RefusalReason, boolean] | 'Strong' {
  const result = identify(told, candidates);
  return result.kind === 'Refused' ? [result.reason, result.retry] : 'Strong';
}

describe('is strong', () => {
  test.each<[string, ToldIdentity, { by: string; container?: string }]>([
    ['by UID alone', { podUid: 'uid-1' }, { by: 'PodUid' }],
    [
      'by UID with everything agreeing',
      { podUid: 'uid-1', containerId: SHORT, hostname: 'node-a', namespace: 'shop', podName: 'web-1' },
      { by: 'PodUid', container: 'app' },
    ],
    [
      'by UID with a container of before the restart',
      { podUid: 'uid-1', containerId: '9'.repeat(12) },
      { by: 'PodUid', container: 'app' },
    ],
    [
      'by UID although the container is in no status (any more)',
      { podUid: 'uid-1', containerId: 'c'.repeat(12) },
      { by: 'PodUid' },
    ],
    ['by UID with a container ID that is none', { podUid: 'uid-1', containerId: 'host' }, { by: 'PodUid' }],
    ['by 12 digits of a container ID', { containerId: SHORT }, { by: 'ContainerId', container: 'app' }],
    ['by all 64', { containerId: ID }, { by: 'ContainerId', container: 'app' }],
    ['by the second container', { containerId: '7'.repeat(20) }, { by: 'ContainerId', container: 'proxy' }],
    [
      'by the container of before the restart',
      { containerId: '9'.repeat(64) },
      { by: 'ContainerId', container: 'app' },
    ],
    [
      'by container and node',
      { containerId: SHORT, hostname: 'node-a' },
      { by: 'ContainerId', container: 'app' },
    ],
    [
      'by container and names',
      { containerId: SHORT, namespace: 'shop', podName: 'web-1' },
      { by: 'ContainerId', container: 'app' },
    ],
    [
      'by container, as an empty text tells nothing',
      { containerId: SHORT, podUid: '', hostname: '', namespace: '', podName: '' },
      { by: 'ContainerId', container: 'app' },
    ],
  ])('%s', (_, told, expected) => {
    expect(identify(told, all)).toEqual({ kind: 'Strong', pod: web, ...expected });
  });

  test('whatever the scheme of the runtime, or none', () => {
    for (const scheme of ['containerd://', 'cri-o://', 'docker://', '']) {
      const one = pod({ containers: [container({ containerID: `${scheme}${ID}` })] });
      expect(identify({ containerId: SHORT }, [one])).toMatchObject({ kind: 'Strong', container: 'app' });
    }
  });

  test('with the same pod twice among the candidates', () => {
    expect(identify({ containerId: SHORT }, [web, { ...web }])).toMatchObject({
      kind: 'Strong',
      by: 'ContainerId',
    });
  });

  test('without a container name where two containers of the pod begin as told', () => {
    const twins = pod({
      containers: [
        container({ name: 'a', containerID: `containerd://${SHORT}${'1'.repeat(52)}` }),
        container({ name: 'b', containerID: `containerd://${SHORT}${'2'.repeat(52)}` }),
      ],
    });
    expect(identify({ containerId: SHORT }, [twins])).toEqual({
      kind: 'Strong',
      pod: twins,
      by: 'ContainerId',
    });
  });
});

describe('is refused', () => {
  test.each<[string, ToldIdentity, RefusalReason, boolean]>([
    ['with nothing told', {}, 'NothingTold', false],
    ['with a node only', { hostname: 'node-a' }, 'NothingTold', false],
    ['with a namespace only', { namespace: 'shop' }, 'NothingTold', false],
    ['with a container name only', { containerName: 'app' }, 'NothingTold', false],
    [
      'with the right names only',
      { namespace: 'shop', podName: 'web-1', hostname: 'node-a', containerName: 'app' },
      'NameOnly',
      false,
    ],
    ['with names and 11 digits', { podName: 'web-1', containerId: SHORT.slice(0, 11) }, 'NameOnly', false],
    ['with the text host for a container', { containerId: 'host' }, 'NothingTold', false],
    ['with capital digits', { containerId: SHORT.toUpperCase() }, 'NothingTold', false],
    ['with 65 digits', { containerId: `${ID}0` }, 'NothingTold', false],
    ['with the scheme in the ID', { containerId: `containerd://${SHORT}` }, 'NothingTold', false],
    ['with an unknown UID, which may be too new', { podUid: 'uid-9' }, 'OtherUid', true],
    [
      'with an unknown UID, whatever the names',
      { podUid: 'uid-9', namespace: 'shop', podName: 'web-1' },
      'OtherUid',
      true,
    ],
    ['with a UID that is only the beginning of one', { podUid: 'uid-' }, 'OtherUid', true],
    ['with an unknown UID and a known container', { podUid: 'uid-9', containerId: SHORT }, 'OtherUid', false],
    [
      'with an unknown container, which may be too new',
      { containerId: 'c'.repeat(12) },
      'OtherContainer',
      true,
    ],
    [
      'with an unknown container, whatever the names',
      { containerId: 'c'.repeat(12), podName: 'web-1' },
      'OtherContainer',
      true,
    ],
    ['with a middle part of a container ID', { containerId: ID.slice(1, 13) }, 'OtherContainer', true],
    [
      'with the UID of one pod and the container of another',
      { podUid: 'uid-1', containerId: OTHER_ID },
      'OtherContainer',
      false,
    ],
    ['with the UID but another node', { podUid: 'uid-1', hostname: 'node-b' }, 'OtherNode', false],
    ['with the container but another node', { containerId: SHORT, hostname: 'node-b' }, 'OtherNode', false],
    ['with a node that differs in case', { podUid: 'uid-1', hostname: 'Node-A' }, 'OtherNode', false],
    ['with the UID but another name', { podUid: 'uid-1', podName: 'web-2' }, 'OtherName', false],
    ['with the UID but another namespace', { podUid: 'uid-1', namespace: 'prod' }, 'OtherName', false],
    ['with the container but another name', { containerId: SHORT, podName: 'web-2' }, 'OtherName', false],
    [
      'with the container but another namespace',
      { containerId: SHORT, namespace: 'prod', podName: 'web-1' },
      'OtherName',
      false,
    ],
  ])('%s', (_, told, reason, retry) => expect(refusal(told)).toEqual([reason, retry]));

  test('while the pod is not known to be on a node and one was told: it may be too new', () => {
    const { nodeName: _, ...unscheduled } = web;
    expect(refusal({ podUid: 'uid-1', hostname: 'node-a' }, [unscheduled])).toEqual(['OtherNode', true]);
    expect(refusal({ podUid: 'uid-1' }, [unscheduled])).toBe('Strong');
  });

  test('where containers of two pods begin as told, also if node or name would tell them apart', () => {
    const twin = pod({
      name: 'web-3',
      uid: 'uid-3',
      nodeName: 'node-c',
      containers: [container({ containerID: `containerd://${SHORT}${'5'.repeat(52)}` })],
    });
    const told = { containerId: SHORT, hostname: 'node-a', podName: 'web-1', namespace: 'shop' };
    expect(refusal(told, [web, twin])).toEqual(['Ambiguous', false]);
    expect(refusal({ containerId: ID }, [web, twin])).toBe('Strong');
    expect(refusal({ ...told, podUid: 'uid-1' }, [web, twin])).toBe('Strong');
  });

  test('without candidates, asking to look again where something strong was told', () => {
    expect(refusal({ podUid: 'uid-1' }, [])).toEqual(['OtherUid', true]);
    expect(refusal({ containerId: SHORT }, [])).toEqual(['OtherContainer', true]);
    expect(refusal({ podName: 'web-1' }, [])).toEqual(['NameOnly', false]);
  });

  test('for a pod whose container was not created yet', () => {
    const pending = pod({ phase: 'Pending', containers: [container()] });
    expect(refusal({ containerId: SHORT }, [pending])).toEqual(['OtherContainer', true]);
  });

  test('with a message that names the pod but repeats no text of the alert', () => {
    const evil = 'x"; DROP\u001b[31m';
    for (const told of [
      { podUid: evil },
      { podUid: 'uid-1', podName: evil },
      { podUid: 'uid-1', hostname: evil },
      { podName: evil },
      { containerId: evil, podName: evil },
    ]) {
      const result = identify(told, all);
      if (result.kind !== 'Refused') throw new Error('expected a refusal');
      expect(result.message).not.toContain('DROP');
      expect(result.message).toMatch(/^[ -~]{20,}$/);
    }
    const onNode = identify({ podUid: 'uid-1', hostname: 'node-b' }, all);
    expect(onNode).toMatchObject({
      message: 'pod shop/web-1 is on node node-a, not on the one the alert came from',
    });
  });
});
