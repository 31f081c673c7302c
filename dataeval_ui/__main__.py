"""`python -m dataeval_ui` is the command line."""

import sys

from dataeval_ui.cli import main

if __name__ == "__main__":
    sys.exit(main())
