"""What tests of the page do again and again: open it, wait, point at a place."""

import time
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDE = {"width": 1400, "height": 950}


def opened(browser: Any, address: str, **options: Any) -> Any:
    """The page, ready; it notes what is asked of others, and what goes wrong."""
    context = browser.new_context(viewport=options.pop("viewport", WIDE), accept_downloads=True, **options)
    page = context.new_page()
    page.trouble, page.asked = [], []
    page.on("pageerror", lambda error: page.trouble.append(str(error)))
    page.on("console", lambda told: page.trouble.append(told.text) if told.type == "error" else None)
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("html[data-ready]", timeout=60_000)
    until(page, "document.getElementById('facts').children.length > 0")
    return page


def until(page: Any, expression: str, argument: Any = None, seconds: float = 60.0) -> None:
    """Wait for what a function or an expression says; Playwright's own waiting needs eval, which the page forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression, argument):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(40)


def place(page: Any, x: float, y: float) -> tuple[float, float]:
    box = page.locator("#overlay").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]
