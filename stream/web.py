"""A worker's small web page: /metrics, /healthz and /readyz."""

import logging
import socket
from collections.abc import Callable

from aiohttp import web

from stream.errors import UsageError
from stream.metrics import CONTENT_TYPE, Metrics

log = logging.getLogger(__name__)

# Answers None when all is well, else what is wrong, in words.
Check = Callable[[], str | None]


class WebPage:
    """Serves metrics and health on one address; `port` is the real one once started."""

    def __init__(
        self, host: str, port: int, metrics: Metrics, healthy: Check, ready: Check
    ) -> None:
        """`port` 0 takes any free one. The checks are asked at each request and must not block."""
        self.host = host
        self.port = port
        self._metrics = metrics
        self._checks = {"/healthz": healthy, "/readyz": ready}
        self._socket: socket.socket | None = None
        self._runner: web.AppRunner | None = None

    def bind(self) -> socket.socket:
        """Take the address, so that what is wrong with it is known before anything else runs.

        Raises UsageError when it is taken or is not this machine's.
        """
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            family, _, _, _, address = found[0]
            taken = socket.create_server(address, family=family)
        except OSError as error:
            raise UsageError(
                f"Metrics and health cannot be served at {self.host}:{self.port}"
                f" ({error.strerror}): set HEADWATER_HTTP_PORT to a free port, or to 0 for any."
            ) from error
        self.port = taken.getsockname()[1]
        self._socket = taken
        return taken

    async def start(self) -> None:
        """Begin to serve. Raises UsageError as `bind` does, unless that was called before."""
        taken = self._socket or self.bind()
        app = web.Application()
        app.router.add_get("/metrics", self._page)
        for path in self._checks:
            app.router.add_get(path, self._check)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.SockSite(self._runner, taken).start()
        log.info("Metrics and health at http://%s:%d", self.host, self.port)

    async def stop(self) -> None:
        """Stop serving; without effect when not started."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = self._socket = None

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.page(), headers={"Content-Type": CONTENT_TYPE})

    async def _check(self, request: web.Request) -> web.Response:
        wrong = self._checks[request.path]()
        return web.Response(text=f"{wrong or 'ok'}\n", status=503 if wrong else 200)
