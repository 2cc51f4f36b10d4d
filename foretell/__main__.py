"""`python -m foretell` is the command `foretell`."""

from foretell.cli import command

if __name__ == "__main__":
    command()
