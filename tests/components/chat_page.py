"""Uses the RAG agent's page like a person, with a real browser; a program of its own.

`python chat_page.py CHROMIUM URL QUESTION SHOTS FILE...` uploads the files, asks at two widths in
light and dark, opens the first passage, saves pictures in SHOTS, and prints JSON on what it saw.
"""
# mypy: ignore-errors
# Playwright is no dependency of this project.

import json
import sys

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOOKS = [(1440, 900, "light"), (1440, 900, "dark"), (390, 844, "light"), (390, 844, "dark")]
UPLOADED = (
    "document.querySelectorAll('#progress li.added').length == {count}"
    " && !document.querySelector('#progress progress')"
)


def main() -> None:
    chromium, url, question, shots, *files = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        seen = [look(browser, url, question, shots, files, number) for number in range(len(LOOKS))]
        browser.close()
    sys.stdout.write(json.dumps(seen))


def look(
    browser: Browser, url: str, question: str, shots: str, files: list[str], number: int
) -> dict[str, object]:
    width, height, scheme = LOOKS[number]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url))
    page.goto(f"{url}/?__theme={scheme}")
    page.wait_for_selector("#question textarea")
    if number == 0:
        page.set_input_files("#upload input[type=file]", files)
        page.wait_for_function(UPLOADED.format(count=len(files)), timeout=60_000)
    answer = ask(page, question)
    page.screenshot(path=f"{shots}/{scheme}-{width}.png")
    page.click("#passages summary")
    seen = {
        "look": f"{scheme} {width}",
        "answer": answer,
        "documents": page.inner_text("#listing"),
        "first_passage": page.inner_text("#passages details"),
        "too_wide": page.evaluate("document.documentElement.scrollWidth > innerWidth"),
        "elsewhere": [a for a in elsewhere if not a.startswith((url, "data:", "blob:"))],
    }
    context.close()
    return seen


def ask(page: Page, question: str) -> str:
    """The reply, once it has stopped growing."""
    page.fill("#question textarea", question)
    page.keyboard.press("Enter")
    page.wait_for_selector("#passages summary", timeout=60_000)
    before, now = "", page.inner_text("#chat")
    for _ in range(120):
        if before == now and now.splitlines()[-1:] != ["…"]:
            break
        page.wait_for_timeout(500)
        before, now = now, page.inner_text("#chat")
    return now


if __name__ == "__main__":
    main()
