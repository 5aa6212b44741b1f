"""`python -m engine`: the command line without Qt."""

import sys

from engine.cli.main import main
from engine.core.threads import limit_spinning

if __name__ == "__main__":
    limit_spinning()
    sys.exit(main())
