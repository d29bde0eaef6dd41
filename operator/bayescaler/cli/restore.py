"""`bayescaler restore`: put back the floors that mode Floor has raised, for instance before the operator goes."""

import asyncio

import click

from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.errors import BadName, ClusterError, Forbidden
from bayescaler.cluster.restoring import PutBack, Silence, restore_all, silence_operators
from bayescaler.control import audit
from bayescaler.telemetry.logs import configure

from .options import DURATION

SIGNATURE = "bayescaler restore"
"""What its requests are signed with, for the API server's audit log."""


@click.command()
@click.option("--all", "everywhere", is_flag=True, help="Every namespace.")
@click.option("--namespace", metavar="NAME", multiple=True, help="Only in this namespace; repeat it.")
@click.option("--lease-name", default="bayescaler", show_default=True, help="Lease of the operator, which is taken.")
@click.option("--lease-namespace", default="default", show_default=True, help="Namespace of that Lease.")
@click.option(
    "--stop-operator/--no-stop-operator",
    default=True,
    show_default=True,
    help="Take the Lease first, so that a running operator does not raise the floors again.",
)
@click.option("--timeout", type=DURATION, default="60s", show_default=True, help="Give up after this time.")
@click.option("--kubeconfig", type=click.Path(dir_okay=False), help="Default: KUBECONFIG, then the pod's own account.")
@click.option("--context", "kube_context", help="Context of the kubeconfig.")
@click.option(
    "--log-format", type=click.Choice(["json", "text"]), default="text", show_default=True, help="Of the audit record."
)
def restore(
    everywhere: bool,
    namespace: tuple[str, ...],
    lease_name: str,
    lease_namespace: str,
    stop_operator: bool,
    timeout: float,
    kubeconfig: str | None,
    kube_context: str | None,
    log_format: str,
) -> None:
    """Put back the least replicas of every HPA and ScaledObject that mode Floor has raised.

    A number that somebody else has written since stays. The exit code is 1 when a floor could not be put back.
    """
    if everywhere == bool(namespace):
        raise click.UsageError("give either --all or --namespace")
    configure(form=log_format, level="info")
    lease = (lease_namespace, lease_name) if stop_operator else None

    async def work() -> bool:
        async with asyncio.timeout(timeout):
            async with await KubeClient.connect(kubeconfig=kubeconfig, context=kube_context) as client:
                return await put_back(client.signed(SIGNATURE), namespace or (None,), lease)

    try:
        complete = asyncio.run(work())
    except ClusterError as error:
        raise click.ClickException(str(error)) from error
    except TimeoutError as error:
        raise click.ClickException(f"not done within {timeout:g} s; run it again, or give it more --timeout") from error
    if not complete:
        raise click.exceptions.Exit(1)


async def put_back(client: KubeClient, namespaces: tuple[str | None, ...], lease: tuple[str, str] | None) -> bool:
    """Put the floors back and tell of each; return whether all of them are."""
    if lease is not None:
        await _silence(client, lease)
    restored = failed = 0
    async for done in restore_all(client, namespaces):
        _record(done)
        scaler = done.after or done.before
        if done.after is not None:
            restored += 1
            click.echo(f"{scaler.namespace}: {scaler.field} of {scaler} is {scaler.floor}")
        elif done.error is None:
            click.echo(f"{scaler.namespace}: {scaler} is gone, or was put back already")
        else:
            failed += 1
            click.echo(f"{scaler.namespace}: {scaler} keeps {scaler.field} {scaler.floor}: {done.error}", err=True)
    click.echo(f"{restored} put back, {failed} failed")
    return failed == 0


def _record(done: PutBack) -> None:
    if done.error is not None:
        audit.record(audit.put_back(done.before, done.before.own_floor), result=done.error.reason, why=str(done.error))
    elif done.after is not None:
        audit.record(audit.put_back(done.before, done.after.floor), result="ok", why=SIGNATURE)


async def _silence(client: KubeClient, lease: tuple[str, str]) -> None:
    """Take the operator's Lease and tell; a name that is not its own would let it raise the floors again."""
    named = f"Lease {lease[0]}/{lease[1]}"
    cure = (
        "name the one that the operator holds by --lease-namespace and --lease-name (kubectl get leases -A), "
        "or give --no-stop-operator where none runs"
    )
    try:
        found = await silence_operators(client, *lease)
    except (BadName, Forbidden) as error:
        raise click.ClickException(f"{named} cannot be taken: {error}; {cure}") from error
    if found is Silence.TAKEN:
        click.echo(f"took {named}: no operator writes for two minutes")
    elif found is Silence.NO_LEASE:
        click.echo(f"there is no {named}: an operator that holds another one raises the floors again; {cure}", err=True)
