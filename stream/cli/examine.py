"""What `headwater doctor` does once its flags are understood; apart, since it is slow to load."""

import asyncio
import shlex
from collections.abc import Sequence

from stream.doctor.diagnosis import Facts, diagnose
from stream.doctor.disk import look_at_state
from stream.doctor.facts import Model
from stream.doctor.findings import Finding, Here
from stream.doctor.kafka import look_at_kafka
from stream.doctor.pages import look_at_pages, look_at_prometheus
from stream.errors import SettingsError
from stream.settings import Loaded, Settings

# s. Others wait for a broker for ever; a doctor says that it is not there.
_WAIT = 3.0


def examine(
    loaded: Loaded, workers: Sequence[str], prometheus: str | None, sample: int
) -> list[Finding]:
    """Look at everything, and judge it. `workers` are HOST:PORT, `sample` a number of events."""
    facts = asyncio.run(_look(loaded, workers, prometheus, sample))
    return diagnose(facts, loaded.settings, _here(loaded))


async def _look(
    loaded: Loaded, workers: Sequence[str], prometheus: str | None, sample: int
) -> Facts:
    settings = loaded.settings
    waits = settings if settings.wait is not None else settings.model_copy(update={"wait": _WAIT})
    sources = {loaded.sources["http_host"], loaded.sources["http_port"]}
    host = f"[{settings.http_host}]" if ":" in settings.http_host else settings.http_host
    own = [f"{host}:{settings.http_port}"] if settings.http_port else []
    return Facts(
        await look_at_kafka(waits, sample),
        pages=await look_at_pages(workers or own),
        pages_asked=bool(workers) or sources != {"default"},
        state=look_at_state(settings.state_dir),
        model=_model(settings),
        prometheus=await look_at_prometheus(prometheus.rstrip("/")) if prometheus else None,
    )


def _model(settings: Settings) -> Model:
    """Read the snapshot as a worker would, if the settings name one."""
    if settings.model is None:
        return Model(None)
    from agents.snapshot import load_learner  # noqa: PLC0415  # numba: .5 s of every command

    try:
        learner = load_learner(settings)
    except SettingsError as error:
        return Model(str(settings.model), error=str(error))
    return Model(str(settings.model), learner.version.hex())


def _here(loaded: Loaded) -> Here:
    """The flags that were given here are to be given to what is printed, too."""
    settings = loaded.settings
    flags = _given(loaded, "broker", "topic_prefix")
    own = _given(loaded, "group", "state_dir", "model", "repeats", "http_host", "http_port")
    return Here(settings.broker, settings.topic_prefix, settings.group, flags, own)


def _given(loaded: Loaded, *names: str) -> str:
    return "".join(
        f" --{name.replace('_', '-')} {shlex.quote(str(getattr(loaded.settings, name)))}"
        for name in names
        if loaded.sources[name] == "flag"
    )
