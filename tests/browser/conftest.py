"""A headless Chromium without a network, and a page opened in it; skipped with a reason where there is none."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gradtrace.model import Trace
from gradtrace.renderers.page.page import Options, render

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1400,900",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip


class Browser:
    """What a person does with the page, and what they then see."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, path: Path, fragment: str = "") -> None:
        self.driver.get("about:blank")
        self.driver.get(path.as_uri() + fragment)
        self.until("document.documentElement.dataset.ready !== undefined || !document.getElementById('nothing').hidden")

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def until(self, condition: str) -> None:
        """Wait until an expression of JavaScript holds."""
        for _ in range(600):
            if self.run(f"return Boolean({condition})"):
                return
            time.sleep(0.05)
        pytest.fail(f"never came true: {condition}; the page shows: {self.text('body')[:500]}")

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def click(self, selector: str) -> None:
        self.run("document.querySelector(arguments[0]).click()", selector)

    def keys(self, *keys: str) -> None:
        """Press keys in the picture."""
        self.run(
            """const canvas = document.getElementById("canvas");
            canvas.focus();
            const press = (key) => new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
            for (const key of arguments[0]) canvas.dispatchEvent(press(key));""",
            list(keys),
        )

    def size(self, width: int, height: int) -> None:
        """As if on a screen of this size; 0 for that of the window."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width > 0}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def errors(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in {"SEVERE", "WARNING"}]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install -e '.[test]'")
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("chromium and chromedriver are not installed: apt-get install chromium chromium-driver")
    options = selenium.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(chromedriver))
    yield Browser(driver)
    driver.quit()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Browser]]:
    """Open a trace; afterwards the page must have logged no error and loaded nothing."""

    def opened(trace: Trace, fragment: str = "", **options: Any) -> Browser:
        path = tmp_path / "run.html"
        path.write_text(render(trace, Options(**options)), encoding="utf-8")
        browser.open(path, fragment)
        return browser

    yield opened
    assert browser.errors() == []
    assert browser.run("return performance.getEntriesByType('resource').map((entry) => entry.name)") == []
