"""Finds a secret wherever it may lie: in any file, in each way of writing it, and inside what is compressed."""

import base64
import contextlib
import html
import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

import duckdb
import pyarrow.parquet as pq

_ZLIB_STARTS = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_LONGEST_STREAM = 50_000_000


def forms_of(secret: str) -> dict[str, bytes]:
    """Each way in which a secret may stand somewhere, by its name."""
    raw = secret.encode()
    forms = {
        "raw": raw,
        "hex": raw.hex().encode(),
        "HEX": raw.hex().upper().encode(),
        "url": quote(secret, safe="").encode(),
        "url+": quote_plus(secret).encode(),
        "json": secret.replace("/", "\\/").encode(),
        "html": html.escape(secret).encode(),
        "utf-16": secret.encode("utf-16-le"),
    }
    for shift in range(3):  # inside a longer text, base64 falls in one of three ways
        inner = base64.b64encode(bytes(shift) + raw)[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
        forms[f"base64/{shift}"] = inner
        forms[f"base64url/{shift}"] = inner.translate(bytes.maketrans(b"+/", b"-_"))
    with contextlib.suppress(ValueError):  # a secret that is base64 itself may lie decoded
        decoded = base64.b64decode(secret, validate=True)
        if len(decoded) >= 16:
            forms["decoded"] = decoded
            forms["decoded hex"] = decoded.hex().encode()
    return forms


def find_in(data: bytes, forms: Mapping[str, bytes]) -> set[str]:
    """Names of the forms that stand in some bytes, or in a compressed stream inside them."""
    found = _standing_in(data, forms)
    for inner in _streams(data):
        found |= _standing_in(inner, forms)
    return found


def _standing_in(data: bytes, forms: Mapping[str, bytes]) -> set[str]:
    if len(data) < min(map(len, forms.values())):  # as most values of a database are
        return set()
    return {name for name, form in forms.items() if form in data}


def _streams(data: bytes) -> Iterator[bytes]:
    for start in _ZLIB_STARTS.finditer(data):
        opened = zlib.decompressobj(wbits=47)  # zlib or gzip, as its head says
        with contextlib.suppress(zlib.error):
            yield opened.decompress(data[start.start() :], _LONGEST_STREAM)


def find_under(folder: Path, forms: Mapping[str, bytes]) -> dict[str, set[str]]:
    """The files under a folder that hold any of the forms: relative path -> their names."""
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            names = set().union(*(find_in(part, forms) for part in parts_of(path)))
            if names:
                found[str(path.relative_to(folder))] = names
    return found


def parts_of(path: Path) -> Iterator[bytes]:
    """A file's name, its bytes, and its values where its format may compress or cut them."""
    yield path.name.encode()
    yield path.read_bytes()
    yield from _values_of(path)


def _values_of(path: Path) -> Iterable[bytes]:
    with path.open("rb") as opened:
        head = opened.read(16)
    if head.startswith(b"SQLite format 3"):
        return _sqlite_values(path)
    if head.startswith(b"PAR1"):
        return _parquet_values(path)
    if head[8:12] == b"DUCK":
        return _duckdb_values(path)
    return ()


def _sqlite_values(path: Path) -> Iterator[bytes]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.text_factory = bytes
        names = [name.decode() for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            for row in db.execute(f'SELECT * FROM "{name}"'):  # noqa: S608 - the database's own names
                yield from (_bytes_of(value) for value in row if value is not None)


def _parquet_values(path: Path) -> Iterator[bytes]:
    table = pq.read_table(path)
    yield str(table.schema.metadata).encode()
    for column in table.columns:
        yield "\n".join(str(value) for value in column.to_pylist()).encode()


def _duckdb_values(path: Path) -> Iterator[bytes]:
    with duckdb.connect() as db:
        db.execute(f"ATTACH '{path}' AS it (READ_ONLY)")
        for (name,) in db.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'it'").fetchall():
            for row in db.execute(f'SELECT * FROM it."{name}"').fetchall():  # noqa: S608 - the file's own names
                yield from (_bytes_of(value) for value in row if value is not None)


def _bytes_of(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
