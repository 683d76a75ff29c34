"""The conversion itself: records in chunks from the source, through the cleaner, to the output."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec

from stream.convert.clean import Clean, Cleaner
from stream.convert.duplicates import Seen
from stream.convert.outputs import failing, format_of, rows, writing
from stream.convert.plan import STDIN, Plan
from stream.convert.records import Dropped
from stream.convert.report import Report
from stream.convert.sources import Records, Source, source
from stream.errors import InputFileError, UsageError

_CHUNK: Final = 1000
_CHUNK_BYTES: Final = 1_048_576

#: Told the bytes read, of how many (0: not known), and the rows so far.
Progress = Callable[[int, int, int], None]


class _Nothing(Exception):
    """No row can be used: there is no output."""


def convert(plan: Plan, progress: Progress = lambda _bytes, _of, _rows: None) -> Report:
    """Convert a file; its output appears whole at the end, or not at all.

    Raises
    ------
    InputFileError
        If the source cannot be read, is of another format, or no row of it can be used.
    UsageError
        If the output is there already, has no ending that is known, or options do not fit.
    OutputFileError
        If the output cannot be written.

    """
    began = time.monotonic()
    _check(plan)
    report = Report(str(plan.source), str(plan.out), plan.kind)
    with ExitStack() as reports:
        rejects = _side_file(reports, plan.rejects, plan)
        told = _side_file(reports, plan.report, plan)
        try:
            _write(plan, report, _Sides(plan, rejects, told, began), progress)
        except _Nothing:
            report.written = 0
    if not report.written:
        raise InputFileError(_nothing(report))
    return report


def _check(plan: Plan) -> None:
    format_of(plan.out)
    for path in (plan.out, plan.report, plan.rejects):
        if (
            path is not None
            and plan.source != STDIN
            and path.exists()
            and plan.source.exists()
            and path.samefile(plan.source)
        ):
            raise UsageError(f"{path} is the input itself.")
    outputs = [path.resolve() for path in (plan.out, plan.report, plan.rejects) if path is not None]
    if len(set(outputs)) < len(outputs):
        raise UsageError("--out, --report and --rejects need to be different files.")


def _side_file(stack: ExitStack, path: Path | None, plan: Plan) -> IO[bytes] | None:
    return None if path is None else stack.enter_context(writing(path, overwrite=plan.overwrite))


@dataclass(frozen=True)
class _Sides:
    """What is written beside the output; a full disk names the file that it met."""

    plan: Plan
    rejects: IO[bytes] | None
    report: IO[bytes] | None
    began: float

    def reject(self, dropped: Dropped) -> None:
        if self.rejects is not None and self.plan.rejects is not None:
            with failing(self.plan.rejects):
                self.rejects.write(_rejected(dropped))

    def finish(self, report: Report) -> None:
        """While the output has not appeared: it is not to, if these cannot be written."""
        report.seconds = round(time.monotonic() - self.began, 3)
        if self.rejects is not None and self.plan.rejects is not None:
            with failing(self.plan.rejects):
                self.rejects.flush()
        if self.report is not None and self.plan.report is not None:
            told = msgspec.json.format(msgspec.json.encode(report.as_json()))
            with failing(self.plan.report):
                self.report.write(told + b"\n")
                self.report.flush()


def _write(plan: Plan, report: Report, sides: _Sides, progress: Progress) -> None:
    cleaner = Cleaner(plan)
    with ExitStack() as stack:
        read = stack.enter_context(source(plan))
        file = stack.enter_context(writing(plan.out, overwrite=plan.overwrite))
        types: Counter[tuple[str, str]] = Counter()
        seen = stack.enter_context(
            nullcontext() if plan.keep_duplicates else Seen(_scratch(plan.out))
        )
        with rows(file, plan.out, plan.kind) as sink:
            for chunk in _chunks(_cleaned(read.records, cleaner, report, sides)):
                new = _new(chunk, seen, report)
                sink.write([one.fields for one in new], [one.encoded for one in new])
                types.update(one.type for one in new if one.type is not None)
                progress(read.position(), read.total, report.rows)
        file.flush()
        report.columns, report.ignored_columns = read.columns, list(read.ignored)
        report.notes = read.notes
        report.count(cleaner.mended + read.mended, types, cleaner.units)
        _note_the_end(report, read)
        sides.finish(report)
        if not report.written:
            raise _Nothing
        progress(read.total, read.total, report.rows)


def _cleaned(records: Records, cleaner: Cleaner, report: Report, sides: _Sides) -> Iterator[Clean]:
    """The records that can be applied; the others are counted."""
    for record in records:
        report.rows += 1
        result = record if isinstance(record, Dropped) else cleaner.clean(record)
        if isinstance(result, Clean):
            yield result
            continue
        report.drop(result)
        if result.reason != "other-kind":
            sides.reject(result)


def _chunks(records: Iterator[Clean]) -> Iterator[list[Clean]]:
    """Records by the thousand, fewer where they are large."""
    chunk: list[Clean] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += len(record.encoded)
        if len(chunk) >= _CHUNK or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    yield chunk


def _new(chunk: list[Clean], seen: Seen | None, report: Report) -> list[Clean]:
    """Those that are to be written; the duplicates among them are counted."""
    if seen is not None:
        first = seen.first([one.encoded for one in chunk])
        report.duplicates += len(first) - sum(first)
        chunk = [one for one, new in zip(chunk, first, strict=True) if new]
    report.written += len(chunk)
    return chunk


def _scratch(out: Path) -> Path | None:
    """The output's folder, if it is one: there is room for it."""
    return out.parent if out.is_file() or not out.exists() else None


def _rejected(dropped: Dropped) -> bytes:
    told = {
        "row": dropped.number,
        "reason": dropped.reason,
        "error": dropped.error,
        "record": dropped.content,
    }
    try:
        return msgspec.json.encode(told) + b"\n"
    except (TypeError, ValueError, OverflowError):
        return msgspec.json.encode(told | {"record": repr(dropped.content)}) + b"\n"


def _note_the_end(report: Report, read: Source) -> None:
    if read.lines is not None and not read.lines.ended:
        report.notes.append("The file does not end with a newline: its last line may be cut off.")


def _nothing(report: Report) -> str:
    if not report.rows:
        return f"{report.source} holds no rows."
    reasons = ", ".join(f"{name} {reason.rows}" for name, reason in report.dropped.items())
    example = next(iter(report.dropped.values())).examples[0]
    return (
        f"Nothing of {report.source} could be used: {report.rows} rows, dropped for {reasons};"
        f" row {example['row']}: {example['error']}."
    )
