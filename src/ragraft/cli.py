"""The command line. In: arguments. Out: tables on standard output, progress and errors on standard error, an exit code.

Exit codes: 0 done; 2 config or usage; 3 documents or examples; 4 a model; 5 the stored state; 6 the project is in use;
7 the question got no answer; 8 the arm may not answer this reader; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import os
import sys
import warnings

import typer

from ragraft.commands import examples
from ragraft.commands.advise import advise
from ragraft.commands.compare import compare, runs
from ragraft.commands.forget import forget, versions
from ragraft.commands.init import init
from ragraft.commands.probe import probe
from ragraft.commands.search import ask, search
from ragraft.commands.shared import fail
from ragraft.commands.sync import sync
from ragraft.commands.tune import tune, tune_retrieval
from ragraft.errors import RagraftError

app = typer.Typer(
    name="ragraft",
    help="Retrieval, fine-tuning, or both? Builds every candidate from your documents and examples, measures the trade-offs, recommends one.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

app.command(epilog="Example:  ragraft init handbook")(init)
app.command(epilog="Example:  ragraft advise --changes weekly --sources yes --yes")(advise)
app.command(epilog="Example:  ragraft compare examples/help-centre")(compare)
app.command(epilog="Example:  ragraft probe freshness handbook")(probe)
app.command(epilog="Example:  ragraft sync handbook --dry-run")(sync)
app.command(epilog='Example:  ragraft search "How long do refunds take?" -p handbook')(search)
app.command(epilog='Example:  ragraft ask "How long do refunds take?" --system raft -p handbook')(ask)
app.command(epilog="Example:  ragraft versions handbook")(versions)
app.command(epilog="Example:  ragraft forget staff/ann.md --where \"tag = 'ann'\" -p handbook")(forget)
app.command(epilog="Example:  ragraft tune handbook --arm raft")(tune)
app.command(epilog="Example:  ragraft tune-retrieval handbook --dry-run")(tune_retrieval)
app.command(epilog="Example:  ragraft runs handbook --open latest")(runs)
app.add_typer(examples.app, name="examples")


def main() -> None:
    """Run the command line; errors become one line and an exit code, never a traceback."""
    warnings.simplefilter("ignore", FutureWarning)  # libraries' notes to their own callers
    try:
        app()
    except RagraftError as error:
        fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        fail("stopped; what was finished is kept, and the same command goes on from there", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        fail(f"{error.filename or 'the disk'}: {error.strerror or error}; mend that and run the same command again", 5)


if __name__ == "__main__":
    main()
