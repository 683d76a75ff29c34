"""The learner that a worker serves: a trained snapshot, or the counters alone."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from models.errors import CodecError
from models.mixture import Mixture, MixtureSettings
from stream.errors import SettingsError
from stream.settings import Settings


def load_learner(settings: Settings) -> Mixture:
    """Load what `settings.model` names; without it, the mixture that nothing has trained.

    Raises
    ------
    SettingsError
        If the file is missing, damaged, of another release, or trained for other lists than
        `settings.repeats` asks for.

    """
    repeats = settings.repeats == "allow"
    if settings.model is None:
        return Mixture(MixtureSettings(repeats=repeats))
    if not settings.model.is_file():
        raise SettingsError(f"Setting model names {settings.model}, which is not a file.")
    try:
        learner = Mixture.load(settings.model)
    except OSError as exc:
        raise SettingsError(f"Setting model names {settings.model}: {exc}.") from exc
    except CodecError as exc:
        raise SettingsError(f"Setting model: {exc}.") from exc
    if learner.settings.repeats != repeats:
        trained = "allow" if learner.settings.repeats else "exclude"
        raise SettingsError(
            f"Setting model names {settings.model}, trained with repeats={trained},"
            f" but setting repeats is {settings.repeats}."
        )
    return learner


def introduce(learner: Mixture, settings: Settings) -> str:
    """One line that says what is served, and what was noted of its training."""
    version = learner.version.hex()
    if settings.model is None:
        return f"Serving the counters without a net (version {version})."
    facts = ["a net" if learner.net else "no net", *_words(learner.notes)]
    if learner.trained_until:
        until = datetime.fromtimestamp(learner.trained_until / 1000, UTC)
        facts.insert(1, f"trained until {until:%F %T}Z")
    return f"Serving {settings.model} (version {version}): {', '.join(facts)}."


def _words(notes: Mapping[str, Any]) -> Iterator[str]:
    """Notes as `name value`; groups of them, such as the settings of the training, are left out."""
    for name, value in notes.items():
        if isinstance(value, float):
            yield f"{name} {value:.4g}"
        elif isinstance(value, str | int) and value != "":
            yield f"{name} {value}"
