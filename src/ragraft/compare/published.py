"""Published results on retrieval against fine-tuning. In: `published.toml` beside this file. Out: frozen values; writes nothing."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import cast

from pydantic import BaseModel, ConfigDict, field_validator

from ragraft.types import ARMS, ArmName

_SAYS = re.compile(r"correct: (\S+) > (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """What a result says of two arms: the first one was more often right."""

    better: ArmName
    worse: ArmName


class Published(BaseModel):
    """One result. `figure` holds the numbers as printed; it is empty where the paper's statement is one of direction only."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str
    claim: str
    paper: str
    year: int
    url: str
    figure: str
    says: str

    @field_validator("says")
    @classmethod
    def _names_two_arms(cls, says: str) -> str:
        found = _SAYS.fullmatch(says)
        if says and (found is None or not set(found.groups()) <= set(ARMS)):
            raise ValueError(f"write `correct: ARM > ARM` with arms of {', '.join(ARMS)}, or nothing; not {says!r}")
        return says

    @property
    def relation(self) -> Relation | None:
        """None where the result is not about two arms."""
        found = _SAYS.fullmatch(self.says)
        return found and Relation(better=cast(ArmName, found[1]), worse=cast(ArmName, found[2]))

    @property
    def cited(self) -> str:
        """Authors and year, as in a text."""
        return f"{self.paper.split(',', 1)[0]} {self.year}"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    published: tuple[Published, ...]


def load() -> tuple[Published, ...]:
    """All of them, in the order of the file."""
    text = resources.files("ragraft.compare").joinpath("published.toml").read_text(encoding="utf-8")
    return _File.model_validate(tomllib.loads(text)).published
