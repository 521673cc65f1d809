"""What the HTTP API is a skin of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mastra_desktop.domain.errors import ErrorInfo
    from mastra_desktop.services.audit import AuditService
    from mastra_desktop.services.chat import ChatService
    from mastra_desktop.services.completions import CompletionService
    from mastra_desktop.services.conversations import ConversationsService
    from mastra_desktop.services.embedding import EmbeddingService
    from mastra_desktop.services.health import HealthService
    from mastra_desktop.services.knowledge import KnowledgeService
    from mastra_desktop.services.prices import PriceService
    from mastra_desktop.services.providers import ProvidersService
    from mastra_desktop.services.telemetry import TelemetryService
    from mastra_desktop.services.tokens import TokenService


@dataclass(frozen=True, slots=True)
class Parts:
    """`clean`: an error without the secrets that it may quote."""

    tokens: TokenService
    completions: CompletionService
    chat: ChatService
    embedding: EmbeddingService
    conversations: ConversationsService
    knowledge: KnowledgeService
    providers: ProvidersService
    prices: PriceService
    health: HealthService
    telemetry: TelemetryService
    audit: AuditService
    clean: Callable[[ErrorInfo], ErrorInfo]
