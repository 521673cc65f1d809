"""Each kind of file: its words, its structure, and offsets that are exact."""

from __future__ import annotations

import csv
import io
import json
import mailbox
from email.message import EmailMessage
from pathlib import Path

import pytest

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import BlockKind, ReadText
from mastra_desktop.ingest.readers import kind_of, read, suffixes
from tests.ingest.making import check, make_msg, make_pdf, make_zip, pieces

HEADING, PARAGRAPH, ITEM, ROW, CODE = (
    BlockKind.HEADING,
    BlockKind.PARAGRAPH,
    BlockKind.LIST_ITEM,
    BlockKind.TABLE_ROW,
    BlockKind.CODE,
)


def read_bytes(tmp_path: Path, name: str, data: bytes | str) -> ReadText:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return check(read(path))


def test_a_pdf_is_read_by_page_with_headings_and_paragraphs(tmp_path: Path) -> None:
    """Lines of a paragraph flow, larger lines are headings, every block knows its page."""
    body = [
        "This is a long line of body text that goes on to fill the width of the page",
        "and ends in the next.",
    ]
    page = [(20, "Annual Report"), *[(11, line) for line in body * 3], (15, "Results"), (11, body[0])]
    found = read_bytes(
        tmp_path, "a.pdf", make_pdf([page, [(11, "Only one line on the second page.")]], title="T")
    )
    kinds = pieces(found)
    assert kinds[0] == (HEADING, "Annual Report")
    assert kinds[1][0] is PARAGRAPH
    assert " ".join(body) in kinds[1][1]
    assert (HEADING, "Results") in kinds
    assert [block.level for block in found.blocks if block.level] == [1, 2]
    assert [block.page for block in found.blocks][-1] == 2
    assert (found.title, found.summary, found.pages) == ("T", "2 pages", 2)


def test_progress_counts_a_pdfs_pages(tmp_path: Path) -> None:
    """From the first page to all of them."""
    seen: list[tuple[int, int]] = []
    (tmp_path / "a.pdf").write_bytes(make_pdf([[(11, "words")]] * 4))
    read(tmp_path / "a.pdf", on_progress=lambda done, of: seen.append((done, of)))
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_markdown_stays_as_written(tmp_path: Path) -> None:
    """Both kinds of headings, lists, tables and code are found; nothing written is left out."""
    text = (
        "---\nkey: 1\n---\n# Title #\n\none\ntwo\n\nSecond\n------\n\n- a\n- b\n  - c\n\n| x | y |\n|---|---|\n"
        "| 1 | 2 |\n\n```py\nx = 1\n\n# no heading\n```\n\n[l]: http://a\n\n> said\n"
    )
    found = read_bytes(tmp_path, "a.md", text)
    assert found.text == text
    assert found.title == "Title"
    assert [(block.kind, block.level) for block in found.blocks if block.level] == [
        (HEADING, 1),
        (HEADING, 2),
    ]
    assert (HEADING, "Second\n------") in pieces(found)
    assert [piece for kind, piece in pieces(found) if kind is ITEM] == ["- a", "- b", "- c"]
    assert [piece for kind, piece in pieces(found) if kind is ROW] == ["| x | y |\n|---|---|", "| 1 | 2 |"]
    assert (CODE, "```py\nx = 1\n\n# no heading\n```") in pieces(found)


def test_text_and_code_stay_as_written(tmp_path: Path) -> None:
    """Paragraphs end at empty lines; code keeps its indentation and is cut between its parts."""
    found = read_bytes(tmp_path, "a.txt", "  one\r\ntwo\r\n\r\n \r\nthree\rfour\x00")
    assert pieces(found) == [(PARAGRAPH, "one\ntwo"), (PARAGRAPH, "three\nfour")]
    found = read_bytes(
        tmp_path, "a.py", "import a\n\n\ndef f():\n    x = 1\n\n    return x\n\n\ndef g():\n    pass\n"
    )
    assert [piece for _, piece in pieces(found)] == [
        "import a",
        "def f():\n    x = 1\n\n    return x",
        "def g():\n    pass",
    ]
    assert found.summary == "11 lines"


def test_csv_rows_carry_their_columns_names(tmp_path: Path) -> None:
    """Whatever the delimiter; a table without names keeps its values only."""
    out = io.StringIO()
    csv.writer(out).writerows(
        [["Name", "City, state"], ["Ada", 'said "hi",\nloudly'], ["", ""], ["Bo", "北京"]]
    )
    found = read_bytes(tmp_path, "a.csv", out.getvalue())
    assert pieces(found) == [
        (ROW, "Name | City, state"),
        (ROW, 'Name: Ada | City, state: said "hi", loudly'),
        (ROW, "Name: Bo | City, state: 北京"),
    ]
    assert found.summary == "2 rows"
    found = read_bytes(tmp_path, "b.tsv", "Name\tAge\nAda, Countess\t36\n")
    assert pieces(found)[1] == (ROW, "Name: Ada, Countess | Age: 36")
    found = read_bytes(tmp_path, "c.csv", "1;2,5\n3;4,5\n")
    assert pieces(found) == [(ROW, "1 | 2,5"), (ROW, "3 | 4,5")]


def test_json_becomes_lines_a_person_can_read(tmp_path: Path) -> None:
    """A block per entry; numbers as written; broken JSON is text."""
    data = [{"name": "Ada", "age": 36, "tags": ["a", "b"], "pi": 3.10}, {"name": "Bo", "nested": {"x": None}}]
    found = read_bytes(tmp_path, "a.json", json.dumps(data).replace("3.1", "3.10"))
    assert pieces(found)[0] == (PARAGRAPH, "name: Ada\nage: 36\ntags: a, b\npi: 3.10")
    assert found.summary == "2 entries"
    found = read_bytes(tmp_path, "a.jsonl", '{"a": 1}\nnot json\n\n{"a": 2}\n')
    assert [piece for _, piece in pieces(found)] == ["a: 1", "not json", "a: 2"]
    assert read_bytes(tmp_path, "b.json", '{"a": ').text == '{"a": '
    assert read_bytes(tmp_path, "c.json", "[" * 100_000 + "]" * 100_000).text.startswith("[[")


def test_a_web_page_is_what_a_reader_sees(tmp_path: Path) -> None:
    """Structure without scripts and navigation; a table for the layout is no table."""
    page = """<!doctype html><html><head><title>The  page</title><style>p{}</style></head><body><nav>Home</nav>
    <h1>Head <em>line</em></h1><p>One<br>two   three</p><script>bad()</script><ul><li>a<ul><li>b</li></ul></li></ul>
    <table><tr><th>Name</th><th>Age</th></tr><tr><td><p>Ada</p></td><td>36</td></tr></table>
    <table><tr><td><h2>In a layout</h2><p>Text</p></td></tr></table><pre>x = 1
  y</pre><p hidden>secret</p>tail</body></html>"""
    found = read_bytes(tmp_path, "a.html", page)
    assert found.title == "The page"
    assert pieces(found) == [
        (HEADING, "Head line"),
        (PARAGRAPH, "One\ntwo three"),
        (ITEM, "a"),
        (ITEM, "b"),
        (ROW, "Name | Age"),
        (ROW, "Ada | 36"),
        (HEADING, "In a layout"),
        (PARAGRAPH, "Text"),
        (CODE, "x = 1\n  y"),
        (PARAGRAPH, "tail"),
    ]
    gbk = '<meta charset="gbk"><p>你好，世界</p>'.encode("gbk")
    assert read_bytes(tmp_path, "b.html", gbk).text == "你好，世界"


def test_word_files_are_read_in_order(tmp_path: Path) -> None:
    """Headings, paragraphs, lists and tables as they follow each other."""
    import docx

    document = docx.Document()
    document.core_properties.title = "Contract"
    document.add_heading("Terms", 1)
    document.add_paragraph("The first paragraph.")
    document.add_paragraph("a point", style="List Bullet")
    table = document.add_table(2, 2)
    for cell, text in zip(
        [cell for row in table.rows for cell in row.cells], ["Name", "City", "Ada", "Paris"], strict=True
    ):
        cell.text = text
    document.add_heading("More", 2)
    document.add_paragraph("The end.\tDone")
    document.save(str(tmp_path / "a.docx"))
    found = check(read(tmp_path / "a.docx"))
    assert pieces(found) == [
        (HEADING, "Terms"),
        (PARAGRAPH, "The first paragraph."),
        (ITEM, "a point"),
        (ROW, "Name | City"),
        (ROW, "Name: Ada | City: Paris"),
        (HEADING, "More"),
        (PARAGRAPH, "The end.\tDone"),
    ]
    assert [block.level for block in found.blocks if block.level] == [1, 2]
    assert found.title == "Contract"


def test_slides_are_pages(tmp_path: Path) -> None:
    """Title, points, tables and notes of each slide."""
    import pptx
    from pptx.util import Inches

    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Plan"
    slide.placeholders[1].text = "first\nsecond"
    slide.notes_slide.notes_text_frame.text = "Say it slowly."
    other = deck.slides.add_slide(deck.slide_layouts[6])
    table = other.shapes.add_table(2, 2, 0, 0, Inches(4), Inches(2)).table
    for row, texts in enumerate((("Name", "Age"), ("Ada", "36"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    deck.save(str(tmp_path / "a.pptx"))
    found = check(read(tmp_path / "a.pptx"))
    assert pieces(found) == [
        (HEADING, "Plan"),
        (ITEM, "first"),
        (ITEM, "second"),
        (PARAGRAPH, "Say it slowly."),
        (ROW, "Name | Age"),
        (ROW, "Name: Ada | Age: 36"),
    ]
    assert [block.page for block in found.blocks] == [1, 1, 1, 1, 2, 2]
    assert found.summary == "2 slides"


def test_sheets_are_pages(tmp_path: Path) -> None:
    """Rows with their columns' names, numbers and dates as a person sees them."""
    xlsxwriter = pytest.importorskip("xlsxwriter")
    from datetime import datetime

    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"), {"default_date_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet("Prices")
    sheet.write_row(0, 0, ["Item", "Price", "Since"])
    sheet.write_row(1, 0, ["Tea", 3.0])
    sheet.write_datetime(1, 2, datetime(2025, 3, 1))  # noqa: DTZ001
    book.add_worksheet("Empty")
    book.add_worksheet("第三").write_row(0, 0, [True, 1.25])
    book.close()
    found = check(read(tmp_path / "a.xlsx"))
    assert pieces(found) == [
        (HEADING, "Prices"),
        (ROW, "Item | Price | Since"),
        (ROW, "Item: Tea | Price: 3 | Since: 2025-03-01"),
        (HEADING, "Empty"),
        (HEADING, "第三"),
        (ROW, "yes | 1.25"),
    ]
    assert [block.page for block in found.blocks] == [1, 1, 1, 2, 3, 3]
    assert found.summary == "3 sheets"


def test_open_documents_are_read_in_order(tmp_path: Path) -> None:
    """Texts, spreadsheets and presentations."""
    import odfdo

    text = odfdo.Document("text")
    text.body.clear()
    text.body.append(odfdo.Header(2, "Title"))
    text.body.append(odfdo.Paragraph("One  paragraph"))
    text.body.append(odfdo.List(["a", "b"]))
    table = odfdo.Table("T", width=2, height=2)
    for place, value in (((0, 0), "Name"), ((1, 0), "City"), ((0, 1), "Ada"), ((1, 1), "Paris")):
        table.set_value(place, value)
    text.body.append(table)
    text.save(str(tmp_path / "a.odt"))
    found = check(read(tmp_path / "a.odt"))
    assert pieces(found) == [
        (HEADING, "Title"),
        (PARAGRAPH, "One  paragraph"),
        (ITEM, "a"),
        (ITEM, "b"),
        (ROW, "Name | City"),
        (ROW, "Name: Ada | City: Paris"),
    ]
    assert found.blocks[0].level == 2
    sheets = odfdo.Document("spreadsheet")
    sheets.body.clear()
    sheets.body.append(table.clone)
    sheets.save(str(tmp_path / "a.ods"))
    assert (ROW, "Name: Ada | City: Paris") in pieces(check(read(tmp_path / "a.ods")))
    slides = odfdo.Document("presentation")
    slides.body.clear()
    for words in ("first slide", "second slide"):
        page = odfdo.DrawPage(words, name=words)
        page.append(odfdo.Frame.text_frame(words))
        slides.body.append(page)
    slides.save(str(tmp_path / "a.odp"))
    found = check(read(tmp_path / "a.odp"))
    assert [(block.page, piece) for block, (_, piece) in zip(found.blocks, pieces(found), strict=True)] == [
        (1, "first slide"),
        (2, "second slide"),
    ]


def make_epub(path: Path, *, encrypted: str = "") -> Path:
    chapter = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body><h1>{}</h1><p>{}</p></body></html>'
    entries = {
        "mimetype": b"application/epub+zip",
        "META-INF/container.xml": b'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        b'<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
        "OEBPS/book.opf": b'<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        b"<metadata><dc:title>The Book</dc:title></metadata><manifest>"
        b'<item id="b" href="text/b%20b.xhtml" media-type="application/xhtml+xml"/>'
        b'<item id="a" href="text/a.xhtml" media-type="application/xhtml+xml"/>'
        b'<item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/></manifest>'
        b'<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>',
        "OEBPS/text/a.xhtml": chapter.format("First", "It begins.").encode(),
        "OEBPS/text/b b.xhtml": chapter.format("Second", "It ends.").encode(),
        "OEBPS/nav.xhtml": chapter.format("Contents", "First Second").encode(),
    }
    if encrypted:
        entries["META-INF/encryption.xml"] = (
            f'<encryption><CipherData xmlns="x"><CipherReference URI="{encrypted}"/></CipherData></encryption>'.encode()
        )
    return make_zip(path, entries)


def test_a_book_is_read_along_its_spine(tmp_path: Path) -> None:
    """Chapters in order, without the table of contents; encrypted fonts don't lock a book."""
    found = check(read(make_epub(tmp_path / "a.epub", encrypted="OEBPS/font.otf")))
    assert [piece for _, piece in pieces(found)] == ["First", "It begins.", "Second", "It ends."]
    assert (found.title, found.summary) == ("The Book", "2 chapters")
    with pytest.raises(KnowledgeError, match="locked"):
        read(make_epub(tmp_path / "b.epub", encrypted="OEBPS/text/a.xhtml"))


def make_mail(subject: str, *, html_only: bool = False) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Ada <ada@example.org>"
    message["To"] = "bo@example.org"
    message["Subject"] = subject
    if html_only:
        message.set_content("<h1>Hello</h1><p>from a page</p>", subtype="html")
    else:
        message.set_content("Hello,\n\nthe plain text.\n")
        message.add_alternative("<p>the page</p>", subtype="html")
        message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Vertrag.pdf")
    return message


def test_mail_is_read_with_its_headers(tmp_path: Path) -> None:
    """The plain text where there is one, else the page; attachments are named."""
    found = read_bytes(tmp_path, "a.eml", bytes(make_mail("Grüße 你好")))
    assert [piece for _, piece in pieces(found)] == [
        "Grüße 你好",
        "From: Ada <ada@example.org>\nTo: bo@example.org",
        "Hello,",
        "the plain text.",
        "Attached: Vertrag.pdf",
    ]
    assert (found.title, found.summary) == ("Grüße 你好", "1 message")
    found = read_bytes(tmp_path, "b.eml", bytes(make_mail("Page", html_only=True)))
    assert pieces(found)[2:] == [(HEADING, "Hello"), (PARAGRAPH, "from a page")]
    assert found.blocks[2].level == 2


def test_outlooks_messages_are_read(tmp_path: Path) -> None:
    """From their properties, whatever the file is called."""
    data = make_msg(
        {0x0037: "Grüße", 0x1000: "Hello,\r\n\r\nthe text.", 0x0C1A: "Ada", 0x0C1F: "ada@example.org"}
    )
    found = read_bytes(tmp_path, "a.msg", data)
    assert [piece for _, piece in pieces(found)] == [
        "Grüße",
        'From: "Ada" <ada@example.org>',
        "Hello,",
        "the text.",
    ]
    assert (found.title, found.summary) == ("Grüße", "1 message")
    assert read_bytes(tmp_path, "b.txt", data).title == "Grüße"


def test_a_mailboxs_messages_are_pages(tmp_path: Path) -> None:
    """In the order they came."""
    box = mailbox.mbox(tmp_path / "a.mbox")
    for number in range(3):
        box.add(make_mail(f"Number {number}"))
    box.close()
    found = check(read(tmp_path / "a.mbox"))
    assert [
        (b.page, piece)
        for b, (kind, piece) in zip(found.blocks, pieces(found), strict=True)
        if kind is HEADING
    ] == [
        (1, "Number 0"),
        (2, "Number 1"),
        (3, "Number 2"),
    ]
    assert (found.summary, found.pages) == ("3 messages", 3)


def test_rtf_and_notebooks(tmp_path: Path) -> None:
    """Their words without their markup."""
    rtf = r"{\rtf1\ansi\ansicpg936 {\fonttbl\f0 Arial;}\b Bold\b0  words.\par \'c4\'e3\'ba\'c3 \u233?\par}"
    assert [piece for _, piece in pieces(read_bytes(tmp_path, "a.rtf", rtf))] == ["Bold words.", "你好 é"]
    notebook = {
        "cells": [
            {"cell_type": "markdown", "source": ["# Study\n", "\n", "Why."]},
            {
                "cell_type": "code",
                "source": "x = 1\nx",
                "outputs": [{"data": {"text/plain": ["1"]}}, {"text": "printed\n"}],
            },
        ]
    }
    found = read_bytes(tmp_path, "a.ipynb", json.dumps(notebook))
    assert pieces(found) == [
        (HEADING, "# Study"),
        (PARAGRAPH, "Why."),
        (CODE, "x = 1\nx"),
        (CODE, "1"),
        (CODE, "printed"),
    ]
    assert (found.title, found.summary) == ("Study", "2 cells")


def test_content_decides_where_the_name_lies(tmp_path: Path) -> None:
    """A PDF called .txt is a PDF, a text called .docx is a text."""
    assert read_bytes(tmp_path, "a.txt", make_pdf([[(11, "In a PDF")]])).pages == 1
    assert read_bytes(tmp_path, "b.docx", "just text").text == "just text"
    assert read_bytes(tmp_path, "c.pdf", "<html><body><p>page</p></body></html>").text == "page"
    assert read_bytes(tmp_path, "d.bin", "no such suffix").text == "no such suffix"


def test_kinds_are_named_for_people() -> None:
    """By the suffix, whatever its case."""
    names = ["a.PDF", "a.docx", "a.xlsx", "a.md", "a.png", "a.py", "a.xyz", "LICENSE"]
    assert [kind_of(Path(name)) for name in names] == [
        "PDF",
        "Word",
        "Excel",
        "Markdown",
        "Image",
        "Code",
        "Text",
        "Text",
    ]
    assert {".pdf", ".docx", ".txt", ".eml", ".ipynb"} <= suffixes()
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes())
