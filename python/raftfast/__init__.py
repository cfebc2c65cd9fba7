"""RAFT records to fine-tuning rows, every byte checked, at the speed of copying the file.

>>> import raftfast
>>> ledger = raftfast.convert("corpus.jsonl", "train.jsonl", to="chat")
>>> ledger.read == ledger.written + sum(ledger.filtered.values())
True

``convert`` writes files, ``read`` gives Arrow batches, ``Converter`` takes bytes, and all of them
keep a ``Ledger`` in which every record read is accounted for. What is wrong in the data is an
``Error`` with a position. ``validate`` checks rows that are there already.
"""

from raftfast._raftfast import Converter, Dialect, Ledger, Target, __version__
from raftfast.convert import convert
from raftfast.errors import Error, UsageError
from raftfast.limits import RuleWarning
from raftfast.read import Batches, read, to_dataset
from raftfast.samples import sample
from raftfast.validate import Problem, Verdict, validate

__all__ = [
    "Batches",
    "Converter",
    "Dialect",
    "Error",
    "Ledger",
    "Problem",
    "RuleWarning",
    "Target",
    "UsageError",
    "Verdict",
    "__version__",
    "convert",
    "read",
    "sample",
    "to_dataset",
    "validate",
]
