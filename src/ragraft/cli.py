"""The command line. In: arguments. Out: tables on standard output, progress and errors on standard error, an exit code.

Exit codes: 0 done; 2 config or usage; 3 documents or examples; 4 a model; 5 the stored state; 6 the project is in use;
7 the question got no answer; 8 the arm may not answer this reader; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ragraft.commands import examples
from ragraft.commands.advise import advise
from ragraft.errors import RagraftError
from ragraft.types import ARMS, PROBES, Adapter, Answer, ArmName, Failure, ProbeName, Reader, SyncPlan

if TYPE_CHECKING:
    from rich.console import Console

    from ragraft.context import Context
    from ragraft.pipeline import RunLine

app = typer.Typer(
    name="ragraft",
    help="Retrieval, fine-tuning, or both? Builds every candidate from your documents and examples, measures the trade-offs, recommends one.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

app.add_typer(examples.app, name="examples")

ProjectArgument = Annotated[
    Path, typer.Argument(help="The project's folder (holds ragraft.toml).", show_default="this folder")
]
ProjectOption = Annotated[
    Path, typer.Option("--project", "-p", help="The project's folder.", show_default="this folder")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="When another ragraft works on the project, wait for it.")]
UserOption = Annotated[
    str, typer.Option("--as", help="The reader's user id: only what this reader may see is searched.")
]
GroupsOption = Annotated[list[str] | None, typer.Option("--group", help="A group of the reader; may be repeated.")]

HERE = Path()


def main() -> None:
    """Run the command line; errors become one line and an exit code, never a traceback."""
    warnings.simplefilter("ignore", FutureWarning)  # libraries' notes to their own callers
    try:
        app()
    except RagraftError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("stopped; what was finished is kept, and the same command goes on from there", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        _fail(f"{error.filename or 'the disk'}: {error.strerror}; mend that and run the same command again", 5)


def _fail(message: str, code: int) -> None:
    _console(stderr=True).print(f"[bold red]error:[/] {_escape(message)}", highlight=False, soft_wrap=True)
    sys.exit(code)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr)


@contextlib.contextmanager
def _opened(folder: Path, *, quiet: bool = False) -> Generator[Context]:
    """The project, with progress bars on standard error while its stages work."""
    from ragraft.context import Context
    from ragraft.progress import bars

    with bars(_console(stderr=True), quiet=quiet) as notify:
        yield Context(folder, notify)


def _emit(text: str) -> None:
    sys.stdout.write(text + "\n")


@app.command(epilog="Example:  ragraft init handbook")
def init(folder: Annotated[Path, typer.Argument(help="The folder to make.")]) -> None:
    """Start a project: a commented ragraft.toml, documents/ and examples.jsonl."""
    from ragraft.init import make

    made = make(folder)
    console = _console()
    console.print(f"[bold]{_escape(str(folder))}[/] is a project now:")
    for path in made:
        console.print(f"  {_escape(str(path))}", highlight=False)
    console.print(
        f"Put your files into documents/ and your questions into examples.jsonl, then run [bold]ragraft compare {_escape(str(folder))}[/]."
    )


app.command(epilog="Example:  ragraft advise --changes weekly --sources yes --yes")(advise)


@app.command(epilog="Example:  ragraft compare examples/help-centre")
def compare(
    folder: ProjectArgument = HERE,
    probes: Annotated[
        str | None,
        typer.Option("--probes", help="all, none, or names with commas.", show_default="those that ragraft.toml names"),
    ] = None,
    json: JsonOption = False,
    wait: WaitOption = False,
) -> None:
    """Build every arm, measure it on the sealed test split, recommend one, write the report."""
    from ragraft import pipeline
    from ragraft.compare.terminal import print_report
    from ragraft.workspace import to_json

    names = None if probes is None else _probes(probes)
    with _opened(folder, quiet=json) as context:
        report = pipeline.compare(context, probes=names, wait=wait)
    path = context.space.run(report.run)
    if json:
        _emit(to_json(pipeline.outline(context, report), indent=2))
    else:
        print_report(report, _console(), path / "report.html")


@app.command(epilog="Example:  ragraft probe freshness handbook")
def probe(
    name: Annotated[str, typer.Argument(help=f"{', '.join(PROBES)}; all; or several with commas.")],
    folder: ProjectArgument = HERE,
    json: JsonOption = False,
    wait: WaitOption = False,
) -> None:
    """Measure one trade-off on a copy of the project: what happens when documents change, go, are secret, or lie."""
    from ragraft import pipeline
    from ragraft.commands.probe import print_result
    from ragraft.types import ProbeResult
    from ragraft.workspace import to_json

    names = _probes(name)
    with _opened(folder, quiet=json) as context:
        results = pipeline.probe(context, names, wait=wait)
    if json:
        _emit(to_json(results, tuple[ProbeResult, ...], indent=2))
        return
    for result in results:
        print_result(result, _console())


@app.command(epilog="Example:  ragraft sync handbook --dry-run")
def sync(
    folder: ProjectArgument = HERE,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the index anew, beside the old one: after a change of embedder.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Then follow the folders and sync on every change, until Ctrl-C.")
    ] = False,
    json: JsonOption = False,
    wait: WaitOption = False,
) -> None:
    """Bring the index up to date with the documents and sources."""
    from ragraft import pipeline
    from ragraft.commands.sync import print_plan, print_report
    from ragraft.workspace import to_json

    if watch and (rebuild or dry_run):
        raise typer.BadParameter("--watch goes with neither --rebuild nor --dry-run")
    console = _console()
    if watch:
        with _opened(folder, quiet=True) as context:
            for report in pipeline.watch(context):
                _emit(to_json(report)) if json else print_report(report, console)
        return
    with _opened(folder, quiet=json) as context:
        done = pipeline.plan(context) if dry_run else pipeline.sync(context, rebuild=rebuild, wait=wait)
    if json:
        _emit(to_json(done, indent=2))
    else:
        print_plan(done, console) if isinstance(done, SyncPlan) else print_report(done, console)


@app.command(epilog='Example:  ragraft search "How long do refunds take?" -p handbook')
def search(
    query: str,
    project: ProjectOption = HERE,
    user: UserOption = "local",
    group: GroupsOption = None,
    as_of: Annotated[
        int | None,
        typer.Option("--as-of", help="Search in an older version of the index (`ragraft versions` lists them)."),
    ] = None,
    where: Annotated[
        str,
        typer.Option("--where", help="Only passages that meet a filter: \"tag = 'hr' AND modified >= '2025-01-01'\"."),
    ] = "",
    json: JsonOption = False,
) -> None:
    """The passages for a question, with the reasons for their ranks."""
    from ragraft import pipeline
    from ragraft.commands.search import print_passages
    from ragraft.types import Passage
    from ragraft.workspace import to_json

    with _opened(project, quiet=json) as context:
        passages = pipeline.search(context, query, _reader(user, group), as_of=as_of, where=where)
        version = context.index.version if as_of is None else as_of
    if json:
        _emit(to_json(passages, tuple[Passage, ...], indent=2))
        return
    if not passages:
        _console().print("Nothing that this reader may see matches.")
        return
    print_passages(passages, _console())
    _console().print(f"[dim]Version {version} of the index.[/]", highlight=False)


@app.command(epilog='Example:  ragraft ask "How long do refunds take?" --system raft -p handbook')
def ask(
    question: str,
    system: Annotated[str, typer.Option("--system", help=f"The arm that answers: {', '.join(ARMS)}.")] = "rag",
    project: ProjectOption = HERE,
    user: UserOption = "local",
    group: GroupsOption = None,
    json: JsonOption = False,
) -> None:
    """Ask one arm a question, with citations."""
    from ragraft import pipeline
    from ragraft.workspace import to_json

    with _opened(project, quiet=json) as context:
        outcome = pipeline.ask(context, question, _arm(system), _reader(user, group))
    if json:
        _emit(to_json(outcome, indent=2))
    if isinstance(outcome, Failure):
        if not json:
            _fail(outcome.message, 7)
        sys.exit(7)
    if not json:
        _print_answer(outcome)


def _print_answer(answer: Answer) -> None:
    console = _console()
    first, last = answer.highlight or (0, 0)
    before, words, after = (_escape(t) for t in (answer.text[:first], answer.text[first:last], answer.text[last:]))
    console.print(f"{before}[bold]{words}[/]{after}" if answer.text else "[dim](an empty answer)[/]", highlight=False)
    for cited in answer.citations:
        passage = answer.passages[cited.number - 1].chunk
        heading = " › ".join(x for x in (passage.title, passage.heading) if x)
        page = f", page {cited.page}" if cited.page else ""
        console.print(
            f"[dim]\\[{cited.number}] {_escape(heading)} – {_escape(cited.document)}{page}[/]", highlight=False
        )
    if answer.invented:
        console.print(f"[yellow]{answer.invented} citation(s) named no passage and were removed.[/]")
    for note in answer.notes:
        console.print(f"[yellow]{_escape(note)}[/]", highlight=False)
    if answer.index_version is not None:
        console.print(f"[dim]Version {answer.index_version} of the index.[/]", highlight=False)
    if answer.dropped:
        console.print(f"[dim]{answer.dropped} passage(s) did not fit the model's context.[/]")


@app.command(epilog="Example:  ragraft versions handbook")
def versions(folder: ProjectArgument = HERE, json: JsonOption = False) -> None:
    """The versions of the index that can still be searched with `search --as-of`."""
    from ragraft import pipeline
    from ragraft.commands.forget import print_versions
    from ragraft.types import Version
    from ragraft.workspace import to_json

    with _opened(folder, quiet=True) as context:
        found = pipeline.versions(context)
    _emit(to_json(found, tuple[Version, ...], indent=2)) if json else print_versions(found, _console())


@app.command(epilog="Example:  ragraft forget staff/ann.md --where \"tag = 'ann'\" -p handbook")
def forget(
    documents: Annotated[list[str] | None, typer.Argument(help="Ids of documents, as `search` shows them.")] = None,
    where: Annotated[
        str | None, typer.Option("--where", help="Also those that meet a filter, such as \"tag = 'x'\".")
    ] = None,
    project: ProjectOption = HERE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Show past certificates.")] = False,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", help="Let a forgotten document in again at the next sync.")
    ] = None,
    json: JsonOption = False,
    wait: WaitOption = False,
) -> None:
    """Erase documents from the index, its older versions, caches and reports; name the adapters that learned from them."""
    from ragraft import pipeline
    from ragraft.commands.forget import print_certificate, print_certificates, print_plan
    from ragraft.workspace import to_json

    with _opened(project, quiet=json) as context:
        if listed:
            past = pipeline.certificates(context)
            _emit(to_json(past, indent=2)) if json else print_certificates(past.done, past.unfinished, _console())
            return
        if allow:
            pipeline.allow(context, allow, wait=wait)
            return
        names = pipeline.to_forget(context, documents or (), where)
        if not names:
            raise typer.BadParameter("name documents, or --where")
        if not yes:
            print_plan(pipeline.forget_plan(context, names), _console(stderr=True))
            typer.confirm("Erase this for good?", abort=True, err=True)
        done = pipeline.forget(context, names, wait=wait)
        path = str(context.space.certificate(done.id))
    _emit(to_json(done, indent=2)) if json else print_certificate(done, path, _console())


@app.command(epilog="Example:  ragraft tune handbook --arm raft")
def tune(
    folder: ProjectArgument = HERE,
    arm: Annotated[
        list[str] | None, typer.Option("--arm", help="tuned or raft; may be repeated.", show_default="both")
    ] = None,
    json: JsonOption = False,
    wait: WaitOption = False,
) -> None:
    """Train the adapters on the train split (an unchanged one is not trained again)."""
    from rich.table import Table

    from ragraft import pipeline
    from ragraft.types import TunedArm
    from ragraft.workspace import to_json

    wanted: tuple[ArmName, ...] = tuple(_arm(a) for a in arm or ("tuned", "raft"))
    with _opened(folder, quiet=json) as context:
        tuned = pipeline.tune(context, wanted, wait=wait)
    if json:
        _emit(to_json(tuned, tuple[TunedArm, ...], indent=2))
        return
    table = Table(show_edge=False, pad_edge=False)
    for column in ("arm", "rows", "steps kept", "train loss", "dev loss", "seconds", "tokens/s"):
        table.add_column(column, justify="left" if column == "arm" else "right")
    for t in tuned:
        table.add_row(t.arm, *_training_cells(t.adapter))
    _console().print(table)


@app.command(epilog="Example:  ragraft tune-retrieval handbook --dry-run")
def tune_retrieval(
    folder: ProjectArgument = HERE,
    reranker: Annotated[
        list[str] | None,
        typer.Option(
            "--reranker", help="A cross-encoder to try beside the packaged reader, hf:NAME_OR_PATH; may be repeated."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Leave ragraft.toml as it is.")] = False,
    json: JsonOption = False,
    wait: WaitOption = False,
) -> None:
    """Race chunk size, weight of BM25, reranker, passages and floor on the dev split; keep what is better beyond noise."""
    from ragraft import pipeline
    from ragraft.commands.search import print_race
    from ragraft.workspace import to_json

    with _opened(folder, quiet=json) as context:
        done = pipeline.tune_retrieval(context, rerankers=reranker or (), dry_run=dry_run, wait=wait)
    _emit(to_json(done, indent=2)) if json else print_race(done, _console())


def _training_cells(adapter: Adapter) -> tuple[str, ...]:
    best = next((p for p in adapter.curve if p.step == adapter.best_step), None)
    losses = (f"{best.train_loss:.3f}", f"{best.dev_loss:.3f}") if best else ("–", "–")
    rate = f"{adapter.tokens / adapter.seconds:,.0f}" if adapter.seconds else "–"
    return str(adapter.rows), str(adapter.best_step), *losses, f"{adapter.seconds:.0f}", rate


@app.command(epilog="Example:  ragraft runs handbook --open latest")
def runs(
    folder: ProjectArgument = HERE,
    show: Annotated[str | None, typer.Option("--show", help="Print a past comparison: its id, or latest.")] = None,
    open_: Annotated[
        str | None, typer.Option("--open", help="Open a past report in the browser: its id, or latest.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List past comparisons, print one, or open its report."""
    from ragraft import pipeline
    from ragraft.compare.terminal import print_report
    from ragraft.workspace import to_json

    with _opened(folder, quiet=True) as context:
        chosen = show or open_
        if chosen:
            report = pipeline.load_run(context, chosen)
            path = context.space.run(report.run) / "report.html"
            if json:
                _emit(to_json(pipeline.outline(context, report), indent=2))
            elif open_:
                typer.launch(str(path))
            else:
                print_report(report, _console(), path)
            return
        _list_runs(pipeline.list_runs(context), json=json)


def _list_runs(found: tuple[RunLine, ...], *, json: bool) -> None:
    from rich.table import Table

    from ragraft.pipeline import RunLine
    from ragraft.workspace import to_json

    if json:
        _emit(to_json(found, tuple[RunLine, ...], indent=2))
        return
    if not found:
        _console().print("No comparison yet: [bold]ragraft compare[/] makes one.")
        return
    table = Table(show_edge=False, pad_edge=False)
    for column in ("run", "questions", "outcome", "arm", "recommendation"):
        table.add_column(column, justify="right" if column == "questions" else "left")
    for line in found:
        table.add_row(line.run, str(line.n), line.outcome, line.arm or "–", _escape(line.headline))
    _console().print(table)


def _reader(user: str, groups: list[str] | None) -> Reader:
    return Reader(user=user, groups=frozenset(groups or ()))


def _probes(text: str) -> tuple[ProbeName, ...]:
    """`all`, `none`, or names separated by commas."""
    names = {"all": list(PROBES), "none": []}.get(text, [n.strip() for n in text.split(",")])
    for name in names:
        if name not in PROBES:
            raise typer.BadParameter(f"`{name}` is not a probe; choose one of {', '.join(PROBES)}, or all, or none")
    return tuple(p for p in PROBES if p in names)


def _arm(name: str) -> ArmName:
    for arm in ARMS:
        if arm == name:
            return arm
    raise typer.BadParameter(f"`{name}` is not an arm; choose one of {', '.join(ARMS)}")


if __name__ == "__main__":
    main()
