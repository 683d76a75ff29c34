"""How much is measured: the full run, a quick one, and what the tests take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Counts of one round; times are seconds."""

    rounds: int = 3
    users: int = 20_000
    items: int = 10_000
    #: Events of the full path; those of the shell and the bare loops.
    events: int = 40_000
    shell_events: int = 100_000
    rates: tuple[int, ...] = (50, 500)
    #: Of one measurement of the lag, and of the load before it that is not measured.
    lag_seconds: float = 12.0
    warm_up_seconds: float = 3.0
    recovery_rows: int = 100_000
    #: Users whose memory and disk are measured, each with so many events.
    bytes_users: int = 4_000
    bytes_events: int = 10
    run_sizes: tuple[int, ...] = (1, 8, 64, 512)
    #: Events that each stage handles at each run size, and those that are known before.
    stage_events: int = 2_048
    stage_history: int = 20_000


FULL = Sizes()
QUICK = Sizes(
    rounds=1,
    users=5_000,
    items=2_000,
    events=10_000,
    shell_events=20_000,
    lag_seconds=4.0,
    warm_up_seconds=1.0,
    recovery_rows=20_000,
    bytes_users=500,
    stage_events=512,
    stage_history=5_000,
)
