"""What an author turns a course into: stubs from solutions, recorded answers, and a list of what is not in order."""

from grader.release.recording import refresh, stale

__all__ = ["refresh", "stale"]
