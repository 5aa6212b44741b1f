"""`python -m engine`: the command line without Qt."""

import sys

from engine.cli.main import main
from engine.core.threads import let_waiting_threads_sleep

if __name__ == "__main__":
    let_waiting_threads_sleep()
    sys.exit(main())
