"""The forms that ids, roles and times have, as regular expressions. Apart from the models, for those who need no more
than these. Pure."""

from __future__ import annotations

# In Python `$` also matches before a last newline, hence the look-ahead, which the schemas do without: engines in other
# languages need none, and some (RE2 in Go, Rust's) know no look-ahead.
END = r"(?!\n)"
ID_PATTERN = r"^[A-Za-z0-9]+(?:(?:\.|[_-]+)[A-Za-z0-9]+)*$" + END
ROLE_PATTERN = r"^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$" + END
TOPIC_PATTERN = r"^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$" + END
VERSION_PATTERN = r"^[0-9]+\.[0-9]+$" + END
SHA256_PATTERN = r"^[0-9a-f]{64}$" + END
TIMESTAMP_PATTERN = (
    r"^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]{1,9})?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$"
) + END
