"""Files that a command writes: refused before any work where they cannot be written, whole or not there after it."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import click
from rich.console import Console

from bayescaler.sources.files import whole_file

PIPED_WIDTH = 200  # of tables that no terminal bounds


def check_places(places: Mapping[str, Path | None], given: Mapping[str, Path | None] | None = None) -> None:
    """Refuse what cannot be written, by option: a folder that is not there, one file for two of them or for a given."""
    taken = {path.resolve(): option for option, path in (given or {}).items() if path is not None}
    for option, path in places.items():
        if path is None:
            continue
        if not path.parent.is_dir():
            raise click.BadParameter(f"there is no folder {path.parent}", param_hint=option)
        other = taken.setdefault(path.resolve(), option)
        if other != option:
            raise click.BadParameter(f"{path} is the file of {other} too", param_hint=option)


def check_installed(module: str) -> None:
    """Refuse to go on without a module of the extra `lab`."""
    if find_spec(module) is None:
        raise click.ClickException(f"{module} is not installed: pip install 'bayescaler[lab]'")


def check_picture(path: Path, option: str = "--plot") -> None:
    """Refuse a picture that cannot be drawn: without matplotlib, or in a format it does not know."""
    check_installed("matplotlib")
    from matplotlib.backend_bases import FigureCanvasBase

    formats = sorted(FigureCanvasBase.get_supported_filetypes())
    if path.suffix and path.suffix.lstrip(".").lower() not in formats:
        raise click.BadParameter(f"{path.name}: give one of {', '.join(formats)}", param_hint=option)


@contextmanager
def whole_files(*places: Path | None) -> Iterator[list[Path | None]]:
    """Give a path to write to for each place that was asked for; all take their places in the end, or none does."""
    try:
        with ExitStack() as files:
            yield [None if place is None else files.enter_context(whole_file(place)) for place in places]
    except OSError as error:
        where = " and ".join(str(place) for place in places if place is not None)
        raise click.ClickException(f"{where} cannot be written: {error.strerror or error}") from error


def console_of(*, stderr: bool = False) -> Console:
    """Return where a command prints its tables: as wide as the terminal, or wide enough in a file."""
    console = Console(highlight=False, soft_wrap=True, stderr=stderr)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console
