"""RTF with striprtf."""

from __future__ import annotations

from mastra_desktop.domain.knowledge import ReadText
from mastra_desktop.ingest.building import Asked, clean
from mastra_desktop.ingest.plain import text_as_written


def read_rtf(asked: Asked) -> ReadText:
    """A block per paragraph; the format knows no headings."""
    from striprtf.striprtf import rtf_to_text

    source = asked.path.read_bytes().decode("latin-1")  # what is beyond ASCII is escaped
    text: str = rtf_to_text(source, errors="replace")  # type: ignore[no-untyped-call]
    # Each line is a paragraph.
    return text_as_written("\n\n".join(line.strip() for line in clean(text).split("\n") if line.strip()))
