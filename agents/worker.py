"""One worker: the agents attached to the stream's foundation, made from settings."""

import asyncio
import logging
from functools import partial

from agents.catalogue_feed import CatalogueFeed
from agents.default_list import DefaultList
from agents.hit_ratio import HitRatio
from agents.item_hop import ItemHop
from agents.monitor import Monitor
from agents.outbox import Outbox
from agents.publish import Publisher
from agents.records import TopicCode
from agents.router import Router
from agents.served import Served
from agents.snapshot import introduce, load_learner, warm
from agents.user_hop import UserHop
from agents.user_plan import Planner
from stream import topics as topic_admin
from stream.app import Foundation, create_app
from stream.metrics import Metrics
from stream.rules import Rules
from stream.settings import Settings
from stream.topics import Topics
from stream.web import WebPage

log = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Run a worker until SIGTERM or SIGINT; returns the exit code 0.

    Raises
    ------
    SettingsError
        If the snapshot that the settings name cannot be served.
    UsageError
        If metrics and health cannot be served where the settings say.
    HeadwaterError
        If no broker answers within `settings.wait`, a topic has the wrong shape, or a send fails.

    """
    learner = load_learner(settings)
    topics = asyncio.run(_topics(settings))
    log.info(introduce(learner, settings))
    warm(learner)
    create_worker(settings, topics, learner).run()
    return 0


async def _topics(settings: Settings) -> Topics:
    created = await topic_admin.ensure(settings)
    if created:
        log.info("Created topics %s.", ", ".join(sorted(created)))
    return await topic_admin.verify(settings)


def create_worker(settings: Settings, topics: Topics, learner: Served) -> Foundation:
    """Attach all agents and tasks to a new foundation.

    Raises
    ------
    UsageError
        If metrics cannot be served at the address that the settings name.

    """
    foundation = create_app(settings, topics)
    rules = Rules.of(settings)
    metrics = Metrics()
    metrics.serve_model(learner.version.hex())
    outbox = Outbox(topics)
    publisher = Publisher(
        {TopicCode.EVENTS: topics.events.name, TopicCode.USERS: topics.users.name},
        learner.version.hex(),
    )
    feed = CatalogueFeed(settings, topics.item_vectors, learner, metrics)
    users = foundation.table("users", changelog=topics.user_rows)
    items = foundation.table("items", changelog=topics.item_vectors)
    hit_ratio = HitRatio(
        learner, feed.catalogue, settings.list_length, metrics,
        repeats=settings.repeats == "allow",
    )  # fmt: skip
    foundation.membership.on_revoked(lambda _revoked: hit_ratio.forget())
    planner = Planner(learner, rules, feed, publisher, metrics, settings.list_length)
    user_hop = UserHop(foundation, users, planner, outbox, metrics, hit_ratio)
    item_hop = ItemHop(foundation, items, learner, outbox, metrics)
    router = Router(foundation, rules, outbox, metrics)
    monitor = Monitor(foundation, feed, metrics)
    foundation.intake_waves(topics.events, user_hop.handle_wave)
    foundation.intake(topics.user_input, user_hop.handle)
    foundation.intake(topics.item_feedback, item_hop.handle, settings.item_gather_ms)
    foundation.intake(topics.items, router.handle_items)
    foundation.intake(topics.users, router.handle_profiles)
    default_list = DefaultList(foundation, users, learner, feed, outbox, publisher, metrics)
    page = WebPage(
        settings.http_host, settings.http_port, metrics, monitor.unhealthy, monitor.unready
    )
    page.bind()
    for task in (feed.run, default_list.run, monitor.run, partial(_serve, page)):
        foundation.task(task)
    return foundation


async def _serve(page: WebPage) -> None:
    """Serve metrics and health until cancelled."""
    await page.start()
    try:
        await asyncio.Event().wait()
    finally:
        await page.stop()
