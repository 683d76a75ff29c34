"""Films and ratings as headwater's messages, one JSON text each."""

from collections.abc import Iterable
from pathlib import Path

from stream.demo.data import Film, Rating
from stream.publish import as_json
from stream.schemas import Event, encode_event


def film_json(film: Film) -> bytes:
    """The film's announcement on `items`."""
    return as_json({"item_id": film.item_id, "title": film.title, "categories": list(film.genres)})


def rating_json(rating: Rating) -> bytes:
    """The rating as a `rate` event with its original time."""
    return encode_event(Event(rating.user_id, "rate", rating.time_ms, rating.item_id, rating.stars))


def write_lines(path: Path, messages: Iterable[bytes]) -> Path:
    """Write a file for `headwater replay`, one message a line; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(message + b"\n" for message in messages)
    return path
