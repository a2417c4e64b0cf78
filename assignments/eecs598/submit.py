"""Hand-in zips: the files that an assignment asks for, checked and packed."""

from __future__ import annotations

import zipfile
from pathlib import Path

__all__ = ["make_a1_submission", "make_a2_submission", "make_a3_submission"]

FILES = {
    1: ("pytorch101.py", "pytorch101.ipynb", "knn.py", "knn.ipynb"),
    2: (
        *("linear_classifier.py", "linear_classifier.ipynb", "two_layer_net.py", "two_layer_net.ipynb"),
        *("svm_best_model.pt", "softmax_best_model.pt", "nn_best_model.pt"),
    ),
    3: (
        *("fully_connected_networks.py", "fully_connected_networks.ipynb"),
        *("convolutional_networks.py", "convolutional_networks.ipynb"),
        *("best_overfit_five_layer_net.pth", "best_two_layer_net.pth"),
        *("one_minute_deepconvnet.pth", "overfit_deepconvnet.pth"),
    ),
}


def make_a1_submission(assignment_path: str, uniquename: str | None = None, umid: str | None = None) -> None:
    """Pack assignment 1 into `{uniquename}_{umid}_A1.zip` inside its own folder; see `_make_submission`."""
    _make_submission(assignment_path, 1, uniquename, umid)


def make_a2_submission(assignment_path: str, uniquename: str | None = None, umid: str | None = None) -> None:
    """Pack assignment 2 into `{uniquename}_{umid}_A2.zip` inside its own folder; see `_make_submission`."""
    _make_submission(assignment_path, 2, uniquename, umid)


def make_a3_submission(assignment_path: str, uniquename: str | None = None, umid: str | None = None) -> None:
    """Pack assignment 3 into `{uniquename}_{umid}_A3.zip` inside its own folder; see `_make_submission`."""
    _make_submission(assignment_path, 3, uniquename, umid)


def _make_submission(assignment_path: str, number: int, uniquename: str | None, umid: str | None) -> None:
    """Pack the files of assignment `number` under their bare names.

    Args:
        assignment_path: the folder that holds them, and gets the zip.
        number: the assignment's.
        uniquename, umid: who hands in; None asks by `input`.
    Raises:
        ValueError: where a file is missing, or a name can't be part of a file's name. Nothing is written then.
    """
    uniquename, umid = _get_user_info(uniquename, umid)
    folder = Path(assignment_path)
    for name in FILES[number]:
        if not (folder / name).is_file():
            raise ValueError(f'Could not find file "{folder / name}"')
    target = folder / f"{uniquename}_{umid}_A{number}.zip"
    print(f"Writing zip file to: {target}")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in FILES[number]:
            archive.write(folder / name, name)


def _get_user_info(uniquename: str | None, umid: str | None) -> tuple[str, str]:
    """Both names, asked for where they are None."""
    if uniquename is None:
        uniquename = input("Enter your uniquename (for instance, jdoe): ").strip()
    if umid is None:
        umid = input("Enter your umid (for instance, 12345678): ").strip()
    for given in (uniquename, umid):
        if not given or set(given) & set("/\\\0"):
            raise ValueError(f"{given!r} can't be part of the zip's name: letters, digits, dots and dashes can")
    return uniquename, umid
