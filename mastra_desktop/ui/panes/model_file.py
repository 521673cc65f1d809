"""Choosing a model file, and what a person wants to know about one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QFileDialog, QWidget


def tr(text: str) -> str:
    return QCoreApplication.translate("ModelFile", text)


def ask_for_model_file(parent: QWidget, chosen: Callable[[Path], object]) -> QFileDialog:
    """Opens the file dialog and returns at once; `chosen` gets the path when one was picked."""
    dialog = ask_for_file(parent, tr("Choose a model file"), tr("Model files (*.gguf)"), chosen)
    dialog.setObjectName("modelFileDialog")
    return dialog


def ask_for_file(parent: QWidget, title: str, pattern: str, chosen: Callable[[Path], object]) -> QFileDialog:
    """The same for any file; `pattern` as "Model files (*.gguf)"."""
    dialog = QFileDialog(parent, title, str(Path.home()))
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilters([pattern, tr("All files (*)")])
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.fileSelected.connect(lambda name: chosen(Path(name)))
    dialog.open()
    return dialog


def size_words(size_bytes: int) -> str:
    """`491 MB`, `4.7 GB`; decimal units, as file managers show them."""
    if size_bytes >= 1e9:
        return tr("{n} GB").format(n=f"{size_bytes / 1e9:.1f}")
    return tr("{n} MB").format(n=f"{size_bytes / 1e6:.0f}")


def memory_words(size_bytes: int) -> str:
    """About what answering takes: the weights, a fifth more for what they work on, 0.1 GB for the rest."""
    return tr("Needs about {n} GB of memory").format(n=f"{size_bytes * 1.2 / 1e9 + 0.1:.1f}")


def short_path(path: Path) -> str:
    """With ~ for the home folder."""
    home = Path.home()
    return str(Path("~") / path.relative_to(home)) if path.is_relative_to(home) else str(path)
