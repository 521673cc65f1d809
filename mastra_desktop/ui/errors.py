"""How an error looks to a person: a title by cause, what happened, and the one way forward."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from mastra_desktop.domain.errors import ErrorInfo


@dataclass(frozen=True, slots=True)
class Way:
    """A button on an error card."""

    id: str
    label: str
    icon: str = ""
    primary: bool = False


def tr(text: str) -> str:
    return QCoreApplication.translate("Errors", text)


def title_of(error: ErrorInfo) -> str:
    """The cause in two or three words."""
    return {
        "auth": tr("The key was refused"),
        "quota": tr("The account has no credit left"),
        "rate_limit": tr("Too many requests"),
        "timeout": tr("No answer in time"),
        "network": tr("No connection"),
        "provider": tr("The model could not answer"),
        "circuit_open": tr("Left alone for a while"),
        "context_length": tr("The conversation is too long"),
        "bad_request": tr("The request was refused"),
        "content_filter": tr("The provider declined to answer"),
        "config": tr("The configuration has a mistake"),
        "storage": tr("Could not save"),
        "cancelled": tr("Stopped"),
    }.get(error.code, tr("Something went wrong"))


def ways_forward(error: ErrorInfo, *, has_text: bool) -> tuple[Way, ...]:
    """What the card offers: the most helpful first."""
    to_settings = error.code in ("auth", "config")
    again = Way("retry", tr("Try again"), "refresh-cw", primary=not (has_text or to_settings))
    settings = Way("settings", tr("Open settings"), "settings", primary=to_settings and not has_text)
    switch = Way("switch_model", tr("Switch model"), "cpu")
    details = Way("copy_error", tr("Copy details"), "copy")
    first: tuple[Way, ...] = (
        (Way("continue", tr("Continue"), "play", primary=True), again) if has_text else (again,)
    )
    if to_settings:
        return (settings, *first, details)
    if error.code in ("quota", "context_length", "content_filter", "bad_request"):
        return (*first, switch, details)
    if error.code == "provider":
        return (*first, switch, settings, details)
    return (*first, switch, details)


def details_of(error: ErrorInfo) -> str:
    """The error as text for a report; it never holds a key."""
    lines = [f"{title_of(error)} ({error.code})", error.message, error.hint, error.detail]
    return "\n".join(line for line in lines if line)
