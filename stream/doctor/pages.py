"""Asks workers' pages and Prometheus over HTTP."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from stream.doctor.facts import Page, Prometheus

# s. Longer than a worker under load takes.
SECONDS = 5.0
# Every worker has it from its start on.
_WORKERS = "headwater_model_info"
_NO_PROMETHEUS = "what answers is no Prometheus"


class _NoPrometheusError(Exception):
    """Someone else answers at its address."""


async def look_at_pages(
    addresses: Sequence[str], now: Callable[[], float] = time.time
) -> list[Page]:
    """Each worker's page; who does not answer is told so."""
    async with _session() as session:
        return list(await asyncio.gather(*[_page(session, name, now) for name in addresses]))


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS, connect=SECONDS / 2))


async def _page(session: aiohttp.ClientSession, address: str, now: Callable[[], float]) -> Page:
    try:
        metrics, date = await _get(session, f"http://{address}/metrics")
        health, ready = [
            await _complaint(session, f"http://{address}{path}") for path in ("/healthz", "/readyz")
        ]
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        text = f"No worker's page answers at {address} ({_words(error)})."
        # A frozen process has its connections taken by the kernel; an address that nobody has, too
        # long a way, ends as a ConnectionTimeoutError.
        silent = isinstance(error, TimeoutError)
        return Page(address, text, silent and not isinstance(error, aiohttp.ConnectionTimeoutError))
    models = _models(metrics)
    if models is None:
        return Page(address, f"What answers at {address} is no headwater worker.")
    ahead = parsedate_to_datetime(date).timestamp() - now() if date else None
    return Page(address, None, health=health, readiness=ready, ahead=ahead, models=models)


async def _get(session: aiohttp.ClientSession, url: str) -> tuple[str, str]:
    async with session.get(url) as answer:
        return await answer.text(errors="replace"), answer.headers.get("Date", "")


async def _complaint(session: aiohttp.ClientSession, url: str) -> str | None:
    async with session.get(url) as answer:
        return None if answer.status == 200 else (await answer.text(errors="replace")).strip()


def _models(metrics: str) -> list[str] | None:
    """The versions that a worker serves; None if the page is not a worker's."""
    try:
        families = list(text_string_to_metric_families(metrics))
    except ValueError:
        return None
    if not any(family.name.startswith("headwater_") for family in families):
        return None
    samples = [sample for family in families for sample in family.samples]
    return [s.labels["version"] for s in samples if s.name == _WORKERS and s.value == 1]


async def look_at_prometheus(url: str) -> Prometheus:
    """What it reads and what it warns of. An address that is none is told as an error too."""
    try:
        async with _session() as session:
            found = await _data(session, f"{url}/api/v1/query?query=count({_WORKERS})")
            targets = await _data(session, f"{url}/api/v1/targets?state=active")
            alerts = await _data(session, f"{url}/api/v1/alerts")
            return Prometheus(
                url,
                workers=int(found["result"][0]["value"][1]) if found["result"] else 0,
                down=[t["scrapeUrl"] for t in targets["activeTargets"] if t["health"] == "down"],
                firing=sorted(
                    {
                        alert["labels"]["alertname"]
                        for alert in alerts["alerts"]
                        if alert["state"] == "firing"
                    }
                ),
            )
    except (aiohttp.ClientError, TimeoutError) as error:
        return Prometheus(url, error=_words(error))
    except _NoPrometheusError as error:
        return Prometheus(url, error=str(error))
    except (LookupError, TypeError, ValueError):
        return Prometheus(url, error=_NO_PROMETHEUS)


async def _data(session: aiohttp.ClientSession, url: str) -> Any:
    async with session.get(url) as answer:
        try:
            return msgspec.json.decode(await answer.read())["data"]
        except (msgspec.DecodeError, LookupError, TypeError) as error:
            text = f"{_NO_PROMETHEUS} (HTTP {answer.status} at {url.partition('?')[0]})"
            raise _NoPrometheusError(text) from error


def _words(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno:
        return os.strerror(error.os_error.errno)
    return str(error) or (
        f"no answer in {SECONDS:g} s" if isinstance(error, TimeoutError) else repr(error)
    )
