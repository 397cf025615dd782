// A process that appends to a journal and tells each id once it is safe, until somebody ends it.
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { createDirectoryDisk } from '../../../src/detect/journal/directory-disk.ts';
import { openJournal } from '../../../src/detect/journal/journal.ts';
import { systemClock } from '../../../src/kube/clock.ts';
import { silentLogger } from '../../../src/observe/log.ts';
import { detection } from './support.ts';

const [folder = '', from = '0'] = process.argv.slice(2);
const journal = await openJournal({
  disk: createDirectoryDisk(folder),
  clock: systemClock,
  log: silentLogger,
  owner: randomBytes(16).toString('hex'),
  segmentBytes: 8 * 1024,
});
const STDOUT = 1;
writeSync(STDOUT, 'open\n');

/** Appends every tenth number for good, and settles the others. */
async function appendForever(start: number): Promise<void> {
  for (let n = start; ; n += 8) {
    await journal.append(detection(n));
    writeSync(STDOUT, `stored ${n}\n`);
    if (n % 10 === 0) continue;
    writeSync(STDOUT, `settled ${n}\n`);
    journal.settle(detection(n).summary.id);
  }
}

await Promise.all(Array.from({ length: 8 }, (_, lane) => appendForever(Number(from) + lane)));
