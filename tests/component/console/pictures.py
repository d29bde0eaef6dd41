"""Pictures of the console for docs/: `python tests/component/console/pictures.py [FOLDER]` draws them anew."""

import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[3]))

from tests.component.console.chromium import chromium
from tests.component.console.fleets import served

IMAGES = Path(__file__).resolve().parents[3] / "docs" / "images"


async def main(folder: Path) -> None:
    """Draw the list in the light and an object in the dark."""
    with tempfile.TemporaryDirectory() as home:
        async with served(120, Path(home), ticks=240) as console, chromium() as browser:
            memory = console.operator.loop.onlookers[0]
            rising = max(
                (one for one in console.fleet if one.decision.current > 6),
                key=lambda one: sum(past.final > past.current for past in memory.of(one).decisions),
            )
            for name, scheme, path in (
                ("console-list", "light", "#/"),
                ("console-object", "dark", f"#/{rising.label}"),
            ):
                page = await browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
                await page.goto(f"{console.address}#token={console.server.admin_token}")
                await page.wait_for_selector("#objects tbody tr")
                await page.evaluate("(hash) => { location.hash = hash; }", path)
                await page.wait_for_selector("#chart svg" if rising.name in path else "#objects tbody tr")
                await page.screenshot(path=folder / f"{name}.png")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES))
