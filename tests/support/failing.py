"""A worker whose learner fails: on one item, or (FAIL=always) on anything.

`python -m support.failing worker`, with HEADWATER_ variables.
"""

import asyncio
import os
import sys

from agents.worker import create_worker
from models.catalogue import Catalogue
from models.events import EventBatch
from models.feedback import Feedback
from models.hashing import item_hash
from models.mixture import Mixture, MixtureSettings
from models.user_states import UserStates
from stream import logs, topics
from stream.settings import load

POISON = "poison"
ALWAYS = os.environ.get("FAIL") == "always"


class Failing(Mixture):
    """Fails on the item that is called poison, as a bug in a learner would, or always."""

    def adapt(
        self, states: UserStates, events: EventBatch, catalogue: Catalogue
    ) -> tuple[UserStates, Feedback]:
        """Adapt, unless the poison is among the events."""
        if ALWAYS or item_hash(POISON) in events.item.tolist():
            raise ZeroDivisionError("the learner cannot take this item")
        return super().adapt(states, events, catalogue)


def main() -> None:
    """Run the worker from HEADWATER_ variables."""
    settings = load().settings
    logs.configure(settings.log_level)
    asyncio.run(topics.ensure(settings))
    verified = asyncio.run(topics.verify(settings))
    create_worker(settings, verified, Failing(MixtureSettings())).run()


if __name__ == "__main__":
    sys.exit(main())
