"""How a job waits until every process that may write knows a table as it is."""

from magnetodb.model.table import Table
from magnetodb.worker.jobs import JobRun


def settled(run: JobRun, table: Table) -> bool:
    """Whether this job has known the table as it is for so long that by now everybody does. If not, ask again in a
    while."""
    seconds = run.cell.tables.settle_seconds
    if not seconds:
        return True
    version, since = run.first_seen.get(table.id, (0, 0.0))
    if version != table.version:
        since = run.monotonic()
        run.first_seen[table.id] = table.version, since
    return run.monotonic() - since >= seconds
