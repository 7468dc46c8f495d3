"""`python -m commentsvc.cli`, which is how the supervisor starts its children."""

from commentsvc.cli import main

if __name__ == "__main__":
    main(prog_name="commentsvc")
