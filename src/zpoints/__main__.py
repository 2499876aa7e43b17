"""``python -m zpoints``: the command line of this very environment, whatever PATH says."""

from zpoints.cli.commands import main

if __name__ == "__main__":
    main()
