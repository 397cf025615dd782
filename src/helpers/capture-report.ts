// What a capture pod says as its last word, one line of JSON that the kubelet keeps as the message of its end; and its arguments.
import { z } from 'zod';
import type { CaptureOrder } from './capture-order.ts';
import { DoneSchema } from './capture-wire.ts';
import type { HostRoots } from './helper-settings.ts';

const ReportSchema = z.discriminatedUnion('result', [
  /** Everything was sent; hash and number are those of the last frame, told by another way than the evidence itself. */
  z.strictObject({ result: z.literal('Sent'), ...DoneSchema.shape }),
  z.strictObject({
    result: z.literal('Refused'),
    /** `Order`: it cannot be carried out. `NoReader`: nobody with the key came in time. `Broken`: the reader went away. */
    reason: z.enum(['Order', 'NoReader', 'Broken', 'Failed']),
    message: z.string().max(1024),
  }),
]);
/** See the file's first line. */
export type CaptureReport = z.output<typeof ReportSchema>;

/** Reads the message of an end, which may come after a reason of the kubelet's; undefined if there is no report in it. */
export function readCaptureReport(message: string): CaptureReport | undefined {
  try {
    return ReportSchema.safeParse(JSON.parse(message.slice(message.indexOf('{')))).data;
  } catch {
    return undefined;
  }
}

/** The message of an end in words for people. */
export function captureEnd(message: string): string {
  const report = readCaptureReport(message);
  if (report === undefined) return message;
  return report.result === 'Refused' ? report.message : `it sent ${report.files} files`;
}

/** The arguments of `die-operator helper` that start a capture. @param key is for this one pod. */
export function captureArgs(
  order: CaptureOrder,
  key: Uint8Array,
  { containerd, kubelet }: HostRoots,
): string[] {
  const folders = ['--containerd-root', containerd, '--kubelet-root', kubelet];
  return ['capture', '--key', Buffer.from(key).toString('hex'), '--order', JSON.stringify(order), ...folders];
}
