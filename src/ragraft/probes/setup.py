"""Set-up: what it took to build each arm: time, processor, memory, and an estimate of the energy.

In: a `Bench`. Out: a `ProbeResult`, from what syncs and stages noted while they ran. Changes nothing.

Energy as in Lannelongue, Grealey, Inouye 2021, "Green Algorithms: Quantifying the Carbon Footprint of Computation" (Advanced
Science 8, 2100707): E = t × (cores × watts a core × usage + gigabytes × 0.3725 W) × PUE. Time × cores × usage is what is measured as
processor seconds. 12 W a core and 200 W a GPU are that work's values where the model is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragraft import index_cost
from ragraft.config import ProbesSection
from ragraft.models.load import is_remote
from ragraft.probes.bench import Bench, Probe, figure
from ragraft.stages import INDEX_ARMS, threshold_spent
from ragraft.types import ArmName, ProbeFigure, ProbeResult, Reading, Spent

MEMORY_WATTS = 0.3725
"""Per gigabyte."""
NOTHING = "there is nothing to build"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that an arm is built of. `seconds` over all its builds, interrupted ones too; None: not known."""

    name: str
    seconds: float | None
    spent: Spent | None


def run(bench: Bench, folder: Path) -> ProbeResult:
    parts: dict[ArmName, tuple[Part, ...]] = {arm: _parts(bench, arm) for arm in bench.arms}
    prices = bench.context.config.probes

    def of(name: str, label: str, unit: str, add: Callable[[Sequence[Part]], float | None]) -> ProbeFigure:
        return figure(name, label, unit, False, [_reading(arm, found, add) for arm, found in parts.items()])

    return ProbeResult(
        probe="setup",
        title=PROBE.title,
        figures=(
            of("seconds", "to build it, by the clock", "s", lambda p: _sum([x.seconds for x in p])),
            of("cpu_seconds", "the same, of the processor", "s", _spent(lambda s: s.cpu_seconds, sum)),
            of("peak_mb", "most memory held meanwhile", "MB", _spent(lambda s: s.peak_mb, max)),
            of("energy", "energy, estimated", "Wh", _spent(lambda s: watt_hours(s, prices), sum)),
        ),
        notes=_notes(bench, parts),
    )


def watt_hours(spent: Spent, config: ProbesSection) -> float:
    """An estimate; the formula stands at the top of this file. A GPU in use is taken to draw `gpu_watts` all the time."""
    processor = spent.cpu_seconds * config.core_watts
    memory = spent.seconds * spent.peak_mb / 1000 * MEMORY_WATTS
    gpu = spent.seconds * config.gpu_watts if spent.gpu else 0.0
    return (processor + memory + gpu) * config.pue / 3600


def _parts(bench: Bench, arm: ArmName) -> tuple[Part, ...]:
    context, found = bench.context, list[Part]()
    if arm in INDEX_ARMS and context.config.project.task == "answer":
        found.append(Part(name="index", seconds=index_cost.seconds(context) or None, spent=index_cost.spent(context)))
    if arm == "quote":
        if threshold_spent(context, bench.parts) is None:
            bench.system(arm, context)  # nobody has asked it yet: this calibrates it
        spent = threshold_spent(context, bench.parts)
        found.append(Part(name="threshold", seconds=spent.seconds if spent else None, spent=spent))
    if adapter := bench.adapters.get(arm):
        found.append(Part(name="adapter", seconds=adapter.seconds, spent=context.space.spent(Path(adapter.path))))
    return tuple(found)


def _sum(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) if len(known) == len(values) else None


def _spent(
    one: Callable[[Spent], float], together: Callable[[Sequence[float]], float]
) -> Callable[[Sequence[Part]], float | None]:
    def of(parts: Sequence[Part]) -> float | None:
        known = [p.spent for p in parts if p.spent is not None]
        return together([one(s) for s in known]) if len(known) == len(parts) else None

    return of


def _reading(arm: ArmName, parts: Sequence[Part], of: Callable[[Sequence[Part]], float | None]) -> Reading:
    if not parts:
        return Reading(arm=arm, value=0.0, n=0, reason=NOTHING)
    value = of(parts)
    missing = [p.name for p in parts if of([p]) is None]
    reason = f"not known of {', '.join(missing)}: its build was interrupted or not measured" if missing else ""
    return Reading(arm=arm, value=value, n=len(parts), reason=reason)


def _notes(bench: Bench, parts: dict[ArmName, tuple[Part, ...]]) -> tuple[str, ...]:
    config = bench.context.config
    notes = [
        f"energy by Green Algorithms (Lannelongue et al. 2021): {config.probes.core_watts:g} W a core, {MEMORY_WATTS} W a GB, "
        f"PUE {config.probes.pue:g}; set core_watts, gpu_watts and pue in [probes]"
    ]
    if any(p.spent and p.spent.gpu for found in parts.values() for p in found):
        notes.append(f"a GPU was in use, counted with {config.probes.gpu_watts:g} W")
    if is_remote(config.models.embedder):
        notes.append("the embedder is an endpoint: what it draws elsewhere is not counted")
    return tuple(notes)


PROBE = Probe(
    name="setup",
    title="What does it take to build it?",
    needs="arms that were built by this version",
    does="reads what syncs and trainings noted while they ran",
    reports="seconds by the clock and of the processor, the peak of memory, and an estimate of the energy",
    cannot=(
        "Memory is that of the whole process, with whatever other models it held; a peak of less than a twentieth of a second "
        "may be missed, and memory of a GPU is not in it.",
        "Energy is estimated from processor time, not measured: by a factor of two it may be wrong.",
        "People's work is not in it: documents, examples and rules have to be written before anything is built.",
    ),
    run=run,
    tasks=("answer", "classify"),
    settings=lambda bench: (
        bench.context.config.probes.core_watts,
        bench.context.config.probes.gpu_watts,
        bench.context.config.probes.pue,
    ),
)
