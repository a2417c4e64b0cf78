"""Hand-ins found among paths and copied to a private place, their modules decoded: folders, zips, files, notebooks."""

from grader.submissions.find import find
from grader.submissions.records import Handin, Source
from grader.submissions.source import Unreadable, as_text, parses

__all__ = ["Handin", "Source", "Unreadable", "as_text", "find", "parses"]
