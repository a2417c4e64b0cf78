"""The student's own run: public suites on the modules in the working folder, in this process."""

from grader.home.check import check, check_modules

__all__ = ["check", "check_modules"]
