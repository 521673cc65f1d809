"""Mail: .eml and mailboxes with the standard library, .msg with oxmsg."""

from __future__ import annotations

import mailbox
from collections.abc import Iterator
from email.errors import HeaderParseError, MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import BlockKind, ReadText
from mastra_desktop.ingest.building import Asked, TextBuilder, clean, counted, one_line
from mastra_desktop.ingest.encodings import decode
from mastra_desktop.ingest.html import html_to_text
from mastra_desktop.ingest.plain import text_as_written

_HEADERS = ("From", "To", "Cc", "Date")


def read_eml(asked: Asked) -> ReadText:
    """One message: its subject as heading, who and when, its text, the names of what is attached."""
    builder = TextBuilder()
    data = asked.path.read_bytes()
    message = BytesParser().parsebytes(data)
    if not message.keys():  # only called a mail
        return text_as_written(decode(data))
    subject = _add_message(builder, message, None)
    return builder.done(title=subject, summary="1 message")


def read_mbox(asked: Asked) -> ReadText:
    """Messages as pages."""
    builder = TextBuilder()
    box = mailbox.mbox(asked.path, create=False)
    try:
        number = len(box)
        for page, key in enumerate(box.keys(), 1):
            asked.on_progress(page - 1, number)
            _add_message(builder, box[key], page)
        asked.on_progress(number, number)
    finally:
        box.close()
    if not number:
        return text_as_written(decode(asked.path.read_bytes()))
    return builder.done(summary=counted(number, "message"), pages=number)


def read_msg(asked: Asked) -> ReadText:
    """One message as Outlook keeps it."""
    from oxmsg import Message as OutlookMessage

    message = OutlookMessage.load(str(asked.path))
    builder = TextBuilder()
    subject = one_line(message.subject or "")
    builder.add(BlockKind.HEADING, subject, level=1)
    to = ", ".join(f"{person.name} <{person.email_address}>" for person in message.recipients)
    date = message.sent_date.isoformat(" ") if message.sent_date is not None else ""
    shown = {"From": message.sender or "", "To": to, "Date": date}
    builder.add(BlockKind.PARAGRAPH, "\n".join(f"{name}: {value}" for name, value in shown.items() if value))
    if message.body:
        builder.add_read(text_as_written(clean(message.body)))
    elif message.html_body:
        builder.add_read(html_to_text(message.html_body), deeper=1)
    _add_attachments(builder, [attached.file_name or "" for attached in message.attachments], None)
    return builder.done(title=subject, summary="1 message")


def _add_message(builder: TextBuilder, message: Message, page: int | None) -> str:
    """Adds one message; its subject."""
    subject = one_line(_header(message, "Subject"))
    builder.add(BlockKind.HEADING, subject or "(no subject)", level=1, page=page)
    shown = [(name, one_line(_header(message, name), 1000)) for name in _HEADERS]
    builder.add(
        BlockKind.PARAGRAPH, "\n".join(f"{name}: {value}" for name, value in shown if value), page=page
    )
    for read in _bodies(message):
        builder.add_read(read, page=page, deeper=1)
    names = [_attached(part) for part in message.walk()]
    _add_attachments(builder, names, page)
    return subject


def _add_attachments(builder: TextBuilder, names: list[str], page: int | None) -> None:
    named = ", ".join(one_line(name) for name in names if name)
    builder.add(BlockKind.PARAGRAPH, f"Attached: {named}" if named else "", page=page)


def _header(message: Message, name: str) -> str:
    raw = message.get(name, "")
    try:
        return str(make_header(decode_header(raw)))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return str(raw)  # wrongly encoded: as it stands


def _attached(part: Message) -> str:
    try:
        return part.get_filename() or ""
    except (MessageError, LookupError, UnicodeError, ValueError, TypeError):
        return ""


def _bodies(message: Message) -> Iterator[ReadText]:
    """The parts a person reads; of alternatives the plain one, else the page."""
    parts = [part for part in message.walk() if not part.is_multipart() and not _attached(part)]
    plain = [part for part in parts if part.get_content_type() == "text/plain"]
    pages = [part for part in parts if part.get_content_type() == "text/html"]
    texts = [text for part in plain if (text := _text(part)).strip()]
    if texts:
        yield from map(text_as_written, texts)
    else:
        yield from (html_to_text(_text(part)) for part in pages)


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return decode(payload, declared=_charset(part)) if payload else ""
    except KnowledgeError:  # a part of another kind under a wrong name
        return ""


def _charset(part: Message) -> str:
    try:
        return part.get_content_charset("") or ""
    except (LookupError, UnicodeError, ValueError):
        return ""
