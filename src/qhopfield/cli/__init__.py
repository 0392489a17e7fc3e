"""The command line, ``qhopfield``.

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from .. import __version__
from .capacity import capacity
from .ending import ended
from .patterns import patterns
from .recall import recall
from .resources import resources
from .screen import make_printable, plain_warnings
from .showcase import run_showcase, showcase
from .train import train

app = typer.Typer(
    name="qhopfield",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(recall)
app.command()(resources)
app.command()(patterns)
app.command()(capacity)
app.command()(train)
app.command()(showcase)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"qhopfield {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Quantum Hopfield networks as circuits on Qiskit.

    Without a command: ten corrupted handwritten digits, recalled by circuits on Aer (`showcase`).
    """
    if context.invoked_subcommand is None:
        run_showcase()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: what follows the command's name; None takes the process's own.

    Returns:
        The exit status: 0, 2 after a wrong request (said in one line on standard error), 130 after
        an interrupt, 143 after SIGTERM and 129 after SIGHUP (with a line on how to go on).
    """
    make_printable()
    try:
        with plain_warnings():
            status = app(
                list(sys.argv[1:] if arguments is None else arguments),
                prog_name="qhopfield",
                standalone_mode=False,
            )
    except (KeyboardInterrupt, typer.Abort) as error:
        return ended(error)
    except SystemExit as error:
        if not hasattr(error, "signal"):  # Terminated, whose module imports Qiskit
            raise
        return ended(error)
    except Exception as error:
        message = _message(error)
        if message is None:
            raise
        print(f"qhopfield: error: {message}", file=sys.stderr)
        return 2
    if status == 130:  # how some versions of typer tell of an interrupt
        return ended(KeyboardInterrupt())
    return status if isinstance(status, int) else 0


def _message(error: Exception) -> str | None:
    """An error as one line, or None where it is a defect that needs its traceback."""
    # Some versions of typer carry a click of their own: its errors are known by what they can do.
    usage = getattr(error, "format_message", None)
    if usage is not None:
        text = str(usage())
    elif isinstance(error, OSError) and error.strerror:
        text = error.strerror + (f": {error.filename}" if error.filename is not None else "")
    elif isinstance(error, (ValueError, TypeError, OSError)):
        text = str(error)
    elif isinstance(error, ImportError) and "pip install" in str(error):
        text = str(error)  # an extra that is missing, not a broken installation
    else:
        return None
    return " ".join(text.split()) or type(error).__name__


__all__ = ["app", "main"]
