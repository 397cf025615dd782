// The other thread of watchdog.ts.
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { BEGUN, BUSY, type Watched } from './watchdog.ts';

const LOOKS = 60;
const STANDARD_ERROR = 2;

const { beats, advice, patienceMs } = workerData as Watched;
let last = -1;
let looks = 0;

setInterval(() => {
  const begun = Atomics.load(beats, BEGUN);
  looks = begun === last && Atomics.load(beats, BUSY) === 1 ? looks + 1 : 0;
  last = begun;
  if (looks < LOOKS) return;
  // Runs are counted from 0.
  writeSync(STANDARD_ERROR, `input ${begun - 1} hangs. ${advice}${begun - 1}\n`);
  process.kill(process.pid, 'SIGKILL');
}, patienceMs / LOOKS);
