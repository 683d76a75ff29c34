"""What users' rows say of them beside events, as learners read it."""

from collections.abc import Mapping, Sequence
from typing import Any

from stream.decode import decode_profiles
from stream.schemas import Profile


def attributes_of(bodies: Sequence[bytes]) -> tuple[Mapping[str, Any] | None, ...]:
    """Attributes by name of each kept profile; None without one, or if it cannot be read."""
    return tuple(_attributes(body) if body else None for body in bodies)


def _attributes(body: bytes) -> Mapping[str, Any] | None:
    (profile,) = decode_profiles([body])
    return profile.attributes if isinstance(profile, Profile) else None
