"""Folders that ``save_to_disk`` of ``datasets`` makes: which of their files hold the rows."""

# To import pathlib takes 10 ms.
# ruff: noqa: PTH113, PTH118, PTH119, PTH123

from __future__ import annotations

import os
from typing import Any

from raftfast.blame import broken, one_line

STATE, SPLITS = "state.json", "dataset_dict.json"
"""What lists the files of a data set, and what lists the data sets of a folder of several."""


def shards(path: str) -> list[str]:
    """List the files of a data set, all of which are there."""
    state = _load(path, STATE)
    if any(state[key] for key in state if key.startswith("_indices")):
        # Older versions of datasets kept a selection or another order of the rows beside them.
        raise broken(path, "an order of its own is kept in indices: save flatten_indices() of it")
    shards = [os.path.join(path, name) for name in _file_names(state)]
    if not shards:
        raise broken(path, f"{STATE} names no files of its folder")
    for shard in shards:
        if not os.path.isfile(shard):
            raise broken(shard, f"is missing, but named in {STATE}")
    return shards


def _file_names(state: dict[str, Any]) -> list[str]:
    """Return the files that a data set consists of; none if one of them is elsewhere."""
    try:
        names = [file["filename"] for file in state["_data_files"]]
    except (KeyError, TypeError):
        return []
    plain = all(isinstance(name, str) and name == os.path.basename(name) for name in names)
    return names if plain else []


def splits(path: str) -> list[str]:
    """List the data sets in a folder of several."""
    splits = _load(path, SPLITS).get("splits")
    if not (isinstance(splits, list) and splits):
        raise broken(path, f"{SPLITS} names no data sets")
    return [str(name) for name in splits]


def _load(path: str, name: str) -> dict[str, Any]:
    import json  # noqa: PLC0415 - 5 ms that only folders need

    with open(os.path.join(path, name), "rb") as file:
        try:
            listing = json.load(file)
        except (ValueError, RecursionError) as error:
            raise broken(path, f"{name} is not JSON: {one_line(error)}") from error
    if not isinstance(listing, dict):
        raise broken(path, f"{name} is not an object")
    return listing
