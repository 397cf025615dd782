// A capture as a process of its own, for tests in which several race: prints the summary as one line of JSON.
import { createS3Store } from '../../src/evidence/s3-store.ts';
import { capture } from './s3-bundles.ts';
import { storeOptions } from './s3-options.ts';

const [, , endpoint = '', text = ''] = process.argv;
process.stdout.write('ready\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
const summary = await capture(createS3Store(storeOptions({ endpoint })), text, 64 * 1024);
process.stdout.write(`${JSON.stringify(summary)}\n`);
process.stdin.destroy();
