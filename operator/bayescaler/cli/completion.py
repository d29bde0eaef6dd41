"""`bayescaler completion`: completion of commands and options in a shell, and what kubectl asks its plugins for."""

import sys

import click
from click.shell_completion import ShellComplete, get_completion_class

from . import cli, complete_variable

NO_FILES = ":4"  # cobra's directive: what is listed is all there is
FILES = ":0"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands in SHELL, for the program it is called as.

    source <(bayescaler completion bash)
    """
    program = click.get_current_context().find_root().info_name or "bayescaler"
    executable = program.replace(" ", "-")  # a shell completes the word that it finds on the path
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - click has all three
    click.echo(made(cli, {}, executable, complete_variable(program)).source())


def for_kubectl() -> None:
    """Answer kubectl, which calls `kubectl_complete-bayescaler` with the words so far, the last to be completed."""
    *words, unfinished = sys.argv[1:] or [""]
    found = ShellComplete(cli, {}, "kubectl bayescaler", "").get_completions(words, unfinished)
    for item in found:
        if item.type == "plain":
            sys.stdout.write(f"{item.value}\t{' '.join((item.help or '').split())}\n")
    sys.stdout.write(f"{FILES if any(item.type != 'plain' for item in found) else NO_FILES}\n")
