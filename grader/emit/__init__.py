"""What leaves the kit: console, result files, the student's page, the class's page; all made from the record."""

from grader.emit.console import hand_in_line, show
from grader.emit.feedback import feedback_page
from grader.emit.files import folder_names, gradebook, write_class, write_hand_in
from grader.emit.index import class_page

__all__ = [
    "class_page",
    "feedback_page",
    "folder_names",
    "gradebook",
    "hand_in_line",
    "show",
    "write_class",
    "write_hand_in",
]
