"""Make the pictures of the gallery: `python docs/gallery/make.py`, with `comma-materials[explorer]` and a Chromium.

Builds the embedded set, an index and an atlas in a temporary folder, and photographs what the pages show.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.reliability.served import running  # noqa: E402 - the root has to be on the path first

OUT = Path(__file__).resolve().parent
CODE = "from comma_app.cli import main; main()"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
ASKED = "/?q=Mix+BaCO3+and+TiO2%2C+calcine+at+1100+%C2%B0C+for+12+h.&for=structure&n=3"
WHY = "/why/structure/{row}?q=Mix+BaCO3+and+TiO2%2C+calcine+at+1100+%C2%B0C+for+12+h."


def comma(folder: Path, *arguments: str) -> None:
    """Run the command in a folder."""
    subprocess.run([sys.executable, "-c", CODE, *arguments], cwd=folder, check=True)  # noqa: S603 - our own command


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as session:
        folder = Path(name)
        comma(folder, "data", "build", "textbook", "--out", "data")
        comma(folder, "data", "show", "data", "tb-batio3-tetragonal", "--html", "show.html")
        comma(folder, "search", "build", "data", "--out", "index")
        comma(folder, "atlas", "--index", "index", "--colour", "elements", "--out", "atlas.html")
        chromium = shutil.which("chromium")
        browser = session.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with running(folder / "index") as server:
            page = browser.new_page(viewport=WIDE)
            page.goto(f"http://{server.host}/?token={server.token}")
            page.goto(f"http://{server.host}{ASKED}", wait_until="networkidle")
            shot(page, "serve")
            row = page.get_attribute(".card img", "src").rpartition("/")[2]
            page.goto(f"http://{server.host}{WHY.format(row=row)}", wait_until="networkidle")
            shot(page, "explain", full=True)
            page.set_viewport_size(NARROW)
            page.goto(f"http://{server.host}{ASKED}", wait_until="networkidle")
            shot(page, "serve-phone")
        page = browser.new_page(viewport=WIDE)
        page.goto((folder / "show.html").as_uri())
        shot(page, "show")
        page.goto((folder / "atlas.html").as_uri())
        page.wait_for_function("document.documentElement.dataset.ready", timeout=120_000)
        page.wait_for_timeout(3000)  # the map is drawn in the frames after that
        shot(page, "atlas")
        browser.close()


def shot(page: Any, name: str, *, full: bool = False) -> None:
    """Photograph a page."""
    page.screenshot(path=OUT / f"{name}.png", full_page=full)


if __name__ == "__main__":
    main()
