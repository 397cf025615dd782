// What conditions say: each part of the language that is there, on inputs for which it holds and does not.
import { describe, expect, test } from 'vitest';
import { compiled, input, verdict } from './support.ts';

describe('a condition holds', () => {
  test.each([
    // strings
    'detection.rule == "DIE Drift"',
    'detection.rule != "Terminal shell"',
    'detection.executable.startsWith("/tmp/")',
    'detection.executable.endsWith("miner")',
    'detection.executable.contains("mp/mi")',
    'pod.namespace + "/" + pod.name == "shop/web-1"',
    'size(pod.name) == 5 && pod.name.size() == 5',
    'pod.name in ["web-0", "web-1"]',
    String.raw`detection.executable.matches("^/(tmp|dev/shm)/[a-z]+$")`,
    'detection.executable.matches("(?i)MINER")',
    // numbers
    'detection.priority <= 2',
    'detection.priority in [0, 1, 2]',
    'detection.priority + 1 == 3 && 7 / 2 == 3 && 7 % 4 == 3 && 2 * 3 - 1 == 5 && -detection.priority == -2',
    'int(detection.fields["proc.pid"]) > 1000',
    'string(detection.priority) == "2" && string(true) == "true"',
    '9223372036854775807 > 0 && -9223372036854775808 < 0',
    // logic
    '!pod.hostNetwork',
    'pod.hostNetwork ? pod.name == "x" : pod.name == "web-1"',
    'pod.hostNetwork || (detection.source == "Falco" && !false)',
    // maps
    '"app" in pod.labels && pod.labels["app"] == "web"',
    'has(pod.labels.app) && pod.labels.app == "web" && !has(pod.labels.other)',
    'pod.labels.size() == 1 && pod.labels.all(key, pod.labels[key] == "web")',
    'detection.fields["proc.name"] == "miner"',
    // lists
    '"T1059" in detection.tags',
    'detection.tags.exists(tag, tag.startsWith("T1"))',
    'detection.tags.exists_one(tag, tag == "container")',
    'pod.images.all(image, image.contains(":"))',
    'pod.images.filter(image, image.startsWith("nginx")).size() == 1',
    'pod.images.map(image, image + "!")[0] == "nginx:1.27!"',
    'pod.images.map(image, image.startsWith("nginx"), image) == ["nginx:1.27"]',
    '["/tmp/", "/dev/shm/"].exists(path, detection.executable.startsWith(path))',
    'detection.tags.exists(tag, pod.images.exists(image, image != tag))',
    '[] == detection.tags.filter(tag, tag == "none") && pod.images + ["x"] != pod.images',
    '[["a"], []].size() == 2 && [pod.labels][0].app == "web"',
    // time
    'detection.time == timestamp("2026-11-23T00:30:00+01:00")',
    'detection.time > timestamp("2026-01-01T00:00:00Z") && int(detection.time) > 0',
    'detection.time.getHours() == 23 && detection.time.getHours("Europe/Berlin") == 0',
    'detection.time.getDayOfWeek() == 0 && detection.time.getDayOfWeek("+02:00") == 1',
    'detection.time.getFullYear() == 2026 && detection.time.getMonth() == 10 && detection.time.getDate() == 22',
    'detection.time.getDayOfMonth() == 21 && detection.time.getMinutes() == 30 && detection.time.getSeconds() == 0',
    'detection.time - timestamp("2026-11-22T23:00:00Z") == duration("30m")',
    'detection.time + duration("1h") > detection.time && detection.time - duration("1h") < detection.time',
    'duration("90m").getHours() == 1 && duration("1h") + duration("30m") >= duration("90m")',
    'string(detection.time) == "2026-11-22T23:30:00Z" && string(duration("90s")) == "90s"',
    // the rest of what is there
    'container.name == "app" && container.image == "nginx:1.27" && container.imageID == ""',
    'workload.apiVersion == "apps/v1" && workload.kind == "ReplicaSet" && workload.name == "web"',
    'pod.uid == "uid-1" && pod.nodeName == detection.hostname && pod.serviceAccount == "default"',
    'detection.id.size() == 32 && detection.severity == "Critical"',
  ])('%s', (source) => {
    expect(verdict(source)).toBe('True');
    expect(verdict(`!(${source})`)).toBe('False');
  });
});

describe('an error is never a match', () => {
  test.each([
    ['a key that is missing', 'pod.labels["team"] == "a"'],
    ['the negation of it', '!(pod.labels["team"] == "a")'],
    ['one that is unequal to anything', 'pod.labels.team != "a"'],
    ['an index beyond the end', 'pod.images[7] == "a"'],
    ['an index below the first', 'pod.images[-1] == "a"'],
    ['text that is no number', 'int(pod.name) > 0'],
    ['text that is no time', 'timestamp(pod.name) < detection.time'],
    ['text that is no duration', 'duration(pod.name) < duration("1h")'],
    ['division by zero', 'detection.priority / (detection.priority - 2) == 1'],
    ['too large a number', '9223372036854775807 + detection.priority > 0'],
    ['an error for one of all', 'pod.images.all(image, int(image) > 0)'],
  ])('%s', (_, source) => {
    expect(verdict(source)).toBe('Error');
  });

  test.each([
    ['true decides beside an error', 'pod.labels.team == "a" || true', 'True'],
    ['false decides beside an error', 'pod.labels.team == "a" && false', 'False'],
    ['an error stays where true does not decide', 'pod.labels.team == "a" && true', 'Error'],
    ['a guard keeps an error away', '"team" in pod.labels && pod.labels.team == "a"', 'False'],
    ['one that holds decides for exists', '["1", "x"].exists(n, int(n) == 1)', 'True'],
  ])('%s', (_, source, expected) => {
    expect(verdict(source)).toBe(expected);
  });
});

describe('a compiled condition', () => {
  test('keeps its source', () => {
    expect(compiled('pod.name == "web-1"').source).toBe('pod.name == "web-1"');
  });

  test('remembers nothing of an input', () => {
    const condition = compiled('detection.executable.matches("^/tmp/") && pod.labels.app == "web"');
    const elsewhere = input({ detection: { executable: '/usr/bin/sh' } });
    const unlabelled = input({ pod: { labels: {} } });
    const verdicts = [input(), elsewhere, unlabelled, input()].map((each) => condition.evaluate(each));
    expect(verdicts).toEqual(['True', 'False', 'Error', 'True']);
  });

  test('says Error when the input is not what its type says', () => {
    const broken = { detection: null } as unknown as ReturnType<typeof input>;
    expect(compiled('true').evaluate(broken)).toBe('Error');
  });
});
