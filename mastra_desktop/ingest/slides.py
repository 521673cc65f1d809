"""PowerPoint files with python-pptx: a slide is a page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mastra_desktop.domain.knowledge import BlockKind, ReadText
from mastra_desktop.ingest.building import Asked, TextBuilder, counted
from mastra_desktop.ingest.tables import add_rows

_DEEPEST = 20  # groups within groups


def read_pptx(asked: Asked) -> ReadText:
    """The title of each slide as heading, its texts, tables and notes."""
    import pptx

    presentation = pptx.Presentation(str(asked.path))
    slides = list(presentation.slides)
    builder = TextBuilder()
    for page, slide in enumerate(slides, 1):
        asked.on_progress(page - 1, len(slides))
        title = slide.shapes.title
        if title is not None:
            builder.add(BlockKind.HEADING, " ".join(title.text_frame.text.split()), level=1, page=page)
        skipped = title.shape_id if title is not None else None
        _add_shapes(builder, (shape for shape in slide.shapes if shape.shape_id != skipped), page, 0)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            builder.add(BlockKind.PARAGRAPH, slide.notes_slide.notes_text_frame.text, page=page)
    asked.on_progress(len(slides), len(slides))
    return builder.done(
        title=presentation.core_properties.title or "",
        summary=counted(len(slides), "slide"),
        pages=len(slides),
    )


def _add_shapes(builder: TextBuilder, shapes: Iterable[Any], page: int, depth: int) -> None:
    for shape in shapes:
        if depth < _DEEPEST and hasattr(shape, "shapes"):
            _add_shapes(builder, shape.shapes, page, depth + 1)
        elif getattr(shape, "has_table", False):
            rows = ([cell.text for cell in row.cells] for row in shape.table.rows)
            add_rows(builder, rows, page=page)
        elif shape.has_text_frame:
            paragraphs = [p.text for p in shape.text_frame.paragraphs if p.text.strip()]
            kind = BlockKind.LIST_ITEM if len(paragraphs) > 1 else BlockKind.PARAGRAPH
            for paragraph in paragraphs:
                builder.add(kind, paragraph.replace("\v", "\n"), page=page)
