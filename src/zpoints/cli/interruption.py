"""Ctrl-C on its way to `main`, past Typer, which turns a KeyboardInterrupt into an exit without a word."""

from typing import Any

import typer.core

__all__ = ["Commands", "InterruptionError"]


class InterruptionError(BaseException):
    """Carries a KeyboardInterrupt, `cause`."""

    def __init__(self, cause: KeyboardInterrupt) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Commands(typer.core.TyperGroup):
    """The commands; an interruption inside one of them reaches who called."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise InterruptionError(error) from error
