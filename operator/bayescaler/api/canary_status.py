"""`status.canary` of a BayesianAutoscaler: how a canary does beside the live forecast."""

from typing import Literal

from pydantic import Field

from .figures import ATOMIC_MAP, WORD_CHARACTERS, Figure, Message, Timestamp, Whole
from .rules import Model


class SideStatus(Model):
    """One of two forecasts that are compared, in the unit of `capacity.perReplica`."""

    value: Figure = Field(
        default=None,
        description="Load at the promised quantile within the horizon, as it expects now.",
        examples=[1040],
    )
    loss: Figure = Field(default=None, description="Mean pinball loss of a window.", examples=[12.4])
    replicas: Whole | None = Field(
        default=None, description="Replicas that are decided by it, after all limits.", examples=[20]
    )


class CanaryStatus(Model):
    """How a canary does beside the live forecast."""

    phase: Literal["Warming", "Running", "Promoted", "RolledBack"] = Field(
        description="Where it stands.", examples=["Running"]
    )
    hash: str = Field(
        max_length=WORD_CHARACTERS,
        description="Mark of the settings that are compared; another one is another canary.",
        examples=["9f86d081884c"],
    )
    start_time: Timestamp | None = Field(
        default=None, description="When the first forecasts were compared.", examples=["2026-03-02T08:00:00Z"]
    )
    windows: Whole = Field(description="Windows compared, which do not overlap.", examples=[812])
    live: SideStatus | None = Field(
        default=None,
        description="The live forecast.",
        examples=[{"value": 1040, "loss": 12.4, "replicas": 21}],
        json_schema_extra=ATOMIC_MAP,
    )
    canary: SideStatus | None = Field(
        default=None,
        description="The canary.",
        examples=[{"value": 990, "loss": 11.3, "replicas": 20}],
        json_schema_extra=ATOMIC_MAP,
    )
    loss_ratio: Figure = Field(
        default=None,
        description="Loss of the canary over that of the live forecast; below 1 is better.",
        examples=[0.91],
    )
    loss_ratio_low: Figure = Field(
        default=None, description="Lower bound of that ratio, wrong at most once in twenty.", examples=[0.84]
    )
    loss_ratio_high: Figure = Field(
        default=None, description="Upper bound, likewise; below 1 the canary is better for certain.", examples=[0.98]
    )
    evidence: Figure = Field(
        default=None, description="Evidence that it loses less; 20 are needed to promote it.", examples=[34.1]
    )
    counter_evidence: Figure = Field(
        default=None, description="Evidence that it loses more; 20 are needed to roll it back.", examples=[0.04]
    )
    message: Message = Field(
        default="",
        description="Where it stands, in a sentence, and what to do.",
        examples=["seasons: [24h, 168h] loses 9 % less over 812 windows"],
    )
