"""A key of préau, carried in each way that Python's programs have: once right, once wrong. Arguments: host and port, and the key."""

import base64
import json
import sys
import urllib.request
from importlib.resources import files

import duckdb
import pandas
import requests

EXTENSION = next(path for path in (files("duckdb_extension_httpfs") / "extensions").rglob("httpfs.duckdb_extension"))
DATASET = "/api/explore/v2.1/catalog/datasets/fr-en-annuaire-education"
RECORDS, TABLE = f"{DATASET}/records?limit=1", f"{DATASET}/exports/csv?limit=5"

host, key = sys.argv[1:]
wrong = key[:-4] + ("0000" if key[-4:] != "0000" else "1111")
session = requests.Session()
session.trust_env = False
no_proxy = urllib.request.ProxyHandler({})


def opened(url, *handlers, **fields):
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in fields.items()})
    return urllib.request.build_opener(no_proxy, *handlers).open(request, timeout=60).status == 200


def managed(manager, key, **more):
    manager.add_password(None, f"http://{host}/", "team", key, **more)
    return opened(f"http://{host}{RECORDS}", urllib.request.HTTPBasicAuthHandler(manager))


def in_duckdb(address, secret=None):
    database = duckdb.connect(config={"autoinstall_known_extensions": False})
    database.load_extension(str(EXTENSION))
    if secret is not None:
        database.execute(f"CREATE SECRET (TYPE http, SCOPE 'http://{host}/', EXTRA_HTTP_HEADERS MAP {{'X-Preau-Key': '{secret}'}})")
    return len(database.execute("SELECT * FROM read_csv(?, delim = ';', all_varchar = true)", [address]).fetchall()) == 5


def in_pandas(address, **options):
    return len(pandas.read_csv(address, sep=";", dtype=str, storage_options=options or None)) == 5


WAYS = {
    "requests: address": lambda key: session.get(f"http://team:{key}@{host}{RECORDS}", timeout=60).ok,
    "requests: auth": lambda key: session.get(f"http://{host}{RECORDS}", auth=("team", key), timeout=60).ok,
    "requests: field": lambda key: session.get(f"http://{host}{RECORDS}", headers={"X-Preau-Key": key}, timeout=60).ok,
    "urllib: address": lambda key: opened(f"http://team:{key}@{host}{RECORDS}"),
    "urllib: field": lambda key: opened(f"http://{host}{RECORDS}", X_Preau_Key=key),
    "urllib: basic field": lambda key: opened(
        f"http://{host}{RECORDS}", Authorization="Basic " + base64.b64encode(f"team:{key}".encode()).decode()
    ),
    "urllib: handler": lambda key: managed(urllib.request.HTTPPasswordMgrWithDefaultRealm(), key),
    "urllib: prior handler": lambda key: managed(urllib.request.HTTPPasswordMgrWithPriorAuth(), key, is_authenticated=True),
    "pandas: address": lambda key: in_pandas(f"http://team:{key}@{host}{TABLE}"),
    "pandas: field": lambda key: in_pandas(f"http://{host}{TABLE}", **{"X-Preau-Key": key}),
    "DuckDB: address": lambda key: in_duckdb(f"http://team:{key}@{host}{TABLE}"),
    "DuckDB: secret": lambda key: in_duckdb(f"http://{host}{TABLE}", key),
}


def works(way, key):
    try:
        return way(key)
    except Exception:  # each library has its own for an answer that is none
        return False


for name, way in WAYS.items():
    print(json.dumps({"way": name, "right": works(way, key), "wrong": works(way, wrong)}))
