// Conditions that excuse drift and that an attacker in the container can meet are found; facts of the kernel are not.
import { describe, expect, test } from 'vitest';
import { originOf } from '../../../src/lint/chosen-text.ts';
import { driftPolicy, lint, SOUND_EXCEPTION, SOUND_RUNG } from './support.ts';

const PATH = 'detection.fields["proc.exepath"]';
const NAME = 'detection.fields["proc.name"]';
const FACT = 'detection.fields["proc.is_exe_upper_layer"]';

function messages(spec: Record<string, unknown>): string[] {
  return lint(driftPolicy(spec)).flatMap(({ code, message }) =>
    code === 'AttackerSatisfies' ? [message] : [],
  );
}
const ofException = (condition: string) => messages({ exceptions: [{ ...SOUND_EXCEPTION, condition }] });
const ofRung = (condition: string) => messages({ responses: [{ ...SOUND_RUNG, condition }] });

describe('an exception', () => {
  test.each([
    'detection.executable.startsWith("/opt/agent/")',
    `${PATH}.startsWith("/opt/agent/")`,
    'detection.fields.executable.startsWith("x") || detection.executable.endsWith("/agent")',
    `${PATH}.endsWith("/agent")`,
    `${PATH}.contains("agent")`,
    `${PATH}.matches("^/opt/agent/.*$")`,
    `${PATH}.matches("/opt/agent/agent")`,
    `${PATH}.matches("^/opt/agent/agent")`,
    `${PATH} != "/usr/bin/xmrig"`,
    `!(${PATH} in ["/usr/bin/xmrig"])`,
    `${NAME} == "agent"`,
    `"agent" == ${NAME}`,
    `${NAME} in ["agent", "updater"]`,
    `${NAME}.matches("^agent$")`,
    'detection.fields["proc.cmdline"] == "agent --update"',
    'detection.fields["proc.aname[2]"] == "agent"',
    'detection.fields["fd.name"].startsWith("/var/lib/agent/")',
    'detection.fields["evt.arg.path"] == "/x"',
    `size(${PATH}) < 20`,
    `${PATH} + "x" == "/opt/agentx"`,
    `${PATH}.startsWith("/opt/") == true`,
    `["/opt/a/", "/opt/b/"].exists(p, ${PATH}.startsWith(p))`,
    // What says nothing of the process does not help.
    `container.name == "agent" && pod.namespace == "shop" && ${PATH}.startsWith("/opt/agent/")`,
    `detection.rule == "DIE x" && ${NAME} == "agent"`,
    `detection.fields["user.name"] == "root" && ${NAME} == "agent"`,
    // Every dropped program has it.
    `${FACT} == "true" && ${PATH}.startsWith("/opt/agent/")`,
    `${FACT} != "false" && ${PATH}.startsWith("/opt/agent/")`,
    `!(${FACT} == "false") && ${PATH}.startsWith("/opt/agent/")`,
    // One way is enough.
    `${FACT} == "false" || ${NAME} == "agent"`,
    `${FACT} == "false" ? true : ${NAME} == "agent"`,
    `!(${FACT} == "true" && !${PATH}.startsWith("/opt/agent/"))`,
  ])('can be met: %s', (condition) => {
    expect(ofException(condition)).toHaveLength(1);
  });

  test.each([
    `${PATH} == "/opt/agent/agent"`,
    'detection.executable == "/opt/agent/agent"',
    `${PATH} in ["/opt/agent/a", "/opt/agent/b"]`,
    `["/opt/a", "/opt/b"].exists(p, p == ${PATH})`,
    `${PATH}.matches("^/opt/agent/agent\\\\.bin$")`,
    `${PATH}.matches("^(/opt/a|/opt/b)$")`,
    `${PATH}.startsWith("/opt/agent/") && ${FACT} == "false"`,
    `${NAME} == "agent" && ${PATH} == "/opt/agent/agent"`,
    `${FACT} == "false" ? ${NAME} == "agent" : false && ${FACT} == "false"`,
    // No text of the process: open, and not by what it says.
    'container.name == "agent"',
    'detection.rule == "DIE x"',
    'detection.tags.exists(t, t == "drift")',
    // A fact that lint does not know.
    'detection.fields["proc.loginuid"] == "-1"',
  ])('is not blamed for %s', (condition) => {
    expect(ofException(condition)).toEqual([]);
  });

  test('is told how it is met, and what to write', () => {
    expect(ofException('detection.executable.startsWith("/opt/agent/")')).toEqual([
      'an attacker in the container can meet the condition of exception "agent": detection.executable.startsWith("/opt/agent/") is met by any program that is written there, as /opt/agent/x (and where a path is told as it was typed, by /opt/agent/../../tmp/x)',
    ]);
    expect(ofException('detection.executable.startsWith("/opt/agent")')[0]).toContain(
      '/opt/agent/../../tmp/x',
    );
    expect(ofException(`${PATH}.endsWith("/agent")`)[0]).toContain('/tmp/x/agent');
    expect(ofException(`${PATH}.contains("/agent/")`)[0]).toContain('/tmp/agent/');
    expect(ofException(`${NAME} == "agent"`)[0]).toContain(`${NAME} is written by the process itself`);
    const [finding] = lint(
      driftPolicy({ exceptions: [{ ...SOUND_EXCEPTION, condition: `${NAME} == "a"` }] }),
    );
    expect(finding).toMatchObject({ severity: 'Warning', path: 'spec.exceptions[0].condition' });
    expect(finding?.cure).toContain('proc.is_exe_upper_layer');
  });
});

describe('a rung', () => {
  test.each([
    '!detection.executable.startsWith("/opt/agent/")',
    `detection.rule == "DIE x" && !(${PATH}.startsWith("/opt/agent/"))`,
    `${NAME} != "agent"`,
    `!(${NAME} == "agent" || ${NAME} == "updater")`,
    `!(${FACT} == "true" && ${PATH}.contains("agent"))`,
  ])('can be left: %s', (condition) => {
    expect(ofRung(condition)).toHaveLength(1);
  });

  test.each([
    'detection.executable.startsWith("/tmp/")',
    `${NAME} == "xmrig"`,
    `${PATH} != "/opt/agent/agent"`,
    `!(${PATH}.startsWith("/opt/agent/") && ${FACT} == "false")`,
    '!(container.name == "agent")',
  ])('is not blamed for %s', (condition) => {
    expect(ofRung(condition)).toEqual([]);
  });
});

test.each([
  ['detection executable', 'Path'],
  ['detection fields proc.pexepath', 'Path'],
  ['detection fields proc.aexepath[3]', 'Path'],
  ['detection fields proc.exe', 'Free'],
  ['detection fields proc.acmdline[1]', 'Free'],
  ['detection fields evt.arg[0]', 'Free'],
  ['detection fields evt.type', 'Told'],
  ['detection fields container.id', 'Told'],
  ['detection fields proc.is_exe_upper_layer', 'Firm'],
  ['detection fields', 'Told'],
  ['detection rule', 'Told'],
  ['pod labels app', 'Told'],
])('%s is %s', (path, origin) => {
  expect(originOf(path.split(' '))).toBe(origin);
});
