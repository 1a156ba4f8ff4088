"""A browser without a window, driven over its DevTools protocol: nothing is needed but Chromium."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_S = 60


class Unavailable(Exception):
    """Raised with the reason why there is no browser to test with."""


class Browser:
    """One page of a headless Chromium; use it as a context manager.

    Parameters
    ----------
    folder : pathlib.Path
        An empty folder, for its profile and its log.

    Attributes
    ----------
    events
        What the browser reported since the last `open`, as pairs of method and parameters.
    """

    def __init__(self, folder: Path) -> None:
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if program is None:
            raise Unavailable("there is no Chromium: apt-get install chromium, for example")
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._last, self._session, self._pending = 0, None, b""
        self._log = folder / "chromium.log"
        # The browser reads from its file 3 and writes to its file 4; every message ends with a
        # zero byte. The shell makes the two out of files whose numbers cannot collide with them.
        reads, self._commands = os.pipe()
        self._answers, writes = os.pipe()
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (reads, writes)]
        command = [
            *(program, "--headless", "--remote-debugging-pipe", f"--user-data-dir={folder}"),
            *("--no-first-run", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"),
            # It opens only what the project wrote, and containers have no user namespaces.
            *("--no-sandbox", "--disable-background-networking", "about:blank"),
        ]
        redirected = f'exec "$@" 3<&{high[0]} 4>&{high[1]} >"$0" 2>&1'
        self._process = subprocess.Popen(
            ["bash", "-c", redirected, str(self._log), *command], pass_fds=high
        )
        for end in (reads, writes, *high):
            os.close(end)

    def __enter__(self) -> Browser:
        (target,) = [
            each for each in self._ask("Target.getTargets")["targetInfos"] if each["type"] == "page"
        ]
        attached = self._ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)

    def open(self, address: str, width: int, height: int) -> None:
        """Open a page in a window of some size, in CSS pixels, and wait until it is loaded."""
        self.events.clear()
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        self._ask("Page.navigate", url=address)
        while not any(method == "Page.loadEventFired" for method, _ in self.events):
            self._receive()

    def value_of(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript on the page."""
        answer = self._ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """Click on the middle of an element, as a user would."""
        place = self.value_of(
            f"(() => {{ const found = document.querySelector({json.dumps(selector)});"
            "found.scrollIntoView({block: 'center'}); const box = found.getClientRects()[0];"
            "return {x: box.x + box.width / 2, y: box.y + box.height / 2}; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def picture(self, path: Path) -> None:
        """Write what the window shows to a PNG file."""
        path.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot")["data"]))

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._last:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _receive(self) -> dict[str, Any]:
        """Wait for a message, and keep it if it is an event."""
        ends = time.monotonic() + PATIENCE_S
        while b"\0" not in self._pending:
            readable, _, _ = select.select([self._answers], [], [], ends - time.monotonic())
            received = os.read(self._answers, 1 << 20) if readable else b""
            if not received:
                said = self._log.read_text(errors="replace")[-2000:]
                raise Unavailable(f"Chromium does not answer: {said}")
            self._pending += received
        first, _, self._pending = self._pending.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        if "method" in message:
            self.events.append((message["method"], message["params"]))
        return message
