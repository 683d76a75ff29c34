"""`python -m stream.cli` is `headwater`."""

import sys

from stream.cli import main

sys.exit(main())
