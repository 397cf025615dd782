// Asks a real API server what the recorded conversations ask, and writes its answers into them. It wants an empty one
// with our CRDs, without controllers and without the ServiceAccount admission plugin:
//   node test/unit/embedded/recorded/record.ts https://127.0.0.1:6443 <token> <file.json> ...
import { readFile, writeFile } from 'node:fs/promises';
import { bodyText, simplify, START, type Answer, type Step } from './conversation.ts';

const [base = '', token = '', ...files] = process.argv.slice(2);

for (const file of files) {
  const steps = JSON.parse(await readFile(file, 'utf8')) as Step[];
  let start = '';
  for (const step of steps) {
    const { answer, revision } = await ask(step, start);
    step.answer = answer;
    start ||= revision;
  }
  await writeFile(file, `${JSON.stringify(steps, null, 2)}\n`);
}

async function ask({ request }: Step, start: string): Promise<{ answer: Answer; revision: string }> {
  const { method, path, contentType } = request;
  const body = bodyText(request.body);
  const response = await fetch(base + path.replace(START, start), {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(contentType !== undefined && { 'content-type': contentType }),
    },
    ...(body !== undefined && { body }),
  });
  const text = await response.text();
  const revision = /"resourceVersion":"(\d+)"/.exec(text)?.[1] ?? '';
  return { answer: simplify(response.status, response.headers, text), revision };
}
