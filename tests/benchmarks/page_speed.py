"""The page of real programs in headless Chromium: its size, when it is ready, how long a box takes to open.

python tests/benchmarks/page_speed.py    needs chromium, chromedriver and selenium
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from table import table

PROGRAMS = ("gpt2_small", "resnet50", "rnn_1000_steps", "transformer_100k")
_ROUNDS = 3
_BOXES = 12
_TOGGLE = """const [box, done] = arguments;
location.hash = `#box=${box}`;
setTimeout(() => {
  const canvas = document.getElementById("canvas");
  canvas.focus();
  const begun = performance.now();
  canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
  requestAnimationFrame(() => setTimeout(() => {
    done([performance.now() - begun, document.getElementById("status").textContent.endsWith("is open")]);
  }));
}, 150);"""


def page_speed() -> str:
    """A section of Markdown; says what is missing where there is no browser."""
    title = (
        "## The page in a browser\n\nHeadless Chromium, without a graphics card: size of the file, milliseconds from"
        f" its start to a page that can be used (median of {_ROUNDS}), and until a box that was opened is painted"
        f" (median and most of {_BOXES} boxes).\n\n"
    )
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        return f"{title}Not measured: chromium and chromedriver are not installed.\n"
    driver = _browser(chromium, chromedriver)
    try:
        rows = [_row(driver, name) for name in PROGRAMS]
    finally:
        driver.quit()
    return title + table(["", "file", "ready", "box opens", "slowest box"], rows)


def _browser(chromium: str, chromedriver: str) -> Any:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,900"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))


def _row(driver: Any, name: str) -> list[str]:
    program = Path(__file__).with_name("programs") / f"{name}.py"
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "run.html"
        subprocess.run(
            [sys.executable, "-m", "gradtrace", "render", "-q", "-o", str(page), str(program)],
            check=True,
            capture_output=True,
        )
        size = page.stat().st_size
        ready = statistics.median(_opened(driver, page) for _ in range(_ROUNDS))
        opening = [took for box in range(2, 2 + 4 * _BOXES) for took, is_open in [_toggled(driver, box)] if is_open]
    opening = opening[:_BOXES]
    return [
        name,
        f"{size / 1e6:.2f} MB",
        f"{ready:.0f} ms",
        f"{statistics.median(opening):.0f} ms" if opening else "",
        f"{max(opening):.0f} ms" if opening else "",
    ]


def _opened(driver: Any, page: Path) -> float:
    driver.get("about:blank")
    driver.get(page.as_uri())
    while not driver.execute_script("return document.documentElement.dataset.ready"):
        time.sleep(0.02)
    return float(driver.execute_script("return document.documentElement.dataset.ready"))


def _toggled(driver: Any, box: int) -> tuple[float, bool]:
    took, is_open = driver.execute_async_script(_TOGGLE, box)
    return float(took), bool(is_open)


if __name__ == "__main__":
    sys.stdout.write(page_speed())
