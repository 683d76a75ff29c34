"""What the demonstration shows: progress, examples, tables, and how to go on."""

import io

import pytest
from rich.console import Console

from stream.demo.data import Film, Rating
from stream.demo.learning import WITH_NET, WITHOUT_NET
from stream.demo.live import Answer
from stream.demo.plan import Plan
from stream.demo.report import EventSeen, FilmSeen, ListSeen, Observed, measure
from stream.demo.show import LiveView, Show, example
from stream.demo.stay import invitation
from stream.demo.table import print_tables
from stream.settings import Settings

TITLES = {"1": "Toy [Story] (1995)", "2": "Heat (1995)"}
SECONDS = {"backfill": 12.3, "live": 45.6}


@pytest.fixture
def console() -> Console:
    """A screen that is not a terminal, 120 columns wide."""
    return Console(file=io.StringIO(), width=120)


def text(console: Console) -> str:
    """What was printed."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_tables_hold_the_figures(console: Console) -> None:
    """Counts, lag with its caveat, quality by history, the interval and the new film."""
    observed = Observed(
        events=[EventSeen(user, "1", 5.0, 0, n, 1000 + 100 * n) for n, user in enumerate("vu")],
        lists=[ListSeen("*", ("1", "2"), -1, -1, 1007), ListSeen("u", ("2",), 0, 1, 1107)],
        dead_letters=4,
        film=FilmSeen("2", 900, 1000),
    )
    offline = {WITH_NET: [None, 0], WITHOUT_NET: [None, None]}
    print_tables(console, measure(observed, {"u"}, SECONDS, offline), TITLES)
    shown = text(console)
    assert "7 ms / 7 ms / 7 ms" in shown
    assert "Closed loop" in shown
    assert "12.3 s / 45.6 s" in shown
    assert "HR@10 is 1.000 times popularity's" in shown
    assert "1.000 │  0.000" in shown  # offline, with the net and without
    assert "Heat (1995), announced in the middle: 100 ms to the catalogue, 107 ms" in shown
    for bucket in ("all", "0", "1-4", "5-9", "10+"):
        assert f" {bucket} " in shown


def test_the_tables_say_what_is_missing(console: Console) -> None:
    """Without any event there are dashes, and no error."""
    nothing = Observed([], [], 0, FilmSeen("2", 900, None), compacted_lists=3)
    print_tables(console, measure(nothing, {"u"}, SECONDS, {WITH_NET: [], WITHOUT_NET: []}), TITLES)
    assert "HR@10 is - times" in text(console)
    assert "- to the catalogue" in text(console)
    assert "3 lists were compacted away" in text(console)


def test_an_example_names_the_films() -> None:
    """One line: who, what, how fast, and the beginning of the list; titles are not markup."""
    answer = Answer(Rating("7", "1", 4.5, 0), ("2", "1", "unknown"), 6)
    assert example(answer, TITLES) == (
        "user 7 gave Toy [Story] (1995) 4.5 stars; 6 ms later:"
        " Heat (1995) · Toy [Story] (1995) · unknown …"
    )


def test_without_a_terminal_phases_are_lines(console: Console) -> None:
    """A phase says that it began and how long it took; nothing is redrawn."""
    with Show(console) as show, show.phase("Live", 2) as phase:
        view = LiveView(phase, TITLES)
        view.notice(Answer(Rating("7", "1", 4.5, 0), ("2",), 6))
        view.notice(None)
    assert text(console).splitlines()[0] == "Live …"
    assert text(console).splitlines()[-1].startswith("Live: 0.")
    assert "\x1b" not in text(console)


def test_lines_are_whole_where_nobody_can_widen_the_screen(console: Console) -> None:
    """A log keeps long lines, a terminal cuts them."""
    terminal = Console(file=io.StringIO(), width=80, force_terminal=True)
    for screen in (console, terminal):
        Show(screen).line("word " * 100)
    assert text(console) == "word " * 100 + "\n"
    assert len(text(terminal).rstrip("\n")) <= 80


def test_on_a_terminal_there_is_a_bar() -> None:
    """The bar, the count, the rate and the lag so far."""
    console = Console(file=io.StringIO(), width=160, force_terminal=True)
    with Show(console) as show, show.phase("Live", 10) as phase:
        view = LiveView(phase, TITLES)
        view._noted -= 10
        view.notice(Answer(Rating("7", "1", 4.5, 0), ("2",), 6))
    assert "lag p50 6 ms, p99 6 ms" in text(console)
    assert "of 10" in text(console)


def test_the_invitation_fits_the_broker() -> None:
    """The commands name the broker, a prefix that is not the default, and a known film."""
    rating = Rating("u", "2", 4.0, 0)
    plan = Plan([Film("1", "", ()), Film("2", "", ())], None, [rating], {})
    said = invitation(Settings(broker="b:1", topic_prefix="p."), plan, TITLES)
    assert "export HEADWATER_BROKER=b:1 HEADWATER_TOPIC_PREFIX=p." in said
    assert "publish event --user you --item 2 --type rate --value 5   # Heat (1995)" in said
    assert "HEADWATER_TOPIC_PREFIX" not in invitation(Settings(broker="b:1"), plan, TITLES)
