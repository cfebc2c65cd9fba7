"""Columns from objects of Python: tables of pyarrow, a ``Dataset``, frames of Polars.

What else has ``__arrow_c_stream__`` is given to the core as it is.
"""

# To import pyarrow takes 0.1 s.
# ruff: noqa: PLC0415

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from raftfast.schemas import schema_of, stored, told_of

if TYPE_CHECKING:
    from datasets import Dataset
    from pyarrow import DataType, RecordBatch, RecordBatchReader, Table

    from raftfast.columns import Columns
    from raftfast.held import Wanted

_DATASET_ROWS = 1000


def of_dataset(dataset: Dataset, wanted: Wanted | None) -> Columns:
    """Read a ``datasets.Dataset``: its rows as they were selected, filtered and shuffled.

    Args:
        dataset: The dataset.
        wanted: Tells which columns are used; ``None`` is all of them.

    """
    from raftfast.columns import Columns

    whole = dataset.data.schema
    used = whole.names if wanted is None else wanted(told_of(whole))
    # By the Dataset and not from its table, which knows nothing of a selection or an order.
    arrow = dataset.select_columns(used or whole.names[:1]).with_format("arrow")
    tables = (table.combine_chunks() for table in arrow.iter(_DATASET_ROWS))
    batches = (_aligned(batch) for table in tables for batch in table.to_batches())
    return Columns("the Dataset", schema_of(arrow.data.schema, whole), batches)


def of_table(name: str, source: object, wanted: Wanted | None) -> Columns:
    """Read what `is_table` tells.

    Args:
        name: What messages call it.
        source: One of these.
        wanted: Tells which columns are used; ``None`` is all of them.

    """
    import pyarrow as pa

    from raftfast.columns import Columns

    table = _table(source)
    whole = table.schema
    used = whole.names if wanted is None else wanted(told_of(whole))
    chosen = [number for number, column in enumerate(whole.names) if column in used] or [0]
    batches = [table] if isinstance(table, pa.RecordBatch) else table
    if isinstance(batches, pa.Table):
        batches = batches.select(chosen).to_batches()
    else:
        batches = (batch.select(chosen) for batch in batches)
    schema = pa.schema([whole.field(number) for number in chosen], whole.metadata)
    return Columns(name, schema_of(schema, whole), map(_aligned, batches))


def is_table(source: object) -> bool:
    """Tell what pyarrow knows as a table, without importing it.

    Those are its own tables, batches, readers and arrays of structs, and frames of pandas.
    """
    if is_of(source, "pyarrow", "Table", "RecordBatch", "RecordBatchReader"):
        return len(source.schema) > 0  # type: ignore[attr-defined]
    if is_of(source, "pyarrow", "StructArray", "ChunkedArray"):
        is_struct = hasattr(source.type, "fields")  # type: ignore[attr-defined]
        return is_struct and not source.null_count  # type: ignore[attr-defined]
    return is_of(source, "pandas", "DataFrame") and len(source.columns) > 0  # type: ignore[attr-defined]


def is_of(source: object, module: str, *names: str) -> bool:
    """Tell an object of classes of a module that need not be there, without importing it."""
    classes = (getattr(sys.modules.get(module), name, None) for name in names)
    return isinstance(source, tuple(one for one in classes if isinstance(one, type)))


def _table(source: Any) -> Table | RecordBatch | RecordBatchReader:  # noqa: ANN401 - see `is_table`
    import pyarrow as pa

    if isinstance(source, pa.StructArray):
        return pa.RecordBatch.from_struct_array(source)
    if isinstance(source, pa.ChunkedArray):
        return pa.Table.from_struct_array(source)
    if isinstance(source, (pa.Table, pa.RecordBatch, pa.RecordBatchReader)):
        return source
    return pa.RecordBatchReader.from_stream(source)


def of_nulls(frame: object) -> RecordBatchReader:
    """Read a frame of Polars that has columns of nulls.

    Polars gives them a buffer, and Arrow has none for them: the core refuses that, and pyarrow does
    not look at it.

    Raises:
        UsageError: pyarrow is not installed.

    """
    from raftfast.columns import require_pyarrow

    require_pyarrow()
    import pyarrow as pa

    return pa.RecordBatchReader.from_stream(frame)


def _aligned(batch: RecordBatch) -> RecordBatch:
    """Copy columns with objects right inside of others to where they start at their first row.

    Where they start later, because they are a slice, arrow-rs 59 panics: it cuts them off twice.
    """
    import pyarrow as pa

    columns = [
        pa.concat_arrays([column]) if _is_deep(column.type, inside=False) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _is_deep(kind: DataType, *, inside: bool) -> bool:
    """Tell a type with objects right inside of others, or of lists of a fixed length."""
    from pyarrow import types

    kind = stored(kind)
    if types.is_struct(kind):
        return inside or any(
            _is_deep(kind.field(n).type, inside=True) for n in range(kind.num_fields)
        )
    if types.is_nested(kind):
        fixed = types.is_fixed_size_list(kind)
        return any(_is_deep(kind.field(n).type, inside=fixed) for n in range(kind.num_fields))
    return False
