"""The demonstration on the screen: bars on a terminal, a line now and then elsewhere."""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from stream.demo.live import Answer

_NOTE_SECONDS = 0.5
_EXAMPLE_SECONDS = 6.0
_LINE_SECONDS = 10.0
_RATE_WINDOW_SECONDS = 5.0
_TITLES_SHOWN = 4
_NEARLY = 1 - 1e-9


class Show:
    """A screen; phases are shown one after the other, lines above their bars."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:>6.0f} of {task.total:<6.0f}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            refresh_per_second=4,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        """Leave the bars as they are."""
        self._progress.stop()

    def line(self, text: str) -> None:
        """Print a line; on a terminal it is cut at the screen's width."""
        if self.on_terminal:
            self._console.print(Text(text), no_wrap=True, overflow="ellipsis")
        else:
            self._console.print(Text(text), soft_wrap=True)

    @contextmanager
    def phase(self, title: str, total: float) -> Iterator["Phase"]:
        """Show a phase with `total` steps until it is left."""
        task = self._progress.add_task(title, total=total, note="")
        phase = Phase(self, self._progress, task, title, total)
        if not self._console.is_terminal:
            self.line(f"{title} …")
        yield phase
        phase.finish()

    @property
    def on_terminal(self) -> bool:
        """Whether bars are drawn."""
        return self._console.is_terminal


class Phase:
    """One phase's bar."""

    def __init__(
        self, show: Show, progress: Progress, task: TaskID, title: str, total: float
    ) -> None:
        self.show = show
        self._progress = progress
        self._task = task
        self._title = title
        self._total = total
        self._began = self._last_line = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the phase began."""
        return time.monotonic() - self._began

    def at(self, done: float, note: str = "") -> None:
        """So many steps are done; the phase may still have to wait for their effect."""
        # A bar that is full stops its clock, so the last step is left to `finish`.
        self._progress.update(self._task, completed=min(done, self._total * _NEARLY), note=note)
        now = time.monotonic()
        if not self.show.on_terminal and now - self._last_line > _LINE_SECONDS:
            self._last_line = now
            self.show.line(f"  {done:.0f} of {self._total:.0f}  {note}")

    def finish(self) -> None:
        """All is done."""
        self._progress.update(self._task, completed=self._total)
        if not self.show.on_terminal:
            self.show.line(f"{self._title}: {self.seconds:.1f} s")


class LiveView:
    """The live part on the screen: rate, lag so far, now and then an event and its list."""

    def __init__(self, phase: Phase, titles: Mapping[str, str]) -> None:
        self._phase = phase
        self._titles = titles
        self._lags: list[int] = []
        self._late = 0
        self._recent: deque[float] = deque()
        self._noted = self._shown = time.monotonic()
        self._note = ""

    def notice(self, answer: Answer | None) -> None:
        """Count an answer, or one that did not come in time."""
        now = time.monotonic()
        self._recent.append(now)
        if answer is None:
            self._late += 1
        else:
            self._lags.append(answer.lag_ms)
            if now - self._shown > _EXAMPLE_SECONDS:
                self._shown = now
                self._phase.show.line(example(answer, self._titles))
        if now - self._noted > _NOTE_SECONDS:
            self._noted = now
            self._note = self._summary(now)
        self._phase.at(len(self._lags) + self._late, self._note)

    def _summary(self, now: float) -> str:
        while self._recent and now - self._recent[0] > _RATE_WINDOW_SECONDS:
            self._recent.popleft()
        rate = len(self._recent) / min(_RATE_WINDOW_SECONDS, max(self._phase.seconds, 1.0))
        late = f", {self._late} without an answer in time" if self._late else ""
        if not self._lags:
            return f"{rate:.0f} events/s{late}"
        p50, p99 = np.percentile(self._lags, (50, 99))
        return f"{rate:.0f} events/s, lag p50 {p50:.0f} ms, p99 {p99:.0f} ms{late}"


def example(answer: Answer, titles: Mapping[str, str]) -> str:
    """A rating and the beginning of the list that it caused, in one line."""
    rating = answer.rating
    shown = " · ".join(titles.get(item, item) for item in answer.items[:_TITLES_SHOWN])
    return (
        f"user {rating.user_id} gave {titles.get(rating.item_id, rating.item_id)}"
        f" {rating.stars:g} stars; {answer.lag_ms} ms later: {shown} …"
    )
