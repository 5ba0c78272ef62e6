"""The sections of `ragraft.toml` that decide: `[constraints]`, `[prices]`, `[traffic]`. In: decoded TOML. Writes nothing."""

from __future__ import annotations

import difflib
from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from ragraft import prices
from ragraft.prices import TokenPrice
from ragraft.section import Amount, Fraction, Section
from ragraft.types import PROBES, ArmName


class Bound(Section):
    """What a probe's figure must reach (`min`) or not exceed (`max`). A bare number is a `limit`, on the figure's own better side."""

    limit: float | None = None
    min: float | None = None
    max: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, data: Any) -> Any:
        return {"limit": data} if isinstance(data, int | float) and not isinstance(data, bool) else data

    @model_validator(mode="after")
    def _says_something(self) -> Bound:
        if self.limit is None and self.min is None and self.max is None:
            raise ValueError("a bound is a number, or has `min` or `max`")
        return self


class ConstraintsSection(Section):
    """`must_…`, `min_…`, `max_…`, and `PROBE.FIGURE = LIMIT` for any figure of any probe: at least where higher is better, at
    most where lower is; `{ min = …, max = … }` says it outright."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    __pydantic_extra__: dict[str, dict[str, Bound]] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    must_cite: bool = False
    max_p95_ms: Annotated[float, Field(gt=0)] | None = None
    max_build_minutes: Annotated[float, Field(gt=0)] | None = None
    max_cost_per_1000: Annotated[float, Field(ge=0)] | None = None
    max_cost_per_month: Annotated[float, Field(ge=0)] | None = None
    min_grounding: Fraction | None = None
    max_false_refusal: Fraction | None = None

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> Any:
        known = [*cls.model_fields, *PROBES]
        for key in data if isinstance(data, dict) else ():
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.0)[0]
                raise ValueError(f"unknown key `{key}`; did you mean `{near}`?")
        return data

    @property
    def probes(self) -> dict[str, dict[str, Bound]]:
        """Probe -> figure -> its limit."""
        return self.__pydantic_extra__


class PricesSection(Section):
    """What is not set here comes from `table`, or from the packaged table of list prices."""

    table: str = ""
    """A file of the project in the form of the packaged `prices.toml`."""
    currency: str
    cpu_hour: Amount
    gpu_hour: Amount
    tokens_in: Amount | None = None
    """Per million prompt tokens of a hosted generator. None: as the table has it for the model."""
    tokens_out: Amount | None = None
    gb_month: Amount
    label_example: Amount
    tokens: tuple[TokenPrice, ...]
    sources: tuple[str, ...]
    """Where the table has its prices from, and of when."""

    @model_validator(mode="before")
    @classmethod
    def _from_table(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        table = prices.packaged()
        taken = [k for k in prices.KINDS if k not in data]
        if (currency := data.get("currency", table.currency)) != table.currency and taken:
            raise ValueError(
                f"prices are in {currency}, those of the packaged table in {table.currency}: set {', '.join(taken)} too, or name a `table`"
            )
        rest = table.section()
        own = [k for k in prices.KINDS if k in data and data[k] != rest[k]]
        rest["sources"] = tuple(s for s in rest["sources"] if s.partition(":")[0] not in own)
        return {**rest, **({"tokens": (), "sources": ()} if currency != table.currency else {}), **data}


class TrafficSection(Section):
    """What the monthly cost is reckoned with."""

    questions_per_month: Amount = 10_000
    changes_per_month: Amount = 20
    """Documents added, changed or removed."""
    months: Annotated[float, Field(gt=0)] = 12
    """Over which the cost of building is spread."""
    changes_per_retraining: Annotated[float, Field(gt=0)] = 100
    """Changed documents after which an arm that learned the documents by heart is trained again."""
    retrain: tuple[ArmName, ...] = ("tuned", "tuned+rag")
    """Those arms."""
