"""`spec.capacity` of a BayesianAutoscaler: what one replica can serve, said or learned."""

from typing import Annotated

from pydantic import Field

from .behavior import Number
from .rules import Model, Rule


class LearnSpec(Model):
    """How capacity is learned: from the utilisation of the replicas under the load per replica."""

    rules = (
        Rule(
            "learn.floor must not exceed learn.ceiling",
            "!has(self.floor) || !has(self.ceiling) || self.floor <= self.ceiling",
            lambda learn: learn.floor is None or learn.ceiling is None or learn.floor <= learn.ceiling,
            ".floor",
        ),
    )

    utilization_query: Annotated[
        str,
        Rule(
            "utilizationQuery must not be blank",
            r"self.matches('[^ \\t\\r\\n]')",
            lambda text: bool(text.strip(" \t\r\n")),
        ),
    ] = Field(
        min_length=1,
        max_length=4096,
        description="PromQL that gives one series: the mean utilisation of the ready replicas, as a fraction, such as "
        "CPU in use over CPU requested. It is read from the server of the load, at the end of each bucket, so let its "
        "range equal `load.step`.",
        examples=[
            "avg(rate(container_cpu_usage_seconds_total{namespace='shop',container='checkout'}[1m])) / 0.5",
        ],
    )
    target: Number = Field(
        gt=0,
        le=10,
        description="Utilisation at which a replica serves as much as it should, as a fraction.",
        examples=[0.7],
    )
    floor: Number | None = Field(
        default=None,
        gt=0,
        le=1e15,
        description="The capacity in force is never below this. Default: no bound.",
        examples=[20],
    )
    ceiling: Number | None = Field(
        default=None,
        gt=0,
        le=1e15,
        description="The capacity in force is never above this. Default: no bound.",
        examples=[120],
    )


class CapacitySpec(Model):
    """What one replica can serve."""

    rules = (
        Rule(
            "give perReplica, learn, or both",
            "has(self.perReplica) || has(self.learn)",
            lambda capacity: capacity.per_replica is not None or capacity.learn is not None,
        ),
    )

    per_replica: Number | None = Field(
        default=None,
        gt=0,
        le=1e15,
        description="Load that one ready replica serves well: events per second for Rate and for Count (whose "
        "buckets are divided by `load.step`), the level for Gauge. With `learn` it is what is believed at first. "
        "Default: learned.",
        examples=[50],
    )
    learn: LearnSpec | None = Field(
        default=None,
        description="Learn the capacity while the workload runs. Without `perReplica` the replicas follow the "
        "utilisation, as an HPA's would, until it is learned. Default: `perReplica` is the truth.",
        examples=[{"utilizationQuery": "avg(cpu_utilization)", "target": 0.7}],
    )
