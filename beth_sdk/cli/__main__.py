"""`python -m beth_sdk.cli` is `beth`: how `beth up` starts its processes, whatever is on the PATH."""

from beth_sdk.cli.main import main

if __name__ == "__main__":
    main()
