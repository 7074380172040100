"""The page of `persense eval --report`, driven in a headless Chromium: report_page_test.py PROGRAM DATA [SCREENSHOTS].

DATA is a data set in PerSense-D's layout. Skips, and says so, where there is no selenium or no Chromium.
"""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from headless_browser import BrowserPage, browser  # noqa: E402
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.remote.webelement import WebElement  # noqa: E402
from selenium.webdriver.support.ui import Select  # noqa: E402

PROGRAM, DATA = sys.argv[1], pathlib.Path(sys.argv[2])
SHOTS = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
MANY = 1000
ODD_NAME = '<b>&"beans'  # a class that HTML would take for something else

Json = Any


class Page(BrowserPage):
    def __init__(self, driver: webdriver.Chrome, path: pathlib.Path) -> None:
        super().__init__(driver)
        driver.get("about:blank")
        driver.get_log("performance")
        driver.get(path.as_uri())

    def one(self, css: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def press(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(*keys)

    def names(self) -> list[str]:
        """Of the gallery's images, in its order."""
        return list(self.ask("shown.map(i => images[i].class + '/' + images[i].name)"))

    def painted(self) -> int:
        return int(
            self.ask(
                "[...document.querySelectorAll('#gallery canvas')].filter(c => c.width > 0).length"
            )
        )

    def scroll_to(self, css: str) -> None:
        self.driver.execute_script(
            "document.querySelector(arguments[0]).scrollIntoView({behavior: 'instant'})", css
        )

    def shot(self, name: str) -> None:
        if SHOTS:
            time.sleep(0.3)
            self.driver.save_screenshot(str(SHOTS / f"{name}.png"))


def check_quiet(page: Page) -> None:
    """Nothing went wrong, and nothing but the page itself was asked for."""
    errors = [e for e in page.driver.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]
    assert not errors, errors
    asked = set()
    for entry in page.driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.add(message["params"]["request"]["url"].split(":", 1)[0])
    assert asked <= {"file", "data", "about"}, asked


def check_scores(page: Page, scores: Json) -> None:
    """The table shows the numbers of --json, and the bars those of the table."""
    rows = {**scores["classes"], "mean": scores["mean"]}
    shown = page.ask(
        "[...document.querySelectorAll('#table td')].map(c => [c.dataset.of, c.dataset.key, c.firstChild.data])"
    )
    seen = set()
    for name, key, text in shown:
        seen.add((name, key))
        if key == "seconds_per_image":  # of which the page has milliseconds
            assert abs(float(text) - rows[name][key]) < 0.0015, (name, key, text)
            continue
        if key not in rows[name]:
            assert text == "\u2013", (name, key, text)
            continue
        digits = len(text.partition(".")[2])
        assert text.replace("\u2212", "-") == f"{rows[name][key]:.{digits}f}", (name, key, text)
    assert {(name, key) for name in rows for key in rows[name]} - seen == set()
    interval = page.one("#table tfoot [data-key=f1] small").text
    low, high = scores["intervals"]["mean"]["f1"]
    assert interval == f"{low:.3f} \u2013 {high:.3f}", interval

    # the bars, of another score
    Select(page.one("#bar-score")).select_by_value("pq")
    bars = {b.find_element(By.CSS_SELECTOR, ".name").text: b for b in page.all("#bars .row")}
    assert set(bars) == set(rows)
    for name, bar in bars.items():
        fill = bar.find_element(By.CSS_SELECTOR, ".fill").get_attribute("style")
        width = re.search(r"width: ([\d.]+)%", str(fill))
        assert width and abs(float(width[1]) / 100 - rows[name]["pq"]) < 1e-4, (name, fill)
    assert len(bars["mean"].find_elements(By.CSS_SELECTOR, ".whisker")) == 1


def check_table_order(page: Page, scores: Json) -> None:
    page.one("#table th[data-key=f1] button").click()
    head = page.one("#table th[data-key=f1]")
    assert head.get_attribute("aria-sort") == "descending"
    shown = [th.text for th in page.all("#table tbody th")]
    classes = scores["classes"]
    assert shown == sorted(classes, key=lambda name: -classes[name]["f1"]), shown
    page.one("#table th[data-key=f1] button").click()
    assert [th.text for th in page.all("#table tbody th")] == shown[::-1]


def check_gallery(page: Page) -> None:
    worst = page.ask("shown.map(i => images[i].f1)")
    assert worst == sorted(worst) and len(worst) >= 4, worst
    page.scroll_to("#images")
    page.until(lambda: page.painted() >= 2, "thumbnails")
    page.shot("gallery")

    Select(page.one("#order")).select_by_value("best")
    assert page.ask("shown.map(i => images[i].f1)") == worst[::-1]
    Select(page.one("#order")).select_by_value("worst")

    Select(page.one("#class")).select_by_value(ODD_NAME)
    assert {name.rsplit("/", 1)[0] for name in page.names()} == {ODD_NAME}
    assert len(page.all("#gallery li")) == len(page.names())
    page.one("#search").send_keys("no such name")
    page.until(lambda: page.one("#none").is_displayed(), "the gallery to be empty")
    page.one("#search").clear()
    page.one("#search").send_keys(Keys.SPACE)
    Select(page.one("#class")).select_by_value("")
    assert len(page.names()) == len(worst)


def check_viewer(page: Page) -> None:
    names = page.names()
    page.all("#gallery .card")[1].click()
    page.until(
        lambda: page.ask("document.querySelector('#sheet img')?.naturalWidth > 0"), "the photo"
    )
    shown = lambda: page.one("#viewer-name").text.replace(" / ", "/")
    assert shown() == names[1]
    image = page.ask("images[shown[1]]")
    kinds = (
        "[...document.querySelectorAll('#sheet path')].filter(p => p.dataset.kind === '%s').length"
    )
    for kind, key in (("matched", "right"), ("wrong", "false"), ("missed", "missed")):
        assert page.ask(kinds % kind) == image[key], kind
    page.shot("errors")

    page.press("3")  # the truth
    page.until(
        lambda: page.ask("document.querySelectorAll('#sheet path').length") == image["truth"],
        "the truth",
    )
    page.one("[data-view=found]").click()
    page.until(
        lambda: page.ask("document.querySelectorAll('#sheet path').length") == image["found"],
        "what was found",
    )
    assert page.one("[data-view=found]").get_attribute("aria-selected") == "true"

    page.one("#stage").send_keys("5")  # the stages
    page.until(
        lambda: page.ask("document.querySelector('#stage.figure img')?.naturalWidth > 800"),
        "the figure",
    )
    assert "stages of" in str(page.one("#sheet img").get_attribute("alt"))
    page.shot("steps")

    page.press(Keys.ARROW_RIGHT)
    page.until(lambda: shown() == names[2], "the next image")
    page.until(
        lambda: names[2].rsplit("/", 1)[1] in str(page.one("#sheet img").get_attribute("alt")),
        "its figure",
    )
    page.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_LEFT)  # stays at the first
    assert shown() == names[0] and not page.one("#previous").is_enabled()

    page.press("1")
    page.until(lambda: page.ask("document.querySelector('#sheet svg') !== null"), "the errors")
    wide = page.one("#sheet").size["width"]
    page.press("+")
    assert page.one("#sheet").size["width"] > 1.3 * wide
    page.press("0")
    assert page.one("#sheet").size["width"] == wide
    page.press(Keys.ESCAPE)
    page.until(lambda: not page.one("#viewer").is_displayed(), "the viewer to close")
    assert page.driver.switch_to.active_element.get_attribute("class") == "card"


def check_phone(page: Page) -> None:
    metrics = {"width": 390, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert page.ask("document.documentElement.scrollWidth") <= 390
    page.shot("phone")
    page.scroll_to("#gallery")
    page.all("#gallery .card")[0].click()
    page.until(
        lambda: page.ask("document.querySelector('#sheet img')?.naturalWidth > 0"), "the photo"
    )
    assert page.one("#sheet").size["width"] <= 391
    assert page.one("#close").is_displayed() and page.one("[data-view=steps]").is_displayed()
    page.shot("phone-errors")
    page.one("#close").click()
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def multiplied(page: pathlib.Path, out: pathlib.Path, times: int) -> int:
    """The same page with its images again and again: as large as that of so many images is."""
    text = page.read_text()
    begin = text.index('id="data">') + len('id="data">')
    end = text.index("</script>", begin)
    data = json.loads(text[begin:end])
    first = text.index('<script type="text/plain"')
    pictures = re.findall(
        r'<script type="(\S+)" id="([tspf])(\d+)">(.*?)</script>\n', text[first:], re.S
    )
    one = data["images"]
    data["images"] = [dict(one[i % len(one)], name=f"{i}.jpg") for i in range(times)]
    with out.open("w") as file:
        file.write(text[:begin] + json.dumps(data).replace("<", "\\u003c") + text[end:first])
        for kinds in ("ts", "pf"):
            for i in range(times):
                for kind_of, kind, number, body in pictures:
                    if kind in kinds and int(number) == i % len(one):
                        file.write(f'<script type="{kind_of}" id="{kind}{i}">{body}</script>\n')
        file.write("</body></html>\n")
    return out.stat().st_size


def check_many(driver: webdriver.Chrome, path: pathlib.Path) -> str:
    """A thousand images: the page is there before its pictures are, and shows few of them at once."""
    driver.set_page_load_timeout(120)
    driver.execute_cdp_cmd("Page.enable", {})
    page = Page(driver, path)
    first = page.ask("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
    load = page.ask("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000
    # 0.2 and 2 s on two slow cores; a person waits 10 s at most for a page that shows nothing (Nielsen 1993)
    assert first < 5, f"the first paint after {first:.1f} s"
    assert load < 60, f"all was there after {load:.1f} s"
    assert len(page.names()) == MANY
    most = 0
    for part in (0, 0.3, 0.7, 1):
        driver.execute_script(
            f"scrollTo({{top: {part} * document.documentElement.scrollHeight, behavior: 'instant'}})"
        )
        if part:
            page.until(lambda: page.painted() > 0, "thumbnails")
        time.sleep(0.3)
        most = max(most, page.painted())
    # two windows of cards, a screen's and as much before and after it, at two canvases each
    assert 0 < most <= 80, f"{most} thumbnails are held at once"
    page.scroll_to("#images")
    page.until(lambda: page.painted() > 0, "thumbnails")
    page.all("#gallery .card")[3].click()
    page.one("#stage").send_keys("5")
    page.until(
        lambda: page.ask("document.querySelector('#stage.figure img')?.naturalWidth > 800"),
        "a figure",
    )
    check_quiet(page)
    return f"{MANY} images: first paint {first:.2f} s, all there {load:.2f} s, at most {most} thumbnails"


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        driver = browser(1300, 900)
        try:
            data = folder / "set"
            shutil.copytree(
                DATA, data, ignore=shutil.ignore_patterns("*.md", "*overview*", "*page*")
            )
            (data / "beans").rename(data / ODD_NAME)
            report, scores = folder / "report.html", folder / "scores.json"
            command = [PROGRAM, "eval", str(data), "--models", "classic", "--intervals", "classes"]
            subprocess.run(
                [*command, "--report", str(report), "--json", str(scores)],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            page = Page(driver, report)
            page.shot("top")
            values = json.loads(scores.read_text())
            check_scores(page, values)
            check_table_order(page, values)
            check_gallery(page)
            check_viewer(page)
            check_phone(page)
            check_quiet(page)
            size = multiplied(report, folder / "many.html", MANY)
            print(check_many(driver, folder / "many.html") + f", {size / 1e6:.0f} MB")
        finally:
            driver.quit()
    print("the page works")
    return 0


if __name__ == "__main__":
    sys.exit(main())
