// Node's own fetch. Arguments: the origin to ask, and a file with the calls.
import { readFile } from 'node:fs/promises';

import { ask } from './ask.mjs';

const [base, calls] = process.argv.slice(2);
for (const call of JSON.parse(await readFile(calls, 'utf8'))) {
  console.log(JSON.stringify(await ask(base, call, fetch)));
}
