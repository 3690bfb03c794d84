"""DuckDB reading tables from addresses: HEAD first, then ranges or the whole. It shows neither status nor fields: a table, or an error."""

from importlib.resources import files

import duckdb
from outcome import run

EXTENSION = next(path for path in (files("duckdb_extension_httpfs") / "extensions").rglob("httpfs.duckdb_extension"))
READERS = {"csv": "read_csv(?, delim = ';', all_varchar = true)", "parquet": "read_parquet(?)", "json": "read_json(?)", "jsonl": "read_json(?)"}


def ask(url, call):
    # A connection for each, so that nothing is remembered from one call to the next.
    database = duckdb.connect(config={"autoinstall_known_extensions": False})
    database.load_extension(str(EXTENSION))
    rows = database.execute(f"SELECT COLUMNS(*)::VARCHAR FROM {READERS[call['format']]}", [url]).fetchall()
    if not rows:
        raise ValueError("a table without a row")
    return 200, repr(rows).encode(), {}


run(ask)
