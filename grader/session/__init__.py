"""One hand-in through one assignment's suites: pytest plugin, examiner, outcomes."""
