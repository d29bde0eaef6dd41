"""How accurate the forecaster is beside its peers: pinball of the window maximum, coverage, ablations.

Judged is the second half of every series, windows of 2, 10 and 60 minutes where the step allows (else one and two
buckets); AutoETS and MSTL, refitted every hour, are asked for the newest days only, and ours is compared there on the
same origins. Without --traces it runs on loads made from seeds.

python tests/benchmarks/forecast --traces DIR --cache DIR --ablations --json out.json
"""

import argparse
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from parts.process import machine
from parts.table import note
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from . import ours, peers, series, summary, tables
from .conformal import JUDGED
from .peers import PEERS, YARDSTICK, Peer
from .refitted import Scope
from .rows import Row, rows
from .series import Series

FULL, QUICK = Scope(judged_days=3.0, calibrated_days=2.0), Scope(judged_days=1.0, calibrated_days=1.0)
Item = TypeVar("Item")
GROUP = "uv sync --group bench"


def main() -> None:
    """Read the options, let the peers answer, score and print."""
    options = _options()
    judged = series.synthetic() if options.traces is None else series.read(options.traces)
    judged = [one for one in judged if options.only in one.name]
    if not judged:
        raise SystemExit(f"no series has {options.only!r} in its name: give a part of one that INDEX.csv lists")
    scope = QUICK if options.quick or options.traces is None else FULL
    asked = _asked(options.peers)
    with _folder(options.cache) as folder:
        _answer(judged, asked, scope, folder, options.processes)
        found = list(_score(judged, asked, scope, folder, ablations=options.ablations))
    _show(found, [peer.name for peer in asked], options)
    if options.json is not None:
        rendered = {"levels": JUDGED, "machine": machine(), "scope": repr(scope), "rows": summary.as_json(found)}
        options.json.write_text(json.dumps(rendered, indent=1), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="forecast", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--traces", type=Path, help="folder with INDEX.csv: file, unit, step_seconds")
    parser.add_argument("--cache", type=Path, help="folder that keeps the peers' answers for the next run")
    parser.add_argument("--json", type=Path, help="file for every row")
    parser.add_argument("--quick", action="store_true", help="refit on the newest day only (always without --traces)")
    parser.add_argument("--ablations", action="store_true", help="run with each part left out, too")
    parser.add_argument("--rows", action="store_true", help="print every row")
    parser.add_argument("--only", default="", help="part of the names of the series to judge")
    parser.add_argument("--peers", default=",".join(PEERS), help="which to compare with (%(default)s)")
    parser.add_argument("--processes", type=int, default=2, help="processes of the peers (%(default)s)")
    return parser.parse_args()


def _asked(names: str) -> list[Peer]:
    """Return the peers that were asked for and can run; the yardstick always."""
    wanted = {YARDSTICK, *filter(None, names.split(","))}
    if unknown := wanted - set(PEERS):
        raise SystemExit(f"no peer is called {', '.join(sorted(unknown))}: there are {', '.join(PEERS)}")
    absent = [PEERS[name] for name in PEERS if name in wanted and not PEERS[name].installed]
    if absent:
        missing = ", ".join(sorted({str(peer.library) for peer in absent}))
        note(f"left out: {', '.join(peer.title for peer in absent)}; {missing} not installed: {GROUP}")
    return [peer for name, peer in PEERS.items() if name in wanted and peer.installed]


@contextmanager
def _folder(cache: Path | None) -> Iterator[Path]:
    """Give the folder that keeps answers, for this run alone if none was asked for."""
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
        yield cache
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _answer(judged: Sequence[Series], asked: Sequence[Peer], scope: Scope, folder: Path, processes: int) -> None:
    """Let every peer answer for every series that is not kept yet, the longest work first."""
    missing = [(peer, one) for peer in asked for one in judged if not (folder / peer.key(one, scope)).exists()]
    missing.sort(key=lambda pair: (not pair[0].newest, pair[0].library is None, pair[1].step_seconds))
    with ProcessPoolExecutor(processes) as pool:
        running = [pool.submit(peers.keep, peer.name, one, scope, folder) for peer, one in missing]
        try:
            for done in _progress(as_completed(running), "peers", len(running)):
                done.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _score(
    judged: Sequence[Series], asked: Sequence[Peer], scope: Scope, folder: Path, *, ablations: bool
) -> Iterator[Row]:
    changes = ours.ABLATIONS if ablations else {}
    for one in _progress(judged, "ours", len(judged)):
        answers = {peer.name: peers.kept(peer, one, scope, folder) for peer in asked}
        yield from rows(
            one, ours.issued(one), answers, {name: ours.issued(one, change) for name, change in changes.items()}
        )


def _progress(items: Iterable[Item], title: str, total: int) -> Iterator[Item]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, transient=True) as progress:
        yield from progress.track(items, total=total, description=title)


def _show(found: Sequence[Row], names: Sequence[str], options: argparse.Namespace) -> None:
    if options.rows:
        tables.every(found)
    tables.ratios(found)
    tables.peers(found, names)
    tables.worst(found, names)
    tables.coverage(found)
    if options.ablations:
        tables.ablations(found)
