"""`python -m benchmarks`: every measurement, one after the other."""

import sys

from benchmarks import imports, sqlite_vs_raw

if __name__ == "__main__":
    if "--help" in sys.argv or "-h" in sys.argv:
        print(__doc__, sqlite_vs_raw.__doc__, imports.__doc__, sep="\n\n")
        raise SystemExit
    sqlite_vs_raw.main()
    print()
    imports.main()
