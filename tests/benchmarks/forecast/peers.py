"""The peers: what each is, which library it needs, and the part of a series it can be asked for."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from . import naive, online, refitted
from .conformal import Answers
from .refitted import Scope
from .series import Series


@dataclass(frozen=True, slots=True)
class Peer:
    """A forecaster to be compared with. `revision` is raised when what it computes changes: kept answers are then void.

    `newest` says that it answers for the newest part of a series alone, as refits cost too much for the rest.
    """

    name: str
    title: str
    answer: Callable[[Series, Scope], Answers | None]
    library: str | None = None
    newest: bool = False
    revision: int = 1

    @property
    def installed(self) -> bool:
        """Whether its library is there."""
        return self.library is None or find_spec(self.library) is not None

    def key(self, series: Series, scope: Scope) -> str:
        """Return a name for its answers on a series; it changes with all that they depend on."""
        made_by = (self.name, self.revision, self.library and version(self.library), scope if self.newest else None)
        digest = hashlib.sha256(repr((made_by, series.kind, series.step_seconds)).encode())
        digest.update(series.values.tobytes())
        return f"{series.name}.{self.name}.{digest.hexdigest()[:16]}.npz"


def _whole(answer: Callable[[Series], Answers | None]) -> Callable[[Series, Scope], Answers | None]:
    return lambda series, _: answer(series)


YARDSTICK = "rolling"
PEERS = {
    peer.name: peer
    for peer in (
        Peer(YARDSTICK, "rolling quantile", _whole(naive.rolling_quantile)),
        Peer("last", "last value", _whole(naive.last_value)),
        Peer("day", "naive, a day ago", _whole(naive.yesterday)),
        Peer("week", "naive, a week ago", _whole(naive.last_week)),
        Peer("river", "river SNARIMAX", _whole(online.snarimax), "river"),
        Peer("pybats", "pybats DLM", _whole(online.dynamic_model), "pybats"),
        Peer("ets", "AutoETS", refitted.auto_ets, "statsforecast", newest=True),
        Peer("mstl", "MSTL", refitted.mstl, "statsforecast", newest=True),
    )
}


def keep(peer: str, series: Series, scope: Scope, folder: Path) -> None:
    """Let a peer answer for a series and keep that in the folder, whole or not at all; what is kept is not redone."""
    path = folder / PEERS[peer].key(series, scope)
    if path.exists():
        return
    try:
        answers = PEERS[peer].answer(series, scope) or {}
    except Exception as error:
        raise RuntimeError(f"{PEERS[peer].title} failed on {series.name}: {error!r}") from error
    beside = path.with_suffix(".part.npz")
    np.savez_compressed(beside, **{str(lead): quantiles for lead, quantiles in answers.items()})
    beside.replace(path)


def kept(peer: Peer, series: Series, scope: Scope, folder: Path) -> Answers:
    """Return the answers that were kept; none where the peer does not apply."""
    with np.load(folder / peer.key(series, scope)) as file:
        return {int(lead): file[lead] for lead in file.files}
