"""A real browser: Debian's chromium, driven by Debian's own driver; nothing is downloaded."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
# What a page may ask for: itself, and what it holds or makes.
OWN = ("file:", "data:", "blob:", "about:")


@dataclass(frozen=True)
class Browser:
    """One window. `driver` is selenium's."""

    driver: object
    downloads: Path

    def open(self, path: Path, fragment: str = "") -> None:
        self.driver.get("about:blank")  # an address that differs in its fragment loads nothing
        self.driver.get_log("performance")
        self.driver.get(path.resolve().as_uri() + fragment)

    def size(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def colours(self, scheme: str) -> None:
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def run(self, script: str, *arguments: object) -> object:
        return self.driver.execute_script(script, *arguments)

    def press(self, *keys: str) -> None:
        """Keys, by their names in selenium or as letters, for whatever has the focus."""
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        named = (getattr(Keys, key, key) for key in keys)
        ActionChains(self.driver).send_keys(*named).perform()

    def fill(self, identity: str, text: str, event: str = "input") -> None:
        """Text into a field, all at once, as if it had been typed or pasted."""
        self.run(
            "const field = document.getElementById(arguments[0]); field.focus();"
            "field.value = arguments[1];"
            "field.dispatchEvent(new Event(arguments[2], {bubbles: true}));",
            *(identity, text, event),
        )

    def wait(self, condition: str | Callable[[], object], seconds: float = 30) -> object:
        """Until a JavaScript expression, or a function, is true; what it is then."""
        from selenium.webdriver.support.ui import WebDriverWait

        asked = condition if callable(condition) else lambda: self.run(f"return {condition}")
        return WebDriverWait(self.driver, seconds, 0.05).until(lambda _: asked())

    def busy(self) -> float:
        """Processor time of the page's own thread, in seconds, which other work hardly touches."""
        self.driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        found = self.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        return next(metric["value"] for metric in found if metric["name"] == "TaskDuration")

    def errors(self) -> list[str]:
        """What the page complained of in its console."""
        entries = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def requests_elsewhere(self, blocked: bool = False) -> list[str]:
        """The addresses outside of the page that it asked for since it was opened.

        blocked: those alone that its own policy did not let out.
        """
        messages = [json.loads(entry["message"]) for entry in self.driver.get_log("performance")]
        asked, stopped = {}, set()
        for message in (message["message"] for message in messages):
            about = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                asked[about["requestId"]] = about["request"]["url"]
            elif message["method"] == "Network.loadingFailed" and about.get("blockedReason"):
                stopped.add(about["requestId"])
        outside = {name: url for name, url in asked.items() if not url.startswith(OWN)}
        return [url for name, url in outside.items() if not blocked or name in stopped]


@pytest.fixture(scope="session")
def _browser(tmp_path_factory) -> Iterator[Browser]:
    if not (CHROMIUM and DRIVER):
        pytest.skip("no chromium with its driver here: apt-get install chromium chromium-driver")
    pytest.importorskip("selenium", reason="no selenium here: pip install -r requirements.txt")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    downloads = tmp_path_factory.mktemp("downloads")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    # No name is ever looked up, so nothing can be reached.
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND"
    for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", nowhere):
        options.add_argument(option)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_script_timeout(60)
    yield Browser(driver, downloads)
    driver.quit()


@pytest.fixture
def browser(_browser) -> Browser:
    """A window of 1,400 x 1,000 in light colours that has forgotten all before."""
    _browser.size(1400, 1000)
    _browser.colours("light")
    _browser.driver.get("about:blank")
    _browser.errors()
    for path in _browser.downloads.iterdir():
        path.unlink()
    return _browser
