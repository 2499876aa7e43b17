"""Every command as a page in Markdown, read off the commands themselves."""

from collections.abc import Iterator
from typing import Any

import typer

from zpoints.cli.commands import app as commands
from zpoints.cli.listing import filled

__all__ = ["commands_page"]


def commands_page() -> str:
    """Every command: what it does, its arguments and options, an example."""
    group = typer.main.get_command(commands)
    parts: list[str] = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        for path, one in (inner or {"": command}).items():
            parts += _command(f"{name} {path}".strip(), one)
    return "\n".join(parts)


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    shown = " ".join(_metavar(p) for p in arguments)
    yield f"## zpoints {name}\n"
    yield _clean(command.help) + "\n"
    yield (
        "```text\n" + " ".join(f"zpoints {name} {'[OPTIONS] ' if options else ''}{shown}".split()) + "\n```\n"
    )
    if command.epilog:
        yield "```text\n" + command.epilog.partition("Example:")[2].strip() + "\n```\n"
    if arguments:
        yield "| argument | |\n|---|---|"
        for parameter in arguments:
            yield f"| `{_metavar(parameter)}` | {_cell(parameter)} |"
        yield ""
    if options:
        yield "| option | |\n|---|---|"
        for parameter in options:
            names = ", ".join(f"`{one}`" for one in (*parameter.opts, *parameter.secondary_opts))
            yield f"| {names} | {_cell(parameter)} |"
        yield ""


def _metavar(parameter: Any) -> str:
    name = (parameter.metavar or parameter.name).upper()
    return name if parameter.required else f"[{name}]"


def _cell(parameter: Any) -> str:
    text = _clean(getattr(parameter, "help", "") or "").replace("|", "\\|")
    default = parameter.default
    given = not callable(default) and isinstance(default, str | int | float) and not isinstance(default, bool)
    return f"{text} Default: `{default}`." if given and default != "" else text


def _clean(text: str) -> str:
    return " ".join(filled(text or "").split()).replace("*", "\\*").replace("<", "\\<")
