"""What a table says of itself before its rows are read: by that, the core tells their dialects."""

# To import pyarrow takes 0.1 s.
# ruff: noqa: PLC0415

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyarrow import DataType, Field, Schema

_ALL_COLUMNS = "raftfast.columns"
"""The key of the metadata under which the core finds the names of all columns, read or not, which
tell dialects."""


def told_of(schema: Schema) -> list[tuple[str, str]]:
    """Tell of each column what it holds, as far as dialects are told by that."""
    return [(field.name, _form(field)) for field in schema]


def _form(field: Field) -> str:
    from pyarrow import StructType

    if _is_json(field):
        return "unknown"
    if _is_text(field.type):
        return "text"
    if isinstance(field.type, StructType) and field.type.num_fields:
        items = getattr(field.type.field(0).type, "value_field", None)
        is_flat = items is not None and _is_text(items.type) and not _is_json(items)
        return "flat" if is_flat else "other"
    return "other"


def _is_json(field: Field) -> bool:
    """Tell strings of JSON, which may be anything: those that ``datasets`` has for mixed types."""
    name = getattr(field.type, "extension_name", None)
    told = (field.metadata or {}).get(b"ARROW:extension:name")
    return "arrow.json" in {name, told and told.decode("latin-1")}


def _is_text(kind: DataType) -> bool:
    from pyarrow import types

    kind = stored(kind)
    if types.is_dictionary(kind):
        kind = kind.value_type
    return any(
        is_kind(kind) for is_kind in (types.is_string, types.is_large_string, types.is_string_view)
    )


def stored(kind: DataType) -> DataType:
    """Return what an extension type is stored as."""
    from pyarrow import BaseExtensionType

    return kind.storage_type if isinstance(kind, BaseExtensionType) else kind


def schema_of(schema: Schema, whole: Schema) -> Schema:
    """Let a schema say of which table its columns are."""
    if schema.names == whole.names:
        return schema
    import json

    names = json.dumps(whole.names)
    return schema.with_metadata({**(schema.metadata or {}), _ALL_COLUMNS: names})
