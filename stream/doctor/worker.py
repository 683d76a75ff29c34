"""Judges one worker's surroundings: its page, its state directory, its model, its Prometheus."""

import errno
import re
from collections.abc import Sequence

from stream.doctor.cluster import CLOCK_FAIL, SET_CLOCK
from stream.doctor.facts import Model, Page, Prometheus, StateDir
from stream.doctor.findings import Finding, Findings, Here, Status, duration

# s. A page tells its clock to the second, and ours may be on the other side of one.
_PAGE_CLOCK = 3.0
# A worker that cannot write stops. RocksDB rewrites what it holds when it compacts.
DISK_FAIL = 200 * 2**20
DISK_WARN = 2 * 2**30
_FREE = (
    "df -h {path} shows its disk: free space there, or HEADWATER_STATE_DIR=FOLDER headwater worker"
    " with a FOLDER on another"
)


def judge_page(page: Page, asked: bool, here: Here) -> Findings:
    """Whether a worker is there and well; one that was not `asked` for may be elsewhere."""
    if page.silent:
        text = f"{page.error} Its process takes connections: it is frozen or starved of processor."
        yield Finding("worker", "fail", text, _end_frozen(page.address, here))
        return
    if page.error and asked:
        yield Finding("worker", "fail", page.error, here.worker())
        return
    if page.error:
        text = f"{page.error} Name the workers' pages with --worker HOST:PORT."
        yield Finding("worker", "skip", text)
        return
    name = f"The worker at {page.address}"
    if page.health:
        text = f"{name} is not well: {page.health}."
        yield Finding("worker", "fail", text, f"HEADWATER_BROKER={here.broker} headwater worker")
    elif page.readiness:
        text = f"{name} is not ready: {page.readiness}. Look again in some seconds."
        yield Finding("worker", "warn", text, f"curl http://{page.address}/readyz")
    else:
        models = ", ".join(page.models) or "unknown"
        yield Finding("worker", "ok", f"{name} is ready; it serves model {models}.")
    if page.ahead is not None and abs(page.ahead) > _PAGE_CLOCK:
        side = "ahead of" if page.ahead > 0 else "behind"
        text = f"{name} has a clock {duration(page.ahead)} {side} this machine's."
        status: Status = "fail" if abs(page.ahead) > CLOCK_FAIL else "warn"
        yield Finding("clock", status, text, f"{SET_CLOCK} on the machine that is off")


def _end_frozen(address: str, here: Here) -> str:
    """A frozen process takes SIGTERM when it wakes; SIGKILL at once. Neither loses anything."""
    port = address.rpartition(":")[2]
    return (
        f"ss -ltnp 'sport = :{port}' tells its PID; kill -TERM PID; after 5 s kill -KILL PID;"
        f" then {here.worker()}"
    )


def judge_state(state: StateDir, elsewhere: bool) -> Findings:
    """Whether a worker could keep its tables; `elsewhere`: workers run and none here has any."""
    where = f"State directory {state.path}"
    if not state.exists and elsewhere:
        text = f"{where} is not on this machine: its workers run elsewhere."
        yield Finding("state", "skip", f"{text} HEADWATER_STATE_DIR names another.")
    elif state.error:
        text = f"{where} cannot be written: {state.error}."
        yield Finding("state", "fail", text, _mend_state(state))
    elif state.free_bytes < DISK_WARN:
        text = f"{where} has {state.free_bytes / 1e6:,.0f} MB of free disk left."
        status: Status = "fail" if state.free_bytes < DISK_FAIL else "warn"
        yield Finding("state", status, text, _FREE.format(path=state.path))
    else:
        made = "is writable" if state.exists else "can be made"
        yield Finding("state", "ok", f"{where} {made}, {state.free_bytes / 1e9:.1f} GB are free.")


def _mend_state(state: StateDir) -> str:
    """By what refused: rights can be given, a full disk freed; all else takes another folder."""
    if state.number in {errno.ENOSPC, errno.EDQUOT}:
        return _FREE.format(path=state.path)
    if state.number in {errno.EACCES, errno.EPERM}:
        return f"sudo mkdir -p {state.path} && sudo chown -R $USER {state.path}"
    return "HEADWATER_STATE_DIR=FOLDER headwater worker, with a FOLDER that can be written"


def judge_model(model: Model, pages: Sequence[Page]) -> Findings:
    """Whether a worker would serve the snapshot, and whether those that run do."""
    if model.error:
        trained = re.search(r"trained with repeats=(\w+)", model.error)
        mend = (
            f"HEADWATER_REPEATS={trained[1]}"
            if trained
            else f"headwater train --events EVENTS --out {model.path}, or copy a whole one there"
        )
        yield Finding("model", "fail", model.error, mend)
        return
    served = sorted({version for page in pages for version in page.models})
    if model.path is None:
        text = "No snapshot is set: the counters are served without a net."
    else:
        text = f"{model.path} is whole and fits the settings (version {model.version})."
    if len(served) > 1:
        text = f"Workers serve different models: {', '.join(served)}."
        yield Finding("model", "fail", text, "restart each with the same HEADWATER_MODEL")
    elif model.path and served and served != [model.version]:
        text = f"{text} The workers serve another, {served[0]}."
        yield Finding("model", "warn", text, f"restart each with HEADWATER_MODEL={model.path}")
    else:
        yield Finding("model", "ok", text)


def judge_prometheus(prometheus: Prometheus, workers: int | None) -> Findings:
    """Whether it can be reached, sees the workers, and has nothing to say."""
    where = f"Prometheus at {prometheus.url}"
    targets = f"curl {prometheus.url}/api/v1/targets"
    if prometheus.error:
        text = f"{where} cannot be asked: {prometheus.error}."
        yield Finding("prometheus", "fail", text, f"curl {prometheus.url}/-/ready")
        return
    if prometheus.down:
        text = f"{where} does not reach {', '.join(prometheus.down)}."
        yield Finding("prometheus", "fail", text, targets)
    elif workers is not None and prometheus.workers < workers:
        text = f"{where} reads {prometheus.workers} of {workers} workers: name all in its targets."
        yield Finding("prometheus", "fail", text, targets)
    else:
        yield Finding("prometheus", "ok", f"{where} reads {prometheus.workers} of the workers.")
    for alert in prometheus.firing:
        text = f"{where} has the alert {alert}: deploy/RUNBOOK.md says what to do."
        yield Finding("prometheus", "warn", text, f"curl {prometheus.url}/api/v1/alerts")
