"""The guides' commands, line by line as they stand there, on small files and a real worker."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.workers import Worker, environment

from stream.cli import main
from stream.settings import Settings

GUIDES = Path(__file__).parents[2] / "deploy" / "guides"
TIME = "2024-05-01T10:00:00Z"
FILES = {
    "from-gorse.md": {
        "feedback.jsonl": [
            {"FeedbackType": kind, "UserId": user, "ItemId": "d3:d3", "Timestamp": TIME}
            for user in ("bob", "eve")
            for kind in ("read", "star")
        ],
        "items.jsonl": [{"ItemId": "d3:d3", "Comment": "D3", "Labels": ["svg"]}],
        "users.jsonl": [{"UserId": "bob", "Labels": {"job": "dev"}}],
    },
    "from-metarank.md": {
        "events.jsonl": [
            {"event": "item", "id": "1", "item": "a", "timestamp": TIME, "fields": []},
            {"event": "user", "id": "2", "user": "ann", "timestamp": TIME, "fields": []},
            {"event": "ranking", "id": "r", "user": "ann", "timestamp": TIME,
             "items": [{"id": "a"}]},
            {"event": "interaction", "id": "4", "ranking": "r", "user": "ann", "type": "click",
             "item": "a", "timestamp": TIME},
        ],
    },
}  # fmt: skip
# What needs a history, not four lines, has tests of its own.
ELSEWHERE = {"evaluate", "train"}


@pytest.fixture
def _worker(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A ready worker, whose settings the commands share."""
    started = Worker(settings, "a", tmp_path_factory.mktemp("worker")).start()
    for name, value in environment(settings).items():
        if name.startswith("HEADWATER_"):
            monkeypatch.setenv(name, value)
    started.wait_ready()
    yield
    started.kill()


@pytest.mark.usefixtures("_worker")
def test_each_command_of_the_guides_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the other system's files to lists, and a live message as the other system writes it."""
    for guide, files in FILES.items():
        folder = tmp_path / guide
        folder.mkdir()
        monkeypatch.chdir(folder)
        for name, records in files.items():
            Path(name).write_text("".join(json.dumps(record) + "\n" for record in records))
        ran = [_run(line, capsys) for line in _commands(guide)]
        assert ran.count("convert") == ran.count("replay") == 3
        assert ran.count("publish") == 1
        assert json.loads(Path("report.json").read_text())["written"] > 0


def _commands(guide: str) -> list[str]:
    lines = (GUIDES / guide).read_text().splitlines()
    return [line.strip() for line in lines if line.startswith("    headwater ")]


def _run(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command unless it is tested elsewhere; its name."""
    arguments = shlex.split(line)[1:]
    if arguments[0] not in ELSEWHERE:
        code = main(arguments)
        told = capsys.readouterr()
        assert code == 0, (line, told)
    return arguments[0]
