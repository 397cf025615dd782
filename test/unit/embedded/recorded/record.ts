// Asks a real API server what the conversations ask, and writes its answers into them: all of them, or those named.
//   node test/unit/embedded/recorded/record.ts [name ...] && prettier --write test/unit/embedded/recorded
import { createUndiciTransport } from '../../../../src/kube/undici-transport.ts';
import { startControlPlane } from '../../../support/api-server.ts';
import { ensureAssets } from '../../../support/assets.ts';
import { connectionFor } from '../../../support/cluster-access.ts';
import { installCrds } from '../../../support/crds.ts';
import { converse, readConversations, writeConversation } from './conversation.ts';

const say = (line: string) => void process.stderr.write(`${line}\n`);
const search = await ensureAssets(say);
if (!search.found) throw new Error(search.reason);
const { etcd, apiServer } = search.assets;
// Without controllers, so that nothing changes between the questions.
const plane = await startControlPlane({ etcd, apiServer });
try {
  await installCrds(plane.access);
  const transport = createUndiciTransport(connectionFor(plane.access, plane.access.admin));
  const wanted = process.argv.slice(2);
  for (const { name, steps } of await readConversations()) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const answers = await converse(transport, steps);
    const answered = steps.map((step, index) => ({ ...step, answer: answers[index] ?? step.answer }));
    await writeConversation(name, answered);
    say(`${name}: ${answers.length} answers`);
  }
  await transport.close();
} finally {
  await plane.stop();
}
