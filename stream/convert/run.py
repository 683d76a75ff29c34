"""The conversion itself: records in chunks from the source, through the cleaner, to the output."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import IO, Final

import msgspec

from stream.convert.clean import Clean, Cleaner
from stream.convert.duplicates import Seen
from stream.convert.outputs import Rows, format_of, rows, writing
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
            _write(plan, report, rejects, progress)
        except _Nothing:
            report.written = 0
        report.seconds = round(time.monotonic() - began, 3)
        if told is not None:
            told.write(msgspec.json.format(msgspec.json.encode(report.as_json())) + b"\n")
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
            and path.samefile(plan.source)
        ):
            raise UsageError(f"{path} is the input itself.")
    outputs = [
        path.absolute() for path in (plan.out, plan.report, plan.rejects) if path is not None
    ]
    if len(set(outputs)) < len(outputs):
        raise UsageError("--out, --report and --rejects need to be different files.")


def _side_file(stack: ExitStack, path: Path | None, plan: Plan) -> IO[bytes] | None:
    return None if path is None else stack.enter_context(writing(path, overwrite=plan.overwrite))


def _write(plan: Plan, report: Report, rejects: IO[bytes] | None, progress: Progress) -> None:
    cleaner = Cleaner(plan)
    with ExitStack() as stack:
        read = stack.enter_context(source(plan))
        report.columns, report.ignored_columns = read.columns, read.ignored
        report.notes = read.notes
        file = stack.enter_context(writing(plan.out, overwrite=plan.overwrite))
        sink = stack.enter_context(rows(file, plan.out, plan.kind))
        seen = stack.enter_context(
            nullcontext() if plan.keep_duplicates else Seen(_scratch(plan.out))
        )
        for chunk in _chunks(_cleaned(read.records, cleaner, report, rejects)):
            _put(chunk, sink, seen, report)
            progress(read.position(), read.total, report.rows)
        report.count(cleaner.mended, cleaner.types, cleaner.units)
        _note_the_end(report, read)
        if not report.written:
            raise _Nothing
        progress(read.total, read.total, report.rows)


def _cleaned(
    records: Records, cleaner: Cleaner, report: Report, rejects: IO[bytes] | None
) -> Iterator[Clean]:
    """The records that can be applied; the others are counted."""
    for record in records:
        report.rows += 1
        result = record if isinstance(record, Dropped) else cleaner.clean(record)
        if isinstance(result, Clean):
            yield result
            continue
        report.drop(result)
        if rejects is not None and result.reason != "other-kind":
            rejects.write(_rejected(result))


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


def _put(chunk: list[Clean], sink: Rows, seen: Seen | None, report: Report) -> None:
    if seen is not None:
        first = seen.first([one.encoded for one in chunk])
        report.duplicates += len(first) - sum(first)
        chunk = [one for one, new in zip(chunk, first, strict=True) if new]
    sink.write([one.fields for one in chunk], [one.encoded for one in chunk])
    report.written += len(chunk)


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
