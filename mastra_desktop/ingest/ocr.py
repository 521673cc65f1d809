"""Pictures to text by the program `tesseract`, where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import BlockKind, ReadText
from mastra_desktop.ingest.building import Asked, TextBuilder, clean

# Read together; each more slows recognition down.
_LANGUAGES = ("eng", "chi_sim", "chi_tra", "jpn", "kor", "deu", "fra", "spa", "rus")
_MOST_LANGUAGES = 3
_PICTURE_S = 55.0


def read_image(asked: Asked) -> ReadText:
    """Raises KnowledgeError when OCR is not installed, or finds no text."""
    if find_tesseract() is None:
        raise no_ocr("This picture can only be read with OCR, which is not installed.")
    builder = TextBuilder()
    for paragraph in recognise(asked.path.read_bytes()).split("\n\n"):
        builder.add(BlockKind.PARAGRAPH, paragraph, page=1)
    if not builder.blocks:
        raise KnowledgeError("No text was found in this picture.", hint="A sharper picture may help.")
    return builder.done(summary="1 picture", pages=1)


def find_tesseract() -> str | None:
    """The program's path, None where it is not installed."""
    return shutil.which("tesseract")


def no_ocr(message: str) -> KnowledgeError:
    """`message` with the way to get OCR."""
    return KnowledgeError(
        message,
        hint="Install Tesseract (on Debian and Ubuntu: apt install tesseract-ocr tesseract-ocr-chi-sim; "
        "on macOS: brew install tesseract), then try again.",
    )


def recognise(picture: bytes) -> str:
    """The text in a picture. Raises KnowledgeError when the program fails."""
    program = find_tesseract()
    if program is None:
        raise no_ocr("OCR is not installed.")
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}  # its threads only get in each other's way
    command = [program, "stdin", "stdout", "-l", _languages(program, environment)]
    try:
        done = subprocess.run(
            command, input=picture, capture_output=True, timeout=_PICTURE_S, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise KnowledgeError("OCR took too long.", hint="A smaller picture may help.") from error
    if done.returncode != 0:
        raise KnowledgeError(
            "OCR could not read this picture.",
            hint="The picture may be damaged or of a kind that Tesseract does not know.",
            detail=done.stderr.decode("utf-8", "replace")[-500:],
        )
    return clean(done.stdout.decode("utf-8", "replace")).replace("\f", "")


def _languages(program: str, environment: dict[str, str]) -> str:
    listed = subprocess.run([program, "--list-langs"], capture_output=True, timeout=10, env=environment)
    there = set(listed.stdout.decode("utf-8", "replace").split())
    return "+".join([name for name in _LANGUAGES if name in there][:_MOST_LANGUAGES]) or "eng"
