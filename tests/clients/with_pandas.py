"""pandas reading tables from addresses. It shows neither status nor fields of what it read: a table, or an error."""

import pandas
from outcome import run


def ask(url, call):
    match call["format"]:
        case "csv":
            table = pandas.read_csv(url, sep=";", dtype=str)
        case "json":
            table = pandas.read_json(url)
        case "jsonl":
            table = pandas.read_json(url, lines=True)
        case other:
            raise ValueError(f"pandas reads no {other} here")
    if table.empty:
        raise ValueError("a table without a row")
    return 200, table.to_csv().encode(), {}


run(ask)
