// The vendor's JavaScript library. Arguments: the origin to ask, a file with the calls, and the directory that the library is installed in.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { ask, told } from './ask.mjs';

const [base, calls, installed] = process.argv.slice(2);
const { all, ApiClient, exactMatch, field, fromCatalog, list, NotFoundError, string, UserError } = createRequire(
  `${installed}/package.json`,
)('@opendatasoft/api-client');
const EXPLORE = '/api/explore/v2.1/';

const client = new ApiClient({ domain: base });
// The library parses JSON alone; for other formats its users look at the response.
const unparsed = new ApiClient({ domain: base, interceptResponse: async (response) => response });

/** The library under the signature of `fetch`: paths of the API it is for are relative to its base, others absolute. */
function send(url, { headers }) {
  const target = url.slice(base.length);
  const [, apiKey] = /^apikey (.+)$/i.exec(headers?.Authorization ?? '') ?? [];
  return unparsed.get(target.startsWith(EXPLORE) ? target.slice(EXPLORE.length) : `/${target}`, { apiKey, hideDeprecatedWarning: true });
}

/** What its users write: the builder for the query, and an object or an error for the answer. */
const DIRECTORY = () => fromCatalog().dataset('fr-en-annuaire-education');
const BUILT = [
  fromCatalog().itself(),
  fromCatalog().datasets().select('dataset_id').limit(100).offset(0),
  fromCatalog().facets().facet('publisher'),
  DIRECTORY().itself(),
  DIRECTORY().facets().facet('type_etablissement'),
  DIRECTORY().records().select('count(*) as n').groupBy('libelle_academie').limit(100),
  DIRECTORY()
    .records()
    .where(all(exactMatch('type_etablissement', 'Lycée'), `search(${list(field('nom_etablissement'), string('marie'))})`))
    .refine('statut_public_prive:Public')
    .refine('type_etablissement:Lycée')
    .orderBy('nom_etablissement asc')
    .lang('fr')
    .timezone('Europe/Paris')
    .limit(100),
  DIRECTORY().records().where('no such thing'),
  fromCatalog().dataset('no-such-thing').records(),
];

async function built(query) {
  const target = query.toString();
  const outcome = async (status, value) => ({ target, status, ...(await told(base, new TextEncoder().encode(JSON.stringify(value)))), fields: {} });
  try {
    return await outcome(200, await client.get(query, { hideDeprecatedWarning: true }));
  } catch (error) {
    if (error instanceof UserError) {
      return outcome(error.response.status, [error instanceof NotFoundError, error.message]);
    }
    return { target, error: String(error.cause ?? error) };
  }
}

for (const call of JSON.parse(await readFile(calls, 'utf8'))) {
  console.log(JSON.stringify(await ask(base, call, send)));
}
for (const query of BUILT) {
  console.log(JSON.stringify(await built(query)));
}
