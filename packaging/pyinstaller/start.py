"""Start of the frozen program. NOT TESTED."""

import sys

from homeapp.__main__ import main

# The screen starts its hub as `sys.executable -m homeapp hub`, and frozen that is this program.
if sys.argv[1:3] == ["-m", "homeapp"]:
    del sys.argv[1:3]

if __name__ == "__main__":
    sys.exit(main())
