"""The screenshots of pages in `docs/images`: `python docs/screenshots.py` makes them anew.

They are looked at and committed by hand, and no check compares them: fonts differ from machine to machine. Needs
chromium, chromedriver, selenium and transformers (extra `test`).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from selenium import webdriver

ROOT: Final = Path(__file__).parent.parent
SHOTS: Final = {
    "page_gpt2.png": ("gpt2_small", "#pass=2&leaf=transformer.h.0.attn.c_attn.weight", ""),
    "page_resnet.png": ("resnet50", "#pass=1", "document.getElementById('tab-leaves').click()"),
    "page_rnn.png": ("rnn_1000_steps", "#pass=1&leaf=cell.weight_hh&time=7700", ""),
}
"""File name to program (in tests/benchmarks/programs), place in the page, and what is done there."""


def main() -> None:
    """Run the programs, open their pages and take the pictures."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,800"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        for name, (program, place, deed) in SHOTS.items():
            _shoot(driver, ROOT / "docs" / "images" / name, program, place, deed)
            sys.stdout.write(f"{name}\n")
    finally:
        driver.quit()


def _shoot(driver: Any, picture: Path, program: str, place: str, deed: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "run.html"
        script = ROOT / "tests" / "benchmarks" / "programs" / f"{program}.py"
        # Run where it stands, so that no path of this machine is in the picture.
        subprocess.run(
            [sys.executable, "-m", "gradtrace", "render", "-q", "-o", str(page), script.name],
            cwd=script.parent,
            check=True,
            capture_output=True,
        )
        driver.get(page.as_uri() + place)
        while not driver.execute_script("return document.documentElement.dataset.ready"):
            time.sleep(0.05)
        driver.execute_script(deed)
        time.sleep(0.5)
        driver.save_screenshot(str(picture))


if __name__ == "__main__":
    main()
