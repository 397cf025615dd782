// What Falcosidekick does, for a pod that has only Node: posts an alert, as often as it is told, each over a connection of
// its own. Prints a line of JSON for each answer. It is run by `node -e`, so its arguments begin at 1.
import { setTimeout as sleep } from 'node:timers/promises';

const [, url = '', token = '', body = '', times = '', everyMs = ''] = process.argv;
const headers = {
  'user-agent': 'Falcosidekick',
  'content-type': 'application/json; charset=utf-8',
  authorization: `Bearer ${token}`,
  connection: 'close',
};

async function post(): Promise<object> {
  try {
    const answer = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(5000) });
    return { status: answer.status, body: await answer.json() };
  } catch (error) {
    return { error: error instanceof Error ? `${error.message}: ${String(error.cause)}` : String(error) };
  }
}

for (let time = 0; time < Number(times); time++) {
  if (time > 0) await sleep(Number(everyMs));
  process.stdout.write(`${JSON.stringify(await post())}\n`);
}
