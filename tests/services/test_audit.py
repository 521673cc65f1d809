from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import Connection

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


def test_a_full_disk_delays_rows(tmp_path: Path) -> None:
    """What could not be written is written, in order and before what comes next, once there is room again."""

    async def main() -> None:
        database = await Database.open(f"sqlite:///{tmp_path / 'mastra.db'}")
        service = AuditService(database, Secrets(find_backend=Vault), KnownSecrets())
        try:
            async with asyncio.timeout(20), service.running():
                await database.write(_fill)
                long = "x" * 400
                for number in range(100):
                    service.record("user", f"key.set.{number}", long, detail=long)
                written = len(await service.entries())
                assert written < 100
                await database.write(_make_room)
                service.record("user", "key.removed", "work")
                actions = [entry.action for entry in reversed(await service.entries())]
                assert actions == [*(f"key.set.{number}" for number in range(100)), "key.removed"]
                assert (await service.verify()).verdict.ok
        finally:
            await database.close()

    asyncio.run(main())


def _fill(conn: Connection) -> None:
    pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
    conn.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")


def _make_room(conn: Connection) -> None:
    conn.exec_driver_sql(f"PRAGMA max_page_count={1 << 30}")
