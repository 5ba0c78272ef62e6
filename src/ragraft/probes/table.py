"""Every probe, and how one is run. In: a name and a `Bench`. Out: its `ProbeResult`, saved under the fingerprint of its inputs.

A finished probe is loaded; one that was stopped starts again and asks nothing twice: answers are kept until it is finished.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from ragraft.probes import (
    context,
    deletion,
    forgetting,
    freshness,
    growth,
    injection,
    leakage,
    load,
    overfitting,
    permission,
    robustness,
    setup,
    style,
)
from ragraft.probes.bench import Bench, Probe, drop_answers
from ragraft.types import ProbeName, ProbeResult
from ragraft.workspace import from_json, to_json, write_atomic

PROBES: dict[ProbeName, Probe] = {
    probe.name: probe
    for probe in (
        freshness.PROBE,
        deletion.PROBE,
        permission.PROBE,
        injection.PROBE,
        forgetting.PROBE,
        leakage.PROBE,
        robustness.PROBE,
        load.PROBE,
        overfitting.PROBE,
        style.PROBE,
        context.PROBE,
        growth.PROBE,
        setup.PROBE,
    )
}  # fmt: skip
RESULT = "result.json"
LAYOUT = 2
"""Of what is saved: results of another layout are measured again. 2: with the cases of every mean."""


def run(name: ProbeName, bench: Bench) -> ProbeResult:
    """The result of one probe. One that does not fit the task says so in its notes and has no figures."""
    probe = PROBES[name]
    task = bench.context.config.project.task
    if task not in probe.tasks:
        note = f"this probe is not made for the task `{task}`"
        return ProbeResult(probe=name, title=probe.title, notes=(note,), cannot=probe.cannot)

    def build(folder: Path) -> None:
        clock, processor = time.perf_counter(), time.process_time()
        found = probe.run(replace(bench, kept=folder), folder)
        done = replace(
            found,
            cannot=probe.cannot,
            seconds=time.perf_counter() - clock,
            cpu_seconds=time.process_time() - processor,
        )
        write_atomic(folder / RESULT, to_json(done))
        drop_answers(folder)

    key = bench.key(name, probe.version, LAYOUT, probe.settings(bench))
    folder = bench.context.space.build_stage("probes", key, build)
    return from_json(ProbeResult, (folder / RESULT).read_bytes())
