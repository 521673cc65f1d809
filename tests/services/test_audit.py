from __future__ import annotations

import asyncio
from pathlib import Path

from mastra_desktop.ops.redaction import KnownSecrets
from mastra_desktop.services.audit import KEY_NAME, AuditService
from mastra_desktop.store.database import Database
from mastra_desktop.store.secrets import Secrets
from tests.store.test_secrets import Vault


def test_a_key_that_is_none_does_not_end_the_app(tmp_path: Path) -> None:
    """With nonsense where the log's key should be nothing is recorded; what runs inside goes on, and ends."""

    async def main() -> None:
        database = await Database.open(f"sqlite:///{tmp_path / 'mastra.db'}")
        secrets = Secrets(find_backend=Vault)
        await secrets.open()
        await secrets.set(KEY_NAME, "one:no key")
        service = AuditService(database, secrets, KnownSecrets())
        try:
            async with asyncio.timeout(10), service.running():
                service.record("user", "key.set", "work")
                assert await service.entries() == []
        finally:
            await database.close()

    asyncio.run(main())
