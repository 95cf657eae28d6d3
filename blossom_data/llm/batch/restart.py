"""Finds the batches of earlier runs again: by id, or by the intent in their metadata."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

from blossom_data.counters import Counters
from blossom_data.llm.batch.protocol import BatchClient, RemoteBatch
from blossom_data.llm.batch.store import BatchStore, StoredBatch


async def found_again(
    store: BatchStore, clients: Sequence[BatchClient], counters: Counters
) -> AsyncIterator[tuple[BatchClient, StoredBatch, RemoteBatch, str]]:
    """(client, batch, its remote side, how it was found) of each batch that is out.

    An intent that the provider does not list, now and after `settle_s`, was never bought, and is dropped.
    """
    by_url = {client.endpoint.base_url: client for client in clients}
    lost: defaultdict[BatchClient, dict[str, StoredBatch]] = defaultdict(dict)
    for stored in store.open_batches():
        client = by_url.get(stored.base_url)
        if client is None:
            name = stored.batch_id or "without id"
            counters.notes[f"batch {name} at {stored.endpoint} is left alone: another endpoint is set"] += 1
        elif stored.batch_id:
            yield client, stored, RemoteBatch(id=stored.batch_id, status=""), "found again"
        else:
            lost[client][stored.intent] = stored
    for client, intents in lost.items():
        for pause_s in (0.0, client.settle_s):
            await asyncio.sleep(pause_s)
            since_s = min(stored.created for stored in intents.values())
            for intent, remote in (await client.find(set(intents), since_s=since_s)).items():
                yield client, intents.pop(intent), remote, "found again by its input"
            if not intents:
                break
        for stored in intents.values():
            store.drop(stored)
