"""Files that are broken, locked, or made to do harm: each ends with text or a reason, within its limits."""

from __future__ import annotations

import io
import os
import sys
import time
import zipfile
from pathlib import Path

import pytest

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.ingest.readers import read
from tests.ingest.making import check, make_locked_pdf, make_ole, make_pdf, make_scan, make_zip
from tests.ingest.test_read_process import read_in_child


def refused(path: Path, *, password: str = "") -> KnowledgeError:
    with pytest.raises(KnowledgeError) as raised:
        read(path, password=password)
    assert raised.value.hint
    return raised.value


def made(tmp_path: Path, name: str, data: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def test_a_locked_pdf_asks_for_its_password(tmp_path: Path) -> None:
    """And says when it was the wrong one; in the child as well."""
    path = made(tmp_path, "a.pdf", make_locked_pdf("open sesame"))
    assert "protected with a password" in refused(path).message
    assert "not the password" in refused(path, password="guess").message
    assert read(path, password="open sesame").text == "The secret words."
    found, _, _ = read_in_child(path, password="open sesame")
    assert found.text == "The secret words."


def test_a_scan_needs_ocr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the person learns what to install."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    error = refused(made(tmp_path, "scan.pdf", make_scan()))
    assert error.message == "This scan has no text, and OCR is not installed."
    assert "Tesseract" in error.hint
    error = refused(made(tmp_path, "photo.png", b"\x89PNG\r\n\x1a\n" + bytes(50)))
    assert "OCR" in error.message


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_scans_and_pictures_are_recognised_where_ocr_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program gets the picture on stdin and the languages it has; it also runs inside the child."""
    program = tmp_path / "bin" / "tesseract"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = --list-langs ]; then echo "List:"; echo chi_sim; echo eng; echo osd; exit; fi\n'
        'head=$(head -c 2 | tr -d "\\0\\211"); echo "Seen $head"; echo; echo "with $4"; cat >/dev/null\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    scan = made(tmp_path, "scan.pdf", make_scan())
    assert check(read(scan)).text == "Seen P5\n\nwith eng+chi_sim"
    found, _, _ = read_in_child(scan)
    assert (found.text, found.pages) == ("Seen P5\n\nwith eng+chi_sim", 1)
    assert "with eng+chi_sim" in read(made(tmp_path, "a.png", b"\x89PNG\r\n\x1a\n" + bytes(50))).text
    program.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    assert "could not read" in refused(tmp_path / "a.png").message


@pytest.mark.slow
def test_a_zip_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """By its ratio, and by what is nested in it."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", b"<Types/>")
        archive.writestr("word/document.xml", bytes(200_000_000))
    path = made(tmp_path, "a.docx", bomb.getvalue())
    began = time.monotonic()
    assert "unpacks to far more" in refused(path).message
    assert time.monotonic() - began < 5
    nested = make_zip(
        tmp_path / "b.docx",
        {
            "[Content_Types].xml": b"<Types/>",
            "word/document.xml": b"<x/>",
            "word/embeddings/a.zip": bomb.getvalue(),
        },
    )
    assert "unpacks to far more" in refused(nested).message
    deep = b"text"
    for _ in range(4):
        layer = io.BytesIO()
        with zipfile.ZipFile(layer, "w") as archive:
            archive.writestr("word/inner.zip", deep)
            archive.writestr("[Content_Types].xml", b"<Types/>")
        deep = layer.getvalue()
    assert "unpacks to far more" in refused(made(tmp_path, "c.docx", deep)).message


def test_an_archive_that_lies_about_its_sizes_is_refused(tmp_path: Path) -> None:
    """What a directory claims is not believed."""
    path = make_zip(
        tmp_path / "a.docx", {"[Content_Types].xml": b"<Types/>", "word/document.xml": bytes(5_000_000)}
    )
    data = path.read_bytes().replace((5_000_000).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    error = refused(made(tmp_path, "b.docx", data))
    assert "damaged" in error.message


@pytest.mark.parametrize("kind", ["docx", "pptx", "xlsx", "odt", "epub"])
def test_archives_that_are_cut_off_or_hollow_are_damaged(tmp_path: Path, kind: str) -> None:
    """Half a file, and one whose parts are missing or garbage."""
    inside = {"docx": "word/document.xml", "pptx": "ppt/presentation.xml", "xlsx": "xl/workbook.xml"}
    entries = {inside.get(kind, "content.xml"): b"<<garbage", "[Content_Types].xml": b"<Types/>"}
    if kind in ("odt", "epub"):
        entries = {
            "mimetype": b"application/epub+zip"
            if kind == "epub"
            else b"application/vnd.oasis.opendocument.text",
            "META-INF/container.xml": b"garbage",
            **entries,
        }
    path = make_zip(tmp_path / f"a.{kind}", entries)
    assert "damaged" in refused(path).message
    data = path.read_bytes()
    assert "damaged" in refused(made(tmp_path, f"b.{kind}", data[: len(data) // 2])).message


def test_a_damaged_pdf_says_so_or_gives_what_is_left(tmp_path: Path) -> None:
    """Cut anywhere, it ends in text or a reason."""
    data = make_pdf([[(11, "Some words on a page.")]] * 5)
    assert "damaged" in refused(made(tmp_path, "a.pdf", data[:40])).message
    for cut in range(50, len(data), len(data) // 12):
        try:
            check(read(made(tmp_path, "b.pdf", data[:cut])))
        except KnowledgeError as error:
            assert error.message


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("empty.pdf", b"", "empty"),
        ("blank.txt", b" \n\t\r\n", "no text"),
        ("blank.md", b"\xef\xbb\xbf", "no text"),
        ("program.txt", b"\x7fELF\x02\x01\x01" + bytes(200), "program"),
        ("pictures.zip", b"", "empty"),
        ("noise.docx", bytes(range(256)) * 20, "damaged"),
        ("noise.txt", bytes(range(256)) * 20, "not hold text"),
        ("film.mp4", b"\x00\x00\x00\x20ftypisom" + bytes(100), "video"),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "damaged"),
        ("backup.tar.gz", b"\x1f\x8b\x08\x00" + bytes(50), "archive"),
    ],
)
def test_what_cannot_be_read_has_its_reason(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    """In words for a person."""
    assert reason in refused(made(tmp_path, name, data)).message


def test_old_and_locked_office_files_say_what_to_do(tmp_path: Path) -> None:
    """Both are compound files, told apart by what is in them."""
    old = refused(made(tmp_path, "a.doc", make_ole({"WordDocument": b"old words"})))
    assert "before 2007" in old.message
    assert ".docx" in old.hint
    locked = refused(made(tmp_path, "a.xlsx", make_ole({"EncryptedPackage": b"x", "EncryptionInfo": b"y"})))
    assert "password" in locked.message
    assert "save it without a password" in locked.hint
    assert "File › Info › Protect" in locked.hint
    assert "not read" in refused(made(tmp_path, "a.db", make_ole({"Catalog": b"x"}))).message


def test_other_things_than_files_are_refused(tmp_path: Path) -> None:
    """A folder, a missing file, and a pipe that would never end."""
    assert "not a file" in refused(tmp_path).message
    assert "not there" in refused(tmp_path / "missing.txt").message
    assert "cannot be read" in refused(tmp_path / "nul\x00.txt").message
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe.txt")
        assert "not a file" in refused(tmp_path / "pipe.txt").message


def test_a_plain_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    """Reading archives of many files would hide what is in the collection."""
    assert "archive" in refused(make_zip(tmp_path / "a.zip", {"a.txt": b"words"})).message


def test_a_file_larger_than_the_limit_is_refused_unread(tmp_path: Path) -> None:
    """A sparse gigabyte called .txt."""
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(1024**3)
    began = time.monotonic()
    assert "larger than 100 MB" in refused(path).message
    assert time.monotonic() - began < 1


def test_too_much_text_is_refused(tmp_path: Path) -> None:
    """More than could be split in time."""
    assert "million characters" in refused(made(tmp_path, "a.txt", b"some words\n\n" * 3_000_000)).message


def test_right_to_left_text_stays_in_its_order(tmp_path: Path) -> None:
    """Hebrew and Arabic with their marks."""
    text = "# עברית\n\nשלום \u200fעולם\u200e!\n\nمرحبا بالعالم"
    assert check(read(made(tmp_path, "a.md", text.encode()))).text == text


def test_a_page_nested_deeply_is_read(tmp_path: Path) -> None:
    """No recursion ends in a crash."""
    page = b"<div>" * 5_000 + b"deep" + b"</div>" * 5_000
    assert read(made(tmp_path, "a.html", b"<html><body>" + page)).text == "deep"
    markdown = b"> " * 3000 + b"deep"
    assert "deep" in check(read(made(tmp_path, "a.md", markdown))).text


def test_entities_do_not_explode_or_read_files(tmp_path: Path) -> None:
    """XML that refers to files or to itself."""
    entities = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY b "%s">]>' % (b"b" * 1000)
    document = (
        b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
        b"<w:t>words &a;&b;</w:t></w:r></w:p></w:body></w:document>"
    )
    import docx

    docx.Document().save(str(tmp_path / "plain.docx"))
    with zipfile.ZipFile(tmp_path / "plain.docx") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    entries["word/document.xml"] = entities + document
    found = read(make_zip(tmp_path / "a.docx", entries))
    assert found.text.startswith("words")
    assert "root:" not in found.text


@pytest.mark.slow
def test_ten_thousand_pages_are_read_within_the_limits(tmp_path: Path) -> None:
    """With every page's number."""
    line = "A line of body text that is as wide as the page and ends here."
    path = made(tmp_path, "long.pdf", make_pdf([[(11, f"{number} {line}")] * 20 for number in range(10_000)]))
    found, spans, seen = read_in_child(path)
    assert found.pages == 10_000
    assert {span.page for span in spans} == set(range(1, 10_001))
    assert len(seen) > 10


@pytest.mark.slow
def test_a_sheet_that_claims_every_cell_ends_within_the_limits(tmp_path: Path) -> None:
    """Two cells at the far corners of a sheet make seventeen thousand million."""
    xlsxwriter = pytest.importorskip("xlsxwriter")
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    sheet = book.add_worksheet()
    sheet.write(0, 0, "first")
    sheet.write(1_048_575, 16_383, "last")
    book.close()
    with pytest.raises(KnowledgeError):
        read_in_child(tmp_path / "a.xlsx")
