"""How large the page to look at tokens with is, and what it costs a browser to open and to move it.

    python benchmarks/explorer.py results/crucible1/explorer.html

Prints a Markdown table. Times are processor time of the page's own thread, as the browser counts
it, which other work on the machine hardly touches; the last column is that of all of the
browser's processes, painting included, which share the cores. Needs chromium and chromium-driver.
"""

import argparse
import shutil
from pathlib import Path

import psutil

PICTURES = 100
OPENING, PER_SECOND = 3, 30  # seconds, pictures: what is allowed
MOVED = """
const [pictures, done] = arguments, width = Math.round(data.steps / 3);
let frame = 0;
function next() {
  const from = Math.round((frame * width) / pictures);
  setRange(from, from + width);
  if (frame++ < pictures) requestAnimationFrame(next);
  else done();
}
requestAnimationFrame(next);
"""


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("page", type=Path)
    path = arguments.parse_args().page
    print("| tokens shown | size | opening, of 3 s | a picture, of 33 ms | of all processes |")
    print("| --- | --- | --- | --- | --- |")
    for shown in (3, 8):
        opened, thread, everything = measured(path, shown)
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        costs = (
            f"{opened / OPENING:.0%} | {thread * PER_SECOND:.0%} | {everything * PER_SECOND:.0%}"
        )
        print(f"| {shown} | {size} | {costs} |")


def measured(path: Path, shown: int) -> tuple[float, float, float]:
    """Seconds of processor time: to open it, and for a picture, of its thread and of all."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.support.ui import WebDriverWait

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for option in ("--headless=new", "--no-sandbox", "--window-size=1400,1000"):
        options.add_argument(option)
    service = Service(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.set_script_timeout(120)
        driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        before = busy(driver)
        driver.get(path.resolve().as_uri())
        is_open = "return document.documentElement.dataset.openedIn"
        WebDriverWait(driver, 120, 0.05).until(lambda _: driver.execute_script(is_open))
        opened = busy(driver) - before
        tokens = "view.tokens = data.tokens.id.slice(0, arguments[0]); tokensChanged()"
        driver.execute_script(tokens, shown)
        thread, all_of_it = busy(driver), processor(service.process.pid)
        driver.execute_async_script(MOVED, PICTURES)
        thread, all_of_it = busy(driver) - thread, processor(service.process.pid) - all_of_it
        return opened, thread / PICTURES, all_of_it / PICTURES
    finally:
        driver.quit()


def busy(driver) -> float:
    """Processor time of the page's thread, in seconds."""
    found = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return next(metric["value"] for metric in found if metric["name"] == "TaskDuration")


def processor(driver: int) -> float:
    """Of all processes that the driver started, in seconds."""
    started = psutil.Process(driver).children(recursive=True)
    times = [process.cpu_times() for process in started if process.is_running()]
    return sum(time.user + time.system for time in times)


if __name__ == "__main__":
    main()
