"""What a format's reader finds in a file, or why it cannot. Shared by the readers of each format."""

from __future__ import annotations

from dataclasses import dataclass, field

from ragraft.corpus.front import Front


class Unreadable(Exception):
    """Within this package: a file cannot be read, and why, in plain words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Markdown, the title where the format itself holds one, what it says of itself, and what could not be read: pages,
    members, with the reason."""

    text: str
    title: str = ""
    front: Front = field(default_factory=Front)
    notes: tuple[str, ...] = ()
