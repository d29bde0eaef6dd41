"""Settings of the process, apart from any object's intent; the command line and its environment variables make them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process runs. Durations in seconds."""

    default_server_address: str | None = None
    """Prometheus for objects that name none; always allowed."""

    allowed_server_addresses: tuple[str, ...] = ()
    """Addresses an object may name in `serverAddress`; a tenant must not make the operator call any URL."""

    namespaces: tuple[str, ...] = ()
    """Namespaces to work in; empty means all."""

    interval_seconds: float = 15.0
    """Time between two ticks; the HPA's sync period."""

    metric_lag_seconds: float = 15.0
    """How long after its end a bucket may be read: a scrape interval, so that Prometheus has its last sample."""

    startup_seconds: float = 60.0
    """P90 of the time from a pod's creation to its being ready, assumed until the workload's own pods have shown it."""

    pod_reads_per_second: float = 2.0
    """Budget of pod lists, for workloads whose pods are starting; what is over it waits its turn."""

    collect_deadline_seconds: float = 5.0
    """How long a tick waits for load; what is slower is used by the tick after it arrived."""

    max_queries_in_flight: int = 8
    """Queries at once to one Prometheus."""

    max_writes_in_flight: int = 16
    """Patches at once; beyond 32 only latency grows."""

    status_writes_per_second: float = 20.0
    """Budget of status patches for changes that matter; each costs the API server about 10 ms of CPU."""

    refresh_writes_per_second: float = 2.0
    """Budget of status patches that only bring live numbers up to date."""

    refresh_seconds: float = 60.0
    """An object's live numbers are refreshed in its status no more often than this."""

    pod_lists_per_second: float = 2.0
    """Budget of lists of one object's pods, which tell why some of them do not come."""

    resync_seconds: float = 60.0
    """Time between two lists of all objects, for every thousand of them: they find what the watch lost."""

    write_deadline_seconds: float = 5.0
    """How long a tick waits for its writes; what is slower goes on beside the next ticks."""

    max_warmups_in_flight: int = 4
    """Histories read and replayed at once beside the loop."""

    warmup_retry_seconds: float = 30.0
    """Wait before a failed history read is tried again; doubles up to ten minutes."""

    save_seconds: float = 600.0
    """Time between two writes of the same saved states: what a crash loses."""

    save_deadline_seconds: float = 5.0
    """How long the states of all objects may take to be read, or to be written when this process ends."""

    state_dir: str | None = None
    """Folder for checkpoints of the posteriors; None: they are built from history after every start."""

    checkpoint_seconds: float = 900.0
    """Time between two checkpoints of the same posterior."""

    lease_name: str = "bayescaler"
    lease_namespace: str = "default"
    identity: str = "bayescaler"
    leader_election: bool = True
