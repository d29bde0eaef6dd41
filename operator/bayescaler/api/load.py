"""`spec.load` of a BayesianAutoscaler: where load comes from and what its numbers mean."""

import re
from typing import Annotated, Literal

from pydantic import Field

from .behavior import Number
from .durations import Duration, between
from .rules import Model, Rule

DAY_SECONDS = 86_400
DNS_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
SERVER_ADDRESS = "^https?://[^ /@?#]+(/[^ @?#]*)?$"


class SecretRef(Model):
    """A Secret in the namespace of the object."""

    name: str = Field(
        min_length=1,
        max_length=253,
        pattern=DNS_NAME,
        description="Name of the Secret, in the namespace of this object.",
        examples=["prometheus-auth"],
    )


class PrometheusSpec(Model):
    """Load from a Prometheus HTTP API."""

    query: Annotated[
        str,
        Rule(
            "query must not be blank",
            r"self.matches('[^ \\t\\r\\n]')",
            lambda text: bool(text.strip(" \t\r\n")),
        ),
    ] = Field(
        min_length=1,
        max_length=4096,
        description="PromQL that gives one series: the load of the whole workload, not of one replica and "
        "not per replica. It is evaluated at the end of each bucket, so let its range equal `step`.",
        examples=['sum(rate(http_requests_total{namespace="shop",service="checkout"}[1m]))'],
    )
    server_address: (
        Annotated[
            str,
            Rule(
                "serverAddress must be http(s)://host[:port][/path], without user, query and fragment",
                f"self.matches('{SERVER_ADDRESS}')",
                lambda text: re.fullmatch(SERVER_ADDRESS, text, re.ASCII) is not None,
            ),
        ]
        | None
    ) = Field(
        default=None,
        min_length=8,
        max_length=512,
        description="Base address of the server; it must be on the operator's allow-list. "
        "Default: the address in the operator's settings.",
        examples=["http://prometheus.monitoring:9090"],
    )
    auth_ref: SecretRef | None = Field(
        default=None,
        description="Secret that holds the credentials: `token`, or `username` and `password`, any "
        "`header.<Name>`, and for TLS `ca.crt`, `tls.crt` with `tls.key`. Default: no credentials.",
        examples=[{"name": "prometheus-auth"}],
        json_schema_extra={"x-kubernetes-map-type": "atomic"},
    )


class LoadSpec(Model):
    """Where load comes from and what its numbers mean."""

    prometheus: PrometheusSpec = Field(
        description="The Prometheus server and query that give the load.",
        examples=[{"query": "sum(rate(http_requests_total[1m]))"}],
    )
    kind: Literal["Rate", "Count", "Gauge"] = Field(
        default="Rate",
        description="What the query gives: Rate is events per second, as of rate(); Count is events per "
        "bucket, as of increase() over one `step`; Gauge is a level, such as a queue length or connections.",
        examples=["Count"],
    )
    step: Annotated[
        Duration,
        between("step", "1s", "1h"),
        Rule(
            "step must divide a day without remainder, such as 15s, 1m, 5m or 1h",
            f"{DAY_SECONDS} % self.getSeconds() == 0",
            lambda step: DAY_SECONDS % step.seconds == 0,
        ),
    ] = Field(
        default=Duration("1m"),
        description="Width of the buckets that the load is read in, a duration; not below the scrape interval.",
        examples=["30s"],
    )
    activation_threshold: Number = Field(
        default=0,
        ge=0,
        le=1e15,
        description="With minReplicas 0: the load, in the unit of `capacity.perReplica`, above which the workload is "
        "wanted at all. Live load above it wakes it from 0 replicas, and so does a trusted forecast of it; it goes "
        "back to 0 once neither is above it for `behavior.scaleDown.stabilizationWindowSeconds`.",
        examples=[5],
    )
