"""The time fence, with a clock in the test's hand."""

from types import SimpleNamespace

from stream.fence import Fence, Verdict


def joined(session: float = 10.0) -> tuple[Fence, SimpleNamespace]:
    """A fence that has just joined, and its clock's hand."""
    clock = SimpleNamespace(now=100.0)
    fence = Fence(session, lambda: float(clock.now))
    fence.joined()
    return fence, clock


def test_nothing_is_sent_before_the_group_is_joined() -> None:
    """A fresh fence drops."""
    assert Fence(10.0).judge(0) is Verdict.DROP


def test_work_of_the_present_membership_is_sent() -> None:
    """Joined and heard of just now."""
    fence, _ = joined()
    assert fence.judge(fence.epoch) is Verdict.SEND


def test_silence_longer_than_most_of_the_session_holds() -> None:
    """At 0.8 of the session requests wait; an answer lets them go."""
    fence, clock = joined(session=10.0)
    clock.now += 8.1
    assert fence.judge(fence.epoch) is Verdict.HOLD
    fence.answered(clock.now - 0.5)
    assert fence.judge(fence.epoch) is Verdict.SEND


def test_a_heartbeat_counts_from_when_it_was_sent() -> None:
    """An answer to a heartbeat that was sent before a freeze does not open the fence."""
    fence, clock = joined(session=10.0)
    sent_at = clock.now
    clock.now += 25.0
    fence.answered(sent_at)
    assert fence.judge(fence.epoch) is Verdict.HOLD


def test_work_of_an_older_membership_is_dropped() -> None:
    """Joining anew makes all earlier work void."""
    fence, _ = joined()
    before = fence.epoch
    fence.joined()
    assert fence.judge(before) is Verdict.DROP
    assert fence.judge(fence.epoch) is Verdict.SEND


def test_a_lost_membership_drops_and_never_holds() -> None:
    """The revocation waits for this work: holding it would block for ever."""
    fence, clock = joined()
    before = fence.epoch
    fence.lose()
    clock.now += 100.0
    assert fence.judge(before) is Verdict.DROP
    assert fence.judge(fence.epoch) is Verdict.DROP


def test_watchers_hear_of_each_change() -> None:
    """Joining and losing are told."""
    fence, _ = joined()
    heard: list[int] = []
    fence.on_change(lambda: heard.append(fence.epoch))
    fence.lose()
    fence.joined()
    assert heard == [2, 3]
