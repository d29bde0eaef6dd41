"""The reference page of the command line (docs/reference/cli.md), made from the commands themselves."""

from collections.abc import Iterator

import click

TITLE = """\
<!-- Made from operator/bayescaler/cli by `bayescaler generate cli`; change it there. -->
# Command line

Every command has `--help`. Options can be given as variables of the environment too: `BAYESCALER_`, the command and the
option, as in `BAYESCALER_RUN_PROMETHEUS`. As a plugin of kubectl it is `kubectl bayescaler`.

Exit codes: 0 all is well; 1 the answer is no (not there, not decided yet, an error found); 2 what cannot be
asked, read or written, in one line on standard error; 130 interrupted.
"""


def cli_markdown() -> str:
    """Return the page."""
    from . import cli

    root = click.Context(cli, info_name="bayescaler")
    commands = list(_commands(cli, root))
    lines = [TITLE, "| command | what it does |", "|---|---|"]
    lines += [f"| [`{path}`](#{path.replace(' ', '-')}) | {_cell(about)} |" for path, _, about in commands]
    for path, context, _ in commands:
        lines += ["", *_section(path, context)]
    return "\n".join(lines) + "\n"


def _commands(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Context, str]]:
    """Yield path, context and first sentence of every command, groups before what is in them."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or (group.name == "generate" and not name.startswith("from-")):
            continue  # what writes the files of the repository is told in CONTRIBUTING.md
        inner = click.Context(command, info_name=name, parent=context)
        about = " ".join((command.help or "").split("\n\n")[0].split())
        yield inner.command_path, inner, about
        if isinstance(command, click.Group):
            yield from _commands(command, inner)


def _section(path: str, context: click.Context) -> Iterator[str]:
    command = context.command
    yield from (f"## {path}", "", "```text", " ".join(["Usage:", path, *command.collect_usage_pieces(context)]), "```")
    for paragraph in (command.help or "").replace("\b", "").split("\n\n"):
        yield from ("", " ".join(paragraph.split()))
    options = [one for one in command.params if isinstance(one, click.Option)]
    if options:
        yield from ("", "| option | what it says | default |", "|---|---|---|")
        for option in options:
            yield f"| {_names(option, context)} | {_cell(option.help or '')} | {_default(option)} |"


def _names(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    return names if option.is_flag else f"{names} `{_piped(option.make_metavar(context))}`"


def _default(option: click.Option) -> str:
    """Return a default that is the same on every machine, as it would be typed."""
    if option.required:
        return "required"
    if option.default in (None, (), "") or callable(option.default) or "UNSET" in repr(option.default):
        return ""
    if option.is_flag:
        names = option.opts if option.default else option.secondary_opts
        return f"`{names[0]}`" if names else ""
    return f"`{option.default}`"


def _cell(text: str) -> str:
    return _piped(" ".join(text.split())).replace("<", "&lt;")


def _piped(text: str) -> str:
    return text.replace("|", "\\|")
