"""RAG, fine-tuning, or both? `ragraft.open("handbook").compare()` builds every candidate, measures it, and says."""

from ragraft.project import Comparing, Project, open
from ragraft.types import Answer, Failure, Reader, Report

__version__ = "0.1.0"
__all__ = ["Answer", "Comparing", "Failure", "Project", "Reader", "Report", "open"]
