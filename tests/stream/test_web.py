"""The metrics page and the health checks, asked over HTTP."""

import asyncio

import aiohttp
import pytest

from stream.broker import free_port
from stream.errors import UsageError
from stream.metrics import Metrics
from stream.web import WebPage


async def _ask(page: WebPage, *paths: str) -> list[tuple[int, str]]:
    await page.start()
    try:
        async with aiohttp.ClientSession(f"http://{page.host}:{page.port}") as session:
            answers = []
            for path in paths:
                async with session.get(path) as answer:
                    answers.append((answer.status, await answer.text()))
            return answers
    finally:
        await page.stop()


def test_health_and_readiness_answer_for_themselves() -> None:
    """A healthy worker that is not ready says 200 and 503, each with its reason."""
    page = WebPage("127.0.0.1", 0, Metrics(), lambda: None, lambda: "tables are being recovered")
    assert asyncio.run(_ask(page, "/healthz", "/readyz")) == [
        (200, "ok\n"),
        (503, "tables are being recovered\n"),
    ]


def test_the_metrics_page_shows_what_was_counted() -> None:
    """Counters carry their fixed names and labels."""
    metrics = Metrics()
    metrics.count_events(["rate", "rate", "view"])
    metrics.count_dead_letters(["json"])
    with metrics.stage("fold"):
        pass
    page = WebPage("127.0.0.1", 0, metrics, lambda: None, lambda: None)
    [(status, text)] = asyncio.run(_ask(page, "/metrics"))
    assert status == 200
    assert 'headwater_events_total{type="rate"} 2.0' in text
    assert 'headwater_dead_letters_total{reason="json"} 1.0' in text
    assert 'headwater_processing_seconds_count{stage="fold"} 1.0' in text


def test_a_taken_port_is_one_sentence() -> None:
    """An address in use is a wrong setting, with what to do."""
    port = free_port()

    async def twice() -> None:
        first = WebPage("127.0.0.1", port, Metrics(), lambda: None, lambda: None)
        second = WebPage("127.0.0.1", port, Metrics(), lambda: None, lambda: None)
        await first.start()
        try:
            await second.start()
        finally:
            await first.stop()

    with pytest.raises(UsageError, match=f"{port}.*HEADWATER_HTTP_PORT"):
        asyncio.run(twice())
