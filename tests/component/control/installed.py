"""An installation as the chart leaves it, beside the operator that the stage runs: its Deployment and its Lease."""

from datetime import UTC, datetime

from bayescaler import __version__

HOME = "bayescaler-system"
LABELS = {"app.kubernetes.io/part-of": "bayescaler", "app.kubernetes.io/version": __version__}


def install(world, *args, name="bayescaler", ready=1, renewed_ago=3.0, holder="bayescaler-0", version=__version__):
    """Put a Deployment of the operator, with these further arguments, and its Lease into the cluster."""
    server = world.server
    if (HOME,) not in {(n["metadata"]["name"],) for n in world._objects("v1", "Namespace")}:
        server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}})
    options = [
        "run",
        f"--prometheus={world.prometheus.url}",
        f"--lease-name={name}",
        f"--lease-namespace={HOME}",
        *args,
    ]
    container = {"name": "operator", "image": "bayescaler", "args": options}
    pod = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    server.create(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": name,
                "namespace": HOME,
                "labels": LABELS | {"app.kubernetes.io/version": version},
            },
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": pod},
        }
    )
    counts = {"readyReplicas": ready, "replicas": 1}
    server.patch("apps/v1", "Deployment", name, {"status": counts}, namespace=HOME, subresource="status")
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": _before(world, renewed_ago)}
    about = {"name": name, "namespace": HOME}
    server.create({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": about, "spec": spec})


def renew(world, name="bayescaler", renewed_ago=3.0):
    """Let the holder of the Lease have renewed it of late."""
    spec = {"spec": {"renewTime": _before(world, renewed_ago)}}
    world.server.patch("coordination.k8s.io/v1", "Lease", name, spec, namespace=HOME)


def _before(world, seconds):
    return datetime.fromtimestamp(world.clock.now() - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
