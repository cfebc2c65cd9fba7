"""RAFT records to fine-tuning rows, every byte checked, at the speed of copying the file.

>>> import raftfast
>>> ledger = raftfast.convert("corpus.jsonl", "train.jsonl", to="chat")
>>> ledger.read == ledger.written + sum(ledger.filtered.values())
True

``convert`` takes files, ``Converter`` takes bytes, and both keep a ``Ledger`` in which every record
read is accounted for. What is wrong in the data is an ``Error`` with a position.
"""

from raftfast._raftfast import Converter, Ledger, Target, __version__
from raftfast.convert import convert
from raftfast.errors import Error, UsageError
from raftfast.samples import sample

__all__ = [
    "Converter",
    "Error",
    "Ledger",
    "Target",
    "UsageError",
    "__version__",
    "convert",
    "sample",
]
