"""The learner that a worker serves: a trained snapshot, or the counters alone."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agents.served import Served
from models.errors import CodecError, MissingLibraryError
from models.features import FeatureMap
from models.meta import files
from models.meta.learner import MetaLearner
from models.mixture import Mixture, MixtureSettings
from stream.errors import SettingsError
from stream.settings import Settings


def load_learner(settings: Settings) -> Served:
    """Load what `settings.model` names; without it, the mixture that nothing has trained.

    Raises
    ------
    SettingsError
        If the file is missing, damaged, of another release, trained for other lists than
        `settings.repeats` asks for or other embeddings than `settings.embedding_size`, or of a
        learner that needs a library that is not installed.

    """
    repeats = settings.repeats == "allow"
    if settings.model is None:
        return Mixture(MixtureSettings(repeats=repeats))
    if not settings.model.is_file():
        raise SettingsError(f"Setting model names {settings.model}, which is not a file.")
    try:
        learner, trained_repeats = _read(settings.model)
    except MissingLibraryError as exc:
        raise SettingsError(f"Setting model names {settings.model}: {exc}") from exc
    except OSError as exc:
        raise SettingsError(f"Setting model names {settings.model}: {exc}.") from exc
    except CodecError as exc:
        raise SettingsError(f"Setting model: {exc}.") from exc
    if trained_repeats != repeats:
        trained = "allow" if trained_repeats else "exclude"
        raise SettingsError(
            f"Setting model names {settings.model}, trained with repeats={trained},"
            f" but setting repeats is {settings.repeats}."
        )
    _check_embedding(learner, settings)
    return learner


def _check_embedding(learner: Served, settings: Settings) -> None:
    """A net that was trained with embeddings of another length would leave all of them out."""
    net = learner.net if isinstance(learner, Mixture) else None
    features = net.features if net else None
    trained = features.embedding if isinstance(features, FeatureMap) else 0
    asked = settings.embedding_size
    if asked is not None and trained not in {0, asked}:
        raise SettingsError(
            f"Setting model names {settings.model}, trained with embeddings of length {trained},"
            f" but setting embedding_size is {asked}."
        )


def _read(path: Path) -> tuple[Served, bool]:
    """The learner of a file, and whether its lists may hold what the user has had."""
    meta = files.read(path)
    if meta is not None:
        try:
            meta.check_libraries()
        except MissingLibraryError as exc:
            raise MissingLibraryError(f"Learner {meta.name}: {exc}") from exc
        return meta, meta.repeats
    mixture = Mixture.load(path)
    return mixture, mixture.settings.repeats


def warm(learner: Served) -> None:
    """Load what adapting loads at its first call: torch, for some meta-learners."""
    if isinstance(learner, MetaLearner):
        learner.warm()


def introduce(learner: Served, settings: Settings) -> str:
    """One line that says what is served, and what was noted of its training."""
    version = learner.version.hex()
    if settings.model is None:
        return f"Serving the counters without a net (version {version})."
    facts = list(_facts(learner))
    if learner.trained_until:
        until = datetime.fromtimestamp(learner.trained_until / 1000, UTC)
        facts.insert(1, f"trained until {until:%F %T}Z")
    return f"Serving {settings.model} (version {version}): {', '.join(facts)}."


def _facts(learner: Served) -> Iterator[str]:
    """What it is, and what was noted of its training."""
    if isinstance(learner, MetaLearner):
        yield f"the learner {learner.name}"
        yield f"{len(learner.learned['item'])} items known"
    elif isinstance(learner, Mixture):
        yield "a net" if learner.net else "no net"
        yield from _words(learner.notes)


def _words(notes: Mapping[str, Any]) -> Iterator[str]:
    """Notes as `name value`; groups of them, such as the settings of the training, are left out."""
    for name, value in notes.items():
        if isinstance(value, float):
            yield f"{name} {value:.4g}"
        elif isinstance(value, str | int) and value != "":
            yield f"{name} {value}"
