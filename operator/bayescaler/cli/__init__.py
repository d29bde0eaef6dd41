"""The command line. A command's module is imported when it is called, so that `--help` answers at once."""

import importlib
import sys
from collections.abc import Sequence

import click

from bayescaler import __version__

_COMMANDS = {
    "run": "Run the operator until it is told to stop.",
    "forecast": "Forecast a trace, bucket by bucket.",
    "backtest": "Replay a load through a manifest, beside an HPA.",
    "prior": "Pool the loads of like workloads, for a forecast to start from.",
    "demo": "Play a day of traffic on an embedded cluster.",
    "gameday": "Play what can fail on an embedded cluster, and check that it is borne.",
    "doctor": "Check a cluster, an object or a posterior, and name the cures.",
    "top": "Show all objects: replicas, load and forecast, trust, budget.",
    "pause": "Stop all scaling of what objects size.",
    "resume": "Let paused objects scale again.",
    "observe": "Set mode Observe: tell what would be done.",
    "auto": "Set mode Auto: apply what is decided.",
    "restore": "Put back the floors that mode Floor has raised.",
    "explain": "Tell why a workload has the replicas it has, or had.",
    "completion": "Print what completes commands in a shell.",
    "generate": "Write manifests from an HPA or ScaledObject, or the generated files.",
}


# Commands that do not live in a module of their own name.
_MODULES = dict.fromkeys(("pause", "resume", "observe", "auto"), "switch")


def load_command(name: str) -> click.Command:
    """Import the module of a command, and return it."""
    module = importlib.import_module(f"bayescaler.cli.{_MODULES.get(name, name)}")
    command: click.Command = getattr(module, name)
    return command


class _Lazy(click.Group):
    """A group whose commands live in the module of their name, imported when one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name all commands."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the module of a command."""
        return load_command(cmd_name) if cmd_name in _COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Tell the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "BAYESCALER"})
@click.version_option(__version__, prog_name="bayescaler")
def cli() -> None:
    """Size Kubernetes workloads from quantiles of an online Bayesian load forecast."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line: exit code 2 and one clear line for what the user can mend, never a traceback."""
    _run(argv, "bayescaler")


def kubectl(argv: Sequence[str] | None = None) -> None:
    """Run it as kubectl does: the executable `kubectl-bayescaler` makes it `kubectl bayescaler`."""
    _run(argv, "kubectl bayescaler")


def _run(argv: Sequence[str] | None, program: str) -> None:
    try:
        done = cli.main(args=argv, prog_name=program, complete_var=complete_variable(program), standalone_mode=False)
        if isinstance(done, int) and done:  # the code of an Exit, which click hands back here instead of raising it
            sys.exit(done)
    except click.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        click.echo(f"bayescaler: {error.format_message()}", err=True)
        sys.exit(2)


def complete_variable(program: str) -> str:
    """Return the environment variable by which a shell asks a program for completions."""
    return f"_{program.replace(' ', '_').upper()}_COMPLETE"
