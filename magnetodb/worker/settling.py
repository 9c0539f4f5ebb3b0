"""How a job waits until every process that may write knows a table as it is."""

from magnetodb.model.table import Table
from magnetodb.worker.jobs import FirstSeen, JobRun


async def settled(run: JobRun, table: Table) -> bool:
    """Whether everybody writes by the table as it is: all processes say so, or nobody may write any more who does not.
    If not, ask again in a while. Raises StorageErrors and ServiceErrors."""
    tables = run.cell.tables
    if not tables.settle_seconds:
        return True
    seen = run.first_seen.get(table.id)
    if seen is None or seen.version != table.version:
        seen = run.first_seen[table.id] = FirstSeen(table.version, await tables.generation(), run.monotonic())
    return run.monotonic() - seen.at >= tables.settle_seconds or await tables.everybody_knows(seen.generation)
