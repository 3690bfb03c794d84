// A key of préau, carried in each way that JavaScript has: once right, once wrong. Arguments: host and port, the key, and where the vendor's library
// is installed.
import { createRequire } from 'node:module';

const [host, key, installed] = process.argv.slice(2);
const wrong = key.slice(0, -4) + (key.endsWith('0000') ? '1111' : '0000');
const { ApiClient } = createRequire(`${installed}/package.json`)('@opendatasoft/api-client');
const records = '/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education/records?limit=1';

const answers = async (address, headers = {}) => (await fetch(address, { headers })).ok;
const ways = {
  'fetch: address': (key) => answers(`http://team:${key}@${host}${records}`),
  'fetch: field': (key) => answers(`http://${host}${records}`, { 'X-Preau-Key': key }),
  'fetch: basic field': (key) => answers(`http://${host}${records}`, { Authorization: `Basic ${btoa(`team:${key}`)}` }),
  'api-client: field': async (key) => {
    const client = new ApiClient({ domain: `http://${host}`, headers: { 'X-Preau-Key': key } });
    return (await client.get('catalog/datasets?limit=1')).total_count > 0;
  },
};

for (const [way, works] of Object.entries(ways)) {
  const [right, other] = await Promise.all([key, wrong].map((key) => works(key).catch(() => false)));
  console.log(JSON.stringify({ way, right, wrong: other }));
}
