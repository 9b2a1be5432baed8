"""The ``oldphoto`` command: registers every subcommand and gives errors their exit codes.

Exit codes, the same for every command:

* 0 – all accounted for;
* 1 – the run itself failed, or left work pending because another run took it over;
* 2 – wrong usage;
* 3 – some photos were quarantined or failed, or the source is not whole, and all of that is recorded;
* 130 – interrupted.

Nothing at the top of this module or of a command's module imports torch, Ray or Prefect: ``--help`` is
instant.
"""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from cli.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from cli.output import output_explained
from oldphoto_core.errors import OldPhotoError, UsageError
from schemas.errors import CatalogError, CatalogUseError


def build_app() -> typer.Typer:
    """Return the command-line application with every subcommand registered."""
    from cli import (
        catalog,
        demo,
        doctor,
        evaluate,
        export,
        query,
        redo,
        restore,
        review,
        synthesize,
        train,
        verify,
    )

    app = typer.Typer(
        name="oldphoto",
        no_args_is_help=True,
        # Tracebacks with local variables would print whole arrays and, worse, storage credentials.
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    for module in (
        restore,
        query,
        verify,
        export,
        catalog,
        review,
        redo,
        train,
        evaluate,
        synthesize,
        demo,
        doctor,
    ):
        module.register(app)
    return app


def _say_version(asked: bool) -> None:
    if asked:
        from actors.identity import installed_code_version

        typer.echo(f"oldphoto {installed_code_version()}")
        raise typer.Exit


def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Print the version.")
    ] = False,
) -> None:
    """Batch restoration of scanned photograph archives.

    Begin with: oldphoto restore SCANS RESULTS, then oldphoto review RESULTS. Exit codes: 0 all accounted for,
    1 failed, 2 wrong usage, 3 somebody should look.
    """


def main() -> None:
    """Run the command line; the process's exit code says what became of it."""
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    try:
        with output_explained():
            build_app()()
    except (UsageError, CatalogUseError) as error:
        _fail(error, EXIT_USAGE)
    except (OldPhotoError, CatalogError) as error:
        _fail(error, EXIT_FAILED)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)


def _fail(error: Exception, code: int) -> None:
    print(f"oldphoto: {error}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
