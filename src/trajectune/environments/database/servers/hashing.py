"""AgentBench's hash of a table, by which its database task judges a change.

The rule (arXiv 2308.03688; dbbench's task code): every row's cells are joined with commas, NULLs left out,
and hashed with MD5, of which the first five digits count; these are sorted, joined with commas and hashed
again. Several tables: their hashes, sorted and joined with underscores. All columns are TEXT there.

MySQL joins 1,024 bytes at most, the digits of 170 rows; MariaDB joins more, and no table of AgentBench has
as many. What the rule does not see: which of two neighbouring cells is NULL, and one change in 2^20, by
chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def hash_query(table: str, columns: Sequence[str]) -> str:
    """The statement that gives the hash of a table; names as they stand in a statement."""
    return (
        "SELECT md5(group_concat(rowhash ORDER BY rowhash)) FROM "
        f"(SELECT substring(md5(concat_ws(',', {', '.join(columns)})), 1, 5) AS rowhash "
        f"FROM {table}) AS hashed"
    )


def joined(hashes: Iterable[object]) -> str:
    """The hash of several tables from those of each."""
    return "_".join(sorted(str(each) for each in hashes))


def bare(answer_md5: str) -> str:
    """A row's `answer_md5` without what Python's list of tuples puts round it."""
    return answer_md5.strip("[]()").split(",")[0].strip().strip("'")
