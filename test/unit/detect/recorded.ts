// What every recorded alert must turn into, and how the recordings are read.
import { readdirSync, readFileSync } from 'node:fs';
import type { Severity } from '../../../src/api/severity.ts';

const FIXTURES = new URL('../../fixtures/', import.meta.url);

/** A request as it came over the wire. */
export interface RecordedRequest {
  headers: Record<string, string>;
  body: string;
}

/** What the alert tells: the pod by UID, by name and short container ID only, or nothing but the container ID. */
export type Told = 'pod' | 'name' | 'container';

/** Names of the recordings in a folder, without extension. */
export function recordings(folder: 'falco' | 'falcosidekick'): string[] {
  return readdirSync(new URL(`${folder}/`, FIXTURES)).map((file) => file.replace(/\.json$/, ''));
}

/** One line as Falco wrote it. */
export function falcoLine(name: string): string {
  return readFileSync(new URL(`falco/${name}.json`, FIXTURES), 'utf8');
}

/** The request that Falco itself sent. */
export function falcoRequest(): RecordedRequest {
  const { headers, body } = JSON.parse(falcoLine('http-request-as-received')) as RecordedRequest;
  return { headers: toHeaders(Object.entries(headers).flat()), body };
}

interface SidekickRecording {
  sentToSidekick: string;
  received: { request: { rawHeaders: string[]; body: string } }[];
}

/** What went into Falcosidekick, and the request that came out; undefined if it refused the alert. */
export function sidekick(name: string): { sent: string; request: RecordedRequest | undefined } {
  const text = readFileSync(new URL(`falcosidekick/${name}.json`, FIXTURES), 'utf8');
  const { sentToSidekick: sent, received } = JSON.parse(text) as SidekickRecording;
  const request = received[0]?.request;
  return { sent, request: request && { headers: toHeaders(request.rawHeaders), body: request.body } };
}

/** Bodies of Falcosidekick's messages on NATS. */
export function natsBodies(): string[] {
  const text = readFileSync(new URL('falcosidekick/08-nats-messages.json', FIXTURES), 'utf8');
  return (JSON.parse(text) as { body: string }[]).map((message) => message.body);
}

function toHeaders(raw: readonly string[]): Record<string, string> {
  const names = raw.filter((_, index) => index % 2 === 0);
  return Object.fromEntries(names.map((name, index) => [name.toLowerCase(), raw[2 * index + 1] ?? '']));
}

/** Recording, severity, what it tells, executable. */
export const FALCO_ALERTS: readonly (readonly [string, Severity, Told, string | undefined])[] = [
  ['B11-shell-under-fake-runc__container-shell-spawned', 'Warning', 'name', undefined],
  ['B11-shell-under-fake-runc__die-binary-drift-executed', 'Critical', 'pod', '/tmp/runc'],
  ['B11-shell-under-fake-runc__die-shell-from-application', 'Warning', 'pod', '/bin/busybox'],
  [
    'B11-shell-under-fake-runc__drift-detected-container-image-modified-binary',
    'Warning',
    'name',
    '/tmp/runc',
  ],
  ['B11-shell-under-fake-runc__drop-and-execute-new-binary-in-container', 'Critical', 'name', '/tmp/runc'],
  ['B2-app-runs-dropped__die-binary-drift-executed', 'Critical', 'pod', '/tmp/nc'],
  ['B2-app-runs-dropped__drift-detected-container-image-modified-binary', 'Warning', 'name', '/tmp/nc'],
  ['B2-app-runs-dropped__drop-and-execute-new-binary-in-container', 'Critical', 'name', '/tmp/nc'],
  ['B2-app-runs-dropped__launch-suspicious-network-tool-in-container', 'Notice', 'name', '/tmp/nc'],
  ['B3-exec-runs-dropped__die-binary-drift-executed', 'Critical', 'pod', '/tmp/nc'],
  ['B3-exec-runs-dropped__drift-detected-container-image-modified-binary', 'Warning', 'name', '/tmp/nc'],
  ['B3-exec-runs-dropped__drop-and-execute-new-binary-in-container', 'Critical', 'name', '/tmp/nc'],
  ['B3-exec-runs-dropped__launch-suspicious-network-tool-in-container', 'Notice', 'name', '/tmp/nc'],
  ['B4-memfd__die-binary-drift-executed', 'Critical', 'pod', 'memfd:x'],
  ['B4-memfd__fileless-execution-via-memfd-create', 'Critical', 'name', 'memfd:x'],
  ['B8-run-copied-up__die-binary-drift-executed', 'Critical', 'pod', '/app/labtool'],
  ['B8-run-copied-up__drift-detected-container-image-modified-binary', 'Warning', 'name', '/app/labtool'],
  ['B8-run-copied-up__drop-and-execute-new-binary-in-container', 'Critical', 'name', '/app/labtool'],
  ['B9-upper-exe-failed-exec__die-binary-drift-executed', 'Critical', 'pod', '/app/labtool'],
  [
    'B9-upper-exe-failed-exec__drift-detected-container-image-modified-binary',
    'Warning',
    'name',
    '/app/labtool',
  ],
  ['B9-upper-exe-failed-exec__drop-and-execute-new-binary-in-container', 'Critical', 'name', '/app/labtool'],
  ['K1-apt-install__die-package-tool-used', 'Error', 'pod', '/bin/busybox'],
  ['K1-apt-install__launch-package-management-process-in-container', 'Error', 'name', '/bin/busybox'],
  ['K1-apt-install__package-manager-execution-in-container', 'Error', 'name', undefined],
  ['K2-apt-list__die-package-tool-used', 'Error', 'pod', '/bin/busybox'],
  ['K2-apt-list__launch-package-management-process-in-container', 'Error', 'name', '/bin/busybox'],
  ['K2-apt-list__package-manager-execution-in-container', 'Error', 'name', undefined],
  ['K3-npm-i__die-package-tool-used', 'Error', 'pod', '/bin/busybox'],
  ['K3-npm-i__launch-package-management-process-in-container', 'Error', 'name', '/bin/busybox'],
  ['K3-npm-i__package-manager-execution-in-container', 'Error', 'name', undefined],
  ['K4-npm-start__launch-package-management-process-in-container', 'Error', 'name', '/bin/busybox'],
  ['K4-npm-start__package-manager-execution-in-container', 'Error', 'name', undefined],
  ['K5-pip-install__die-package-tool-used', 'Error', 'pod', '/bin/busybox'],
  ['K5-pip-install__launch-package-management-process-in-container', 'Error', 'name', '/bin/busybox'],
  ['K5-pip-install__package-manager-execution-in-container', 'Error', 'name', undefined],
  ['K6-apk-add-by-exec__die-package-tool-used', 'Error', 'pod', '/bin/busybox'],
  ['K6-apk-add-by-exec__launch-package-management-process-in-container', 'Error', 'name', '/bin/busybox'],
  ['K6-apk-add-by-exec__package-manager-execution-in-container', 'Error', 'name', undefined],
  ['P00-app-idle-true__container-file-system-write', 'Notice', 'name', undefined],
  ['S1-app-shell__container-shell-spawned', 'Warning', 'name', undefined],
  ['S1-app-shell__die-shell-from-application', 'Warning', 'pod', '/bin/busybox'],
  ['S2-nested-shell__container-shell-spawned', 'Warning', 'name', undefined],
  ['S2-nested-shell__die-shell-from-application', 'Warning', 'pod', '/bin/busybox'],
  ['S3-exec-shell-notty__container-shell-spawned', 'Warning', 'name', undefined],
  ['S4-exec-shell-tty__container-file-system-write', 'Notice', 'name', undefined],
  ['S4-exec-shell-tty__container-shell-spawned', 'Warning', 'name', undefined],
  ['S4-exec-shell-tty__die-interactive-session', 'Notice', 'pod', '/bin/busybox'],
  ['S4-exec-shell-tty__terminal-shell-in-container', 'Notice', 'name', '/bin/busybox'],
  ['S5-fake-parent-name__container-shell-spawned', 'Warning', 'name', undefined],
  ['S5-fake-parent-name__die-binary-drift-executed', 'Critical', 'pod', '/app/labtool'],
  ['S5-fake-parent-name__die-shell-from-application', 'Warning', 'pod', '/bin/busybox'],
  ['S5-fake-parent-name__drift-detected-container-image-modified-binary', 'Warning', 'name', '/app/labtool'],
  ['S5-fake-parent-name__drop-and-execute-new-binary-in-container', 'Critical', 'name', '/app/labtool'],
  ['V1-copy-binary-to-volume__container-file-system-write', 'Notice', 'name', undefined],
  ['W1-write-usr-bin__container-file-system-write', 'Notice', 'name', undefined],
  ['W1-write-usr-bin__die-system-path-written', 'Notice', 'pod', '/bin/busybox'],
  ['W10-symlink-bin__die-system-path-replaced', 'Notice', 'pod', '/bin/busybox'],
  ['W11-hardlink__die-system-path-replaced', 'Notice', 'pod', '/bin/busybox'],
  ['W12-relative-write__container-file-system-write', 'Notice', 'name', undefined],
  ['W12-relative-write__die-system-path-written', 'Notice', 'pod', '/bin/busybox'],
  ['W13-dotdot-write__container-file-system-write', 'Notice', 'name', undefined],
  ['W13-dotdot-write__die-system-path-written', 'Notice', 'pod', '/bin/busybox'],
  ['W2-mv-into-usr-bin__die-system-path-replaced', 'Notice', 'pod', '/bin/busybox'],
  ['W3-append-existing__container-file-system-write', 'Notice', 'name', undefined],
  ['W3-append-existing__die-system-path-written', 'Notice', 'pod', '/bin/busybox'],
  ['W4-creat-syscall__die-binary-drift-executed', 'Critical', 'pod', '/app/labtool'],
  ['W4-creat-syscall__die-system-path-written', 'Notice', 'pod', '/app/labtool'],
  ['W4-creat-syscall__drift-detected-container-image-modified-binary', 'Warning', 'name', '/app/labtool'],
  ['W4-creat-syscall__drop-and-execute-new-binary-in-container', 'Critical', 'name', '/app/labtool'],
  ['W7-ld-so-preload__container-file-system-write', 'Notice', 'name', undefined],
  ['W7-ld-so-preload__die-system-path-written', 'Notice', 'pod', '/bin/busybox'],
  ['W9-write-shm__container-file-system-write', 'Notice', 'name', undefined],
  ['nometa__die-binary-drift-executed', 'Critical', 'container', '/tmp/nc'],
  ['nometa__die-interactive-session', 'Notice', 'container', '/bin/busybox'],
  ['nometa__die-package-tool-used', 'Error', 'container', '/bin/busybox'],
  ['nometa__die-shell-from-application', 'Warning', 'container', '/bin/busybox'],
  ['nometa__die-system-path-replaced', 'Notice', 'container', '/bin/busybox'],
  ['nometa__die-system-path-written', 'Notice', 'container', '/bin/busybox'],
];
