"""`python -m multiapi`: the command line."""

from multiapi.cli import main

if __name__ == "__main__":
    main()
