"""The shell of the routes: announcements and profiles go to the owners of their items and users."""

from collections.abc import Sequence

from agents.outbox import Outbox
from agents.route import Sorted, route_items, route_profiles
from stream.app import Foundation
from stream.egress import Out
from stream.metrics import Metrics
from stream.placement import Placement
from stream.rules import Rules
from stream.runs import Run


class Router:
    """Forwards `items` to `item-feedback` and `users` to `user-input`."""

    def __init__(
        self, foundation: Foundation, rules: Rules, outbox: Outbox, metrics: Metrics
    ) -> None:
        topics = foundation.topics
        self._foundation = foundation
        self._rules = rules
        self._outbox = outbox
        self._metrics = metrics
        self._users = Placement(topics.user_input.partitions)
        self._items = Placement(topics.item_feedback.partitions)

    async def handle_items(self, run: Run) -> None:
        """Forward a run of announcements and withdrawals."""
        sorted_run = route_items(run.records, self._items, self._rules)
        await self._submit(run, sorted_run, self._outbox.forwards_to_items(sorted_run.forwards))

    async def handle_profiles(self, run: Run) -> None:
        """Forward a run of profiles."""
        sorted_run = route_profiles(run.records, self._users)
        await self._submit(run, sorted_run, self._outbox.forwards_to_users(sorted_run.forwards))

    async def _submit(self, run: Run, sorted_run: Sorted, outs: Sequence[Out]) -> None:
        self._metrics.count_forwarded(forward.reason for forward in sorted_run.forwards)
        self._metrics.count_dead_letters(letter.reason for letter in sorted_run.dead)
        dead = self._outbox.dead(sorted_run.dead)
        await self._foundation.egress.submit(run, others=[*outs, *dead])
