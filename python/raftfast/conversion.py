"""A conversion with its options: how some inputs become one output, or one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raftfast import _raftfast
from raftfast.sources import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raftfast._raftfast import Converter, Ledger
    from raftfast.forms import Form
    from raftfast.jobs import Tick
    from raftfast.sources import Source


@dataclass(frozen=True)
class Conversion:
    """What all outputs of a run have in common.

    Attributes:
        converter: The compiled target.
        form: What is written.
        block_bytes: Bytes of input that a worker takes at a time.
        long: Whether zst inputs are taken that need more than 128 MiB for their window.

    """

    converter: Converter
    form: Form
    block_bytes: int
    long: bool

    def __call__(  # noqa: PLR0913 - what differs from one output to another
        self,
        inputs: Sequence[Source],
        output: Any,  # noqa: ANN401 - a path, or an object with `write`
        *,
        threads: int | None,
        rejects: str | None,
        tick: Tick | None,
        part: tuple[int, int] | None = None,
        lenient: bool = False,
    ) -> Ledger:
        """Convert into one output; the arguments are those of `raftfast._raftfast.convert_files`."""
        return self._convert(
            inputs,
            output,
            threads=threads,
            rejects=rejects,
            tick=tick,
            part=part,
            lenient=lenient,
        )

    def roll(  # noqa: PLR0913 - as above
        self,
        inputs: Sequence[Source],
        next_output: Callable[[], str],
        *,
        shard_bytes: int,
        threads: int | None,
        rejects: str | None,
        tick: Tick | None,
    ) -> Ledger:
        """Convert into outputs of so many bytes at most, one after the other."""
        return self._convert(
            inputs,
            next_output,
            shard_bytes=shard_bytes,
            threads=threads,
            rejects=rejects,
            tick=tick,
        )

    def _convert(self, inputs: Sequence[Source], output: Any, **run: Any) -> Ledger:  # noqa: ANN401
        with opened(inputs, self.converter.fields) as streams:
            return _raftfast.convert_files(
                streams,
                output,
                self.converter,
                block_bytes=self.block_bytes,
                form=self.form.kind,
                compression=self.form.compression,
                level=self.form.level,
                long=self.long,
                **run,
            )
