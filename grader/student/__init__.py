"""The trusted side's view of a hand-in: proxies that call across, differentiable where tensors are."""

from grader.student.calls import Call, Exchange
from grader.student.confined import Confined
from grader.student.faults import (
    StudentCrash,
    StudentError,
    StudentFault,
    StudentMemory,
    StudentNotImplemented,
    StudentTimeout,
    StudentUnloadable,
)
from grader.student.proxies import Function, Handle, Student
from grader.student.transport import InProcess, Texts, Transport

__all__ = [
    "Call", "Confined", "Exchange", "Function", "Handle", "InProcess", "Student", "StudentCrash", "StudentError",
    "StudentFault", "StudentMemory", "StudentNotImplemented", "StudentTimeout",
    "StudentUnloadable", "Texts", "Transport",
]  # fmt: skip
