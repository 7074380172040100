"""A headless Chromium for the tests of pages, and what they wait with.

Imported where there is no selenium, it says so and ends the program: the test is skipped.
"""

from __future__ import annotations

import shutil
import sys
import time
from typing import Any, Callable

try:
    from selenium import webdriver
except ImportError:
    print("SKIPPED: selenium is not installed")
    sys.exit(0)


def browser(width: int, height: int, downloads: str = "") -> webdriver.Chrome:
    """Keeps logs of errors and of requests. Skips where there is no Chromium.

    @param downloads  the folder that files are saved in; empty: its own.
    """
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.add_argument(f"--window-size={width},{height}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    if downloads:
        options.add_experimental_option("prefs", {"download.default_directory": downloads})
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        print("SKIPPED: no Chromium with its chromedriver")
        sys.exit(0)
    options.binary_location = chromium
    return webdriver.Chrome(service=webdriver.chrome.service.Service(driver), options=options)


class BrowserPage:
    """What is asked of any page."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        return self.driver.execute_script(f"return {expression}")

    def says(self) -> str:
        """What the page itself says of its state, for whoever waits in vain."""
        return ""

    def until(self, holds: Callable[[], object], what: str, seconds: float = 60) -> None:
        """Wait. Raises AssertionError, naming what was waited for."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if holds():
                return
            time.sleep(0.04)
        raise AssertionError(f"waited for {what}{self.says()}")
