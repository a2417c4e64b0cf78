"""Confinement: one function that locks the calling process, and one that says what this machine can enforce."""

from grader.confine.locking import CONFINED, UNCONFINED, Cage, Limits, Prepared, lock, prepare
from grader.confine.paths import base_paths, overlap, refuse_readable
from grader.confine.trials import PROMISES, choose, doctor_facts, modes, trial

__all__ = [
    "CONFINED",
    "PROMISES",
    "UNCONFINED",
    "Cage",
    "Limits",
    "Prepared",
    "base_paths",
    "choose",
    "doctor_facts",
    "lock",
    "modes",
    "overlap",
    "prepare",
    "refuse_readable",
    "trial",
]
